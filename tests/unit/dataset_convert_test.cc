#include "dataset/convert.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/error.h"

namespace widepipe::dataset {
namespace {

constexpr DType kAll[] = {DType::kF32, DType::kF64, DType::kI8,  DType::kI16,
                          DType::kI32, DType::kI64, DType::kU8,  DType::kU16,
                          DType::kU32, DType::kU64, DType::kBool};

bool is_float(DType dtype) { return dtype == DType::kF32 || dtype == DType::kF64; }

TEST(Convert, NeverCutsFractions) {
  for (const DType from : kAll) {
    for (const DType to : kAll) {
      const bool cuts = is_float(from) && !is_float(to);
      EXPECT_EQ(why_not_convertible(from, to), cuts ? "fractions would be lost" : "")
          << name_of(from) << " to " << name_of(to);
    }
  }
}

template <typename From, typename To>
void expect_converted(DType from, DType to, const std::vector<From>& in,
                      const std::vector<To>& expected) {
  std::vector<To> out(in.size());
  convert(from, reinterpret_cast<const std::byte*>(in.data()), to,
          reinterpret_cast<std::byte*>(out.data()), in.size(), "here");
  EXPECT_EQ(out, expected) << name_of(from) << " to " << name_of(to);
}

TEST(Convert, KeepsValues) {
  using Bytes = std::vector<std::uint8_t>;
  constexpr std::int64_t kBig = (std::int64_t{1} << 53) + 1;
  expect_converted(DType::kU8, DType::kF32, Bytes{0, 1, 255}, std::vector<float>{0, 1, 255});
  expect_converted(DType::kI64, DType::kF64, std::vector<std::int64_t>{-3, kBig},
                   std::vector<double>{-3, 9007199254740992.0});
  expect_converted(DType::kF64, DType::kF32, std::vector<double>{0.1, -2.5},
                   std::vector<float>{0.1F, -2.5F});
  expect_converted(DType::kU64, DType::kF32,
                   std::vector<std::uint64_t>{std::numeric_limits<std::uint64_t>::max()},
                   std::vector<float>{18446744073709551616.0F});
  expect_converted(DType::kI16, DType::kI64, std::vector<std::int16_t>{-32768, 32767},
                   std::vector<std::int64_t>{-32768, 32767});
  expect_converted(DType::kU32, DType::kI64, std::vector<std::uint32_t>{4294967295U},
                   std::vector<std::int64_t>{4294967295});
  expect_converted(DType::kBool, DType::kF32, Bytes{0, 1}, std::vector<float>{0, 1});
  expect_converted(DType::kU8, DType::kBool, Bytes{0, 1, 7}, Bytes{0, 1, 1});
  expect_converted(DType::kI32, DType::kI32, std::vector<std::int32_t>{-5},
                   std::vector<std::int32_t>{-5});
  expect_converted(DType::kI64, DType::kI32, std::vector<std::int64_t>{-2147483648, 0, 2147483647},
                   std::vector<std::int32_t>{-2147483648, 0, 2147483647});
  expect_converted(DType::kU64, DType::kU8, std::vector<std::uint64_t>{255}, Bytes{255});
  expect_converted(DType::kI64, DType::kBool, std::vector<std::int64_t>{1, 0}, Bytes{1, 0});
}

template <typename From>
void expect_misfit(DType from, From value, DType to, const char* range) {
  const std::vector<From> in = {1, value, 1};
  std::vector<std::byte> out(in.size() * size_of(to));
  try {
    convert(from, reinterpret_cast<const std::byte*>(in.data()), to, out.data(), in.size(), "here");
    FAIL() << name_of(from) << " to " << name_of(to) << ": " << +value;
  } catch (const RunError& error) {
    EXPECT_EQ(error.what(), fmt::format("here: a value does not fit the model's {}, which holds {}",
                                        name_of(to), range));
  }
}

TEST(Convert, RefusesValuesThatDoNotFit) {
  expect_misfit<std::int64_t>(DType::kI64, 2147483648, DType::kI32, "-2147483648 to 2147483647");
  expect_misfit<std::int64_t>(DType::kI64, -2147483649, DType::kI32, "-2147483648 to 2147483647");
  expect_misfit<std::int8_t>(DType::kI8, -1, DType::kU8, "0 to 255");
  expect_misfit<std::int8_t>(DType::kI8, -1, DType::kU64, "0 to 18446744073709551615");
  expect_misfit<std::uint64_t>(DType::kU64, std::uint64_t{1} << 63, DType::kI64,
                               "-9223372036854775808 to 9223372036854775807");
  expect_misfit<std::int32_t>(DType::kI32, 2, DType::kBool, "0 and 1");
}

}  // namespace
}  // namespace widepipe::dataset
