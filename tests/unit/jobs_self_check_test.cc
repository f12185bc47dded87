// The row that a device must compute before it gets work, and what passes for its result.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "jobs/self_check.h"
#include "tests/unit/made_rows.h"
#include "tests/unit/onnx_builder.h"

namespace widepipe::jobs {
namespace {

using testing::OnnxBuilder;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Row i holds i, i + 1, ...; some rows cannot be read.
class Counting final : public testing::MadeRows {
 public:
  Counting(std::int64_t rows, std::set<std::int64_t> unreadable, float from = 0)
      : MadeRows("counting", rows, 3), unreadable_(std::move(unreadable)), from_(from) {}

 private:
  void read_checked(RowRange rows, DType /*as*/, std::span<std::byte> out) const override {
    if (unreadable_.contains(rows.first)) throw RunError("counting: no such row");
    for (std::size_t i = 0; i < 3; ++i) {
      const auto value = from_ + static_cast<float>(rows.first) + static_cast<float>(i);
      std::memcpy(out.data() + i * sizeof(float), &value, sizeof(float));
    }
  }

  const std::set<std::int64_t> unreadable_;
  const float from_;
};

/// x [N, 3] -> y = x + x [N, 3], and z = cast of x to i64.
std::shared_ptr<const model::Model> twice() {
  OnnxBuilder builder;
  builder.input("x", {"N", "3"})
      .node("Add", {"x", "x"}, {"y"})
      .node("Cast", {"x"}, {"z"}, {{"to", onnx::TensorProto::INT64}})
      .output("y", {"N", "3"})
      .output("z", {"N", "3"}, onnx::TensorProto::INT64);
  return model::Model::from_bytes(builder.bytes(), "twice.onnx", {});
}

mpi_runtime::StreamSource source(std::int64_t rows, std::set<std::int64_t> unreadable = {}) {
  return {{.dataset = std::make_shared<Counting>(rows, std::move(unreadable)),
           .dtype = DType::kF32,
           .bytes_per_row = 3 * sizeof(float)}};
}

template <typename T>
AlignedBuffer buffer_of(const std::vector<T>& values) {
  AlignedBuffer buffer(values.size() * sizeof(T));
  std::memcpy(buffer.data(), values.data(), buffer.size());
  return buffer;
}

float first_value(const std::vector<AlignedBuffer>& buffers) {
  float value = 0;
  std::memcpy(&value, buffers.front().data(), sizeof(value));
  return value;
}

TEST(SelfCheck, TakesARowThatCanBeRead) {
  struct Case {
    const char* what;
    std::int64_t rows;
    std::set<std::int64_t> unreadable;
    std::optional<float> first;  ///< element of the row taken
  };
  const std::vector<Case> cases = {
      {"the first", 9, {}, 0.0F},    {"the one in the middle", 9, {0}, 4.0F},
      {"the last", 9, {0, 4}, 8.0F}, {"the only one", 1, {}, 0.0F},
      {"none", 9, {0, 4, 8}, {}},    {"no rows", 0, {}, {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    const auto row = known_row(twice(), source(c.rows, c.unreadable));
    ASSERT_EQ(row.has_value(), c.first.has_value());
    if (!row) continue;
    EXPECT_EQ(first_value(row->inputs), *c.first);
    EXPECT_EQ(first_value(row->outputs), 2 * *c.first);
  }
}

/// Fast kernels may lose a NaN; the built-in device computes such rows once more, and so must this.
TEST(SelfCheck, KeepsNaN) {
  OnnxBuilder builder;
  builder.input("x", {"N", "3"}).node("Relu", {"x"}, {"y"}).output("y", {"N", "3"});
  const auto model = model::Model::from_bytes(builder.bytes(), "relu.onnx", {});
  const auto row =
      known_row(model, {{.dataset = std::make_shared<Counting>(1, std::set<std::int64_t>{}, kNan),
                         .dtype = DType::kF32,
                         .bytes_per_row = 3 * sizeof(float)}});
  ASSERT_TRUE(row);
  EXPECT_TRUE(std::isnan(first_value(row->outputs)));
}

TEST(SelfCheck, ARowTravelsAsBytes) {
  const auto model = twice();
  const auto row = known_row(model, source(5, {0}));
  const KnownRow back = unpack(*model, pack(*row));
  ASSERT_EQ(back.inputs.size(), 1U);
  ASSERT_EQ(back.outputs.size(), 2U);
  EXPECT_EQ(first_value(back.inputs), 2);
  EXPECT_EQ(why_wrong(*model, row->outputs, back.outputs, 0), "");
}

TEST(SelfCheck, SaysHowAResultIsWrong) {
  using Floats = std::vector<float>;
  using Wholes = std::vector<std::int64_t>;
  struct Case {
    const char* what;
    Floats y;
    Wholes z;
    double tolerance;
    std::string why;
  };
  const std::vector<Case> cases = {
      {"the same", {2, 4, 100}, {1, 2, 50}, 0, ""},
      {"a bit",
       {2, 4, 100.00001F},
       {1, 2, 50},
       0,
       "output 'y': 1 of 12 bytes differ, expected none"},
      {"a whole number",
       {2, 4, 100},
       {1, 3, 50},
       0,
       "output 'z': 1 of 24 bytes differ, expected none"},
      {"near enough", {2.9F, 4, 100.9F}, {1, 2, 50}, 0.01, ""},
      {"too far",
       {2, 4, 103},
       {1, 2, 50},
       0.01,
       "output 'y': elements differ by up to 3, the largest is 100"},
      {"a small element, too far",
       {7, 4, 100},
       {1, 2, 50},
       0.01,
       "output 'y': elements differ by up to 5, the largest is 100"},
      {"whole numbers are let be", {2, 4, 100}, {1, 3, 50}, 0.01, ""},
      {"not a number",
       {2, kNan, 100},
       {1, 2, 50},
       0.01,
       "output 'y': element 1 is not a number, expected 4"},
      {"an infinity",
       {2, 4, kInfinity},
       {1, 2, 50},
       0.01,
       "output 'y': elements differ by up to inf, the largest is 100"},
      {"too few", {2, 4}, {1, 2, 50}, 0.01, "output 'y' has 8 bytes, expected 12"},
  };
  const auto model = twice();
  std::vector<AlignedBuffer> expected;
  expected.push_back(buffer_of(Floats{2, 4, 100}));
  expected.push_back(buffer_of(Wholes{1, 2, 50}));
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    std::vector<AlignedBuffer> found;
    found.push_back(buffer_of(c.y));
    found.push_back(buffer_of(c.z));
    EXPECT_EQ(why_wrong(*model, expected, found, c.tolerance), c.why);
  }
}

TEST(SelfCheck, WhatIsNoNumberIsNotComparedWithinATolerance) {
  const auto model = twice();
  std::vector<AlignedBuffer> expected;
  expected.push_back(buffer_of(std::vector<float>{kNan, 1, kInfinity}));
  expected.push_back(buffer_of(std::vector<std::int64_t>{0, 0, 0}));
  std::vector<AlignedBuffer> found;
  found.push_back(buffer_of(std::vector<float>{5, 1, 6}));
  found.push_back(buffer_of(std::vector<std::int64_t>{0, 0, 0}));
  EXPECT_EQ(why_wrong(*model, expected, found, 0.01), "");
}

}  // namespace
}  // namespace widepipe::jobs
