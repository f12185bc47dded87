#include <gtest/gtest.h>

#include "core/cpu.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/tensor.h"
#include "core/units.h"

namespace widepipe {
namespace {

TEST(Tensor, ElementCountGuardsItsRange) {
  EXPECT_EQ(element_count(Shape{}), 1);
  EXPECT_EQ(element_count(Shape{3, 0, 5}), 0);
  EXPECT_EQ(element_count(Shape{3, 4, 5}), 60);
  for (const Shape& bad : {Shape{-1, 2}, Shape{1LL << 40, 1LL << 40}}) {
    try {
      element_count(bad);
      FAIL() << "expected InputError";
    } catch (const InputError& error) {
      EXPECT_EQ(
          std::string(error.what()),
          "shape " + to_string(bad) + ": the number of elements is negative or beyond 63 bits");
    }
  }
}

TEST(Tensor, IsAlignedAndZero) {
  const Tensor tensor(DType::kF32, {3, 5});
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data()) % 64, 0U);
  EXPECT_EQ(tensor.bytes(), 60U);
  for (const float value : tensor.as<float>()) EXPECT_EQ(value, 0.0F);
}

TEST(Hash, StreamingEqualsWhole) {
  const std::string text(100'000, 'x');
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text));
  StreamingHash streaming;
  streaming.update(bytes.first(12'345));
  streaming.update(bytes.subspan(12'345));
  EXPECT_EQ(streaming.hex(), hash_hex(text));
  EXPECT_EQ(streaming.hex().size(), 32U);
  EXPECT_NE(hash_hex("a"), hash_hex("b"));
}

TEST(Units, NumbersAsPeopleReadThem) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(-1234567), "-1,234,567");
  EXPECT_EQ(bytes_text(512), "512 B");
  EXPECT_EQ(bytes_text(31'400'000), "31.4 MB");
  EXPECT_EQ(scaled(1.09e6), "1.09 M");
  EXPECT_EQ(scaled(999'600), "1.00 M");
  EXPECT_EQ(duration_text(0.84), "0.84 s");
  EXPECT_EQ(duration_text(59.7), "1 min 00 s");
  EXPECT_EQ(duration_text(185), "3 min 05 s");
  EXPECT_EQ(duration_text(7620), "2 h 07 min");
}

TEST(Cpu, ParsesTheCgroupQuota) {
  EXPECT_EQ(parse_cpu_max("200000 100000"), 2.0);
  EXPECT_EQ(parse_cpu_max("150000 100000"), 1.5);
  EXPECT_EQ(parse_cpu_max("max 100000"), std::nullopt);
  EXPECT_EQ(parse_cpu_max(""), std::nullopt);
}

TEST(Memory, NumbersHaveNames) {
  const std::string text =
      "MemTotal: 24105 kB\nMemAvailable:   512 kB\nempty\ntotal_inactive_file 7\n";
  EXPECT_EQ(parse_named_number(text, "MemAvailable:"), 512U);
  EXPECT_EQ(parse_named_number(text, "total_inactive_file"), 7U);
  EXPECT_EQ(parse_named_number(text, "inactive_file"), std::nullopt);
  EXPECT_EQ(parse_named_number(text, "empty"), std::nullopt);
  EXPECT_EQ(parse_named_number("", "MemAvailable:"), std::nullopt);
}

TEST(Memory, WhatIsFreeIsLessThanAll) {
  EXPECT_GT(free_memory_bytes(), 0U);
  EXPECT_LT(free_memory_bytes(), memory_bytes());
}

TEST(Cpu, UsableIsTheTightestLimit) {
  struct Case {
    int cores;
    double quota;
    int expected;
  };
  for (const Case& c :
       {Case{8, 0, 8}, Case{8, 2.0, 2}, Case{8, 2.9, 2}, Case{2, 6.0, 2}, Case{4, 0.5, 1}}) {
    EXPECT_EQ((CpuBudget{.cores = c.cores, .quota_cores = c.quota}.usable()), c.expected);
  }
}

TEST(Cpu, ReadsThisMachine) {
  const CpuBudget budget = read_cpu_budget();
  EXPECT_FALSE(budget.cpus.empty());
  EXPECT_GE(budget.cores, 1);
  EXPECT_LE(budget.cores, static_cast<int>(budget.cpus.size()));
}

}  // namespace
}  // namespace widepipe
