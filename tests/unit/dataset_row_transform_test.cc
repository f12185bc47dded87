#include "dataset/row_transform.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "hdf5_fixture.h"

namespace widepipe::dataset {
namespace {

using Form = OutputForm;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

template <typename T, typename In>
std::vector<T> column(const RowTransform& transform, std::size_t index, std::int64_t rows,
                      const std::vector<In>& in) {
  std::vector<std::vector<std::byte>> outs;
  std::vector<std::span<std::byte>> spans;
  for (const std::size_t bytes : transform.column_bytes()) {
    outs.emplace_back(static_cast<std::size_t>(rows) * bytes);
  }
  for (auto& out : outs) spans.emplace_back(out);
  transform.apply(rows, std::as_bytes(std::span(in)), spans);
  std::vector<T> values(outs[index].size() / sizeof(T));
  std::memcpy(values.data(), outs[index].data(), outs[index].size());
  return values;
}

TEST(RowTransform, ColumnsAndNames) {
  const struct {
    Form form;
    std::int64_t k;
    DType dtype;
    Shape row;
    const char* name;
    std::vector<TransformedColumn> columns;
    std::vector<std::size_t> bytes;
  } kCases[] = {
      {Form::kRaw, 0, DType::kI16, {}, "raw", {{"", DType::kI16, {}}}, {2}},
      {Form::kRaw, 0, DType::kF64, {2, 3}, "raw", {{"", DType::kF64, {2, 3}}}, {48}},
      {Form::kSoftmax,
       0,
       DType::kF64,
       {4, 3},
       "softmax",
       {{"_softmax", DType::kF32, {4, 3}}},
       {48}},
      {Form::kArgmax, 0, DType::kU8, {3}, "argmax", {{"_argmax", DType::kI64, {}}}, {8}},
      {Form::kArgmax,
       0,
       DType::kF32,
       {4, 5, 3},
       "argmax",
       {{"_argmax", DType::kI64, {4, 5}}},
       {160}},
      {Form::kTopK,
       2,
       DType::kF32,
       {4, 3},
       "top 2",
       {{"_indices", DType::kI64, {4, 2}}, {"_values", DType::kF32, {4, 2}}},
       {64, 32}},
  };
  for (const auto& c : kCases) {
    const RowTransform transform(c.form, c.k, c.dtype, c.row);
    SCOPED_TRACE(transform.name());
    EXPECT_EQ(transform.name(), c.name);
    EXPECT_EQ(transform.column_bytes(), c.bytes);
    ASSERT_EQ(transform.columns().size(), c.columns.size());
    for (std::size_t i = 0; i < c.columns.size(); ++i) {
      EXPECT_EQ(transform.columns()[i].suffix, c.columns[i].suffix);
      EXPECT_EQ(transform.columns()[i].dtype, c.columns[i].dtype);
      EXPECT_EQ(transform.columns()[i].row_shape, c.columns[i].row_shape);
    }
  }
}

TEST(RowTransform, Refusals) {
  const struct {
    Form form;
    std::int64_t k;
    DType dtype;
    Shape row;
    const char* expected;
  } kCases[] = {
      {Form::kSoftmax, 0, DType::kI64, {3}, "softmax: expected an output of f32 or f64, found i64"},
      {Form::kSoftmax,
       0,
       DType::kF32,
       {},
       "softmax: expected rows with values on their last axis, found rows of []"},
      {Form::kArgmax,
       0,
       DType::kF32,
       {},
       "argmax: expected rows with values on their last axis, found rows of []"},
      {Form::kArgmax,
       0,
       DType::kF32,
       {3, 0},
       "argmax: expected rows with values on their last axis, found rows of [3, 0]"},
      {Form::kTopK,
       0,
       DType::kF32,
       {2, 7},
       "top k: expected k from 1 to 7, the last axis of rows of [2, 7], found 0"},
      {Form::kTopK,
       8,
       DType::kF32,
       {2, 7},
       "top k: expected k from 1 to 7, the last axis of rows of [2, 7], found 8"},
      {Form::kTopK, 7, DType::kF32, {2, 7}, "no error"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(error_of<InputError>([&] { RowTransform(c.form, c.k, c.dtype, c.row); }), c.expected);
  }
}

TEST(RowTransform, OrderOfValues) {
  const struct {
    std::vector<float> row;
    std::vector<std::int64_t> order;
  } kCases[] = {
      {{1, 3, 2, 0}, {1, 2, 0, 3}},
      {{5, 5, 5, 5}, {0, 1, 2, 3}},
      {{1, 2, 1, 2}, {1, 3, 0, 2}},
      {{0.0F, -0.0F, 0.0F, -1}, {0, 1, 2, 3}},
      {{kNan, 1, kNan, 2}, {3, 1, 0, 2}},
      {{kNan, -kInf, kInf, kNan}, {2, 1, 0, 3}},
      {{kNan, kNan, kNan, kNan}, {0, 1, 2, 3}},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(column<std::int64_t>(RowTransform(Form::kArgmax, 0, DType::kF32, {4}), 0, 1, c.row),
              (std::vector<std::int64_t>{c.order[0]}));
    for (std::int64_t k = 1; k <= 4; ++k) {
      const RowTransform top(Form::kTopK, k, DType::kF32, {4});
      const std::vector<std::int64_t> expected(c.order.begin(), c.order.begin() + k);
      EXPECT_EQ(column<std::int64_t>(top, 0, 1, c.row), expected);
      const std::vector<float> values = column<float>(top, 1, 1, c.row);
      for (std::size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(std::bit_cast<std::uint32_t>(values[i]),
                  std::bit_cast<std::uint32_t>(c.row[static_cast<std::size_t>(expected[i])]));
      }
    }
  }
}

template <typename T>
void check_type(DType dtype) {
  SCOPED_TRACE(name_of(dtype));
  const std::vector<T> rows = {1, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 0};  // two rows of [2, 3]
  EXPECT_EQ(column<T>(RowTransform(Form::kRaw, 0, dtype, {2, 3}), 0, 2, rows), rows);
  EXPECT_EQ(column<std::int64_t>(RowTransform(Form::kArgmax, 0, dtype, {2, 3}), 0, 2, rows),
            (std::vector<std::int64_t>{0, 2, 1, 0}));
  const RowTransform top(Form::kTopK, 2, dtype, {2, 3});
  EXPECT_EQ(column<std::int64_t>(top, 0, 2, rows),
            (std::vector<std::int64_t>{0, 1, 2, 0, 1, 2, 0, 1}));
  EXPECT_EQ(column<T>(top, 1, 2, rows), (std::vector<T>{1, 0, 1, 0, 1, 1, 1, 1}));
}

TEST(RowTransform, EveryType) {
  check_type<float>(DType::kF32);
  check_type<double>(DType::kF64);
  check_type<std::int8_t>(DType::kI8);
  check_type<std::int16_t>(DType::kI16);
  check_type<std::int32_t>(DType::kI32);
  check_type<std::int64_t>(DType::kI64);
  check_type<std::uint8_t>(DType::kU8);
  check_type<std::uint16_t>(DType::kU16);
  check_type<std::uint32_t>(DType::kU32);
  check_type<std::uint64_t>(DType::kU64);
  check_type<std::uint8_t>(DType::kBool);
}

TEST(RowTransform, SoftmaxIsTheNearestFloat) {
  std::mt19937 random(5);
  const RowTransform transform(Form::kSoftmax, 0, DType::kF32, {10});
  for (const float spread : {0.01F, 1.0F, 30.0F, 80.0F, 1e4F, 1e38F}) {
    std::uniform_real_distribution<float> values(-spread, spread);
    std::vector<float> rows(1000 * 10);
    for (float& value : rows) value = values(random);
    const std::vector<float> found = column<float>(transform, 0, 1000, rows);
    for (std::size_t row = 0; row < 1000; ++row) {
      long double greatest = rows[10 * row];
      long double sum = 0;
      for (std::size_t i = 0; i < 10; ++i)
        greatest = std::max<long double>(greatest, rows[10 * row + i]);
      for (std::size_t i = 0; i < 10; ++i) sum += std::exp(rows[10 * row + i] - greatest);
      for (std::size_t i = 0; i < 10; ++i) {
        const auto exact = static_cast<double>(std::exp(rows[10 * row + i] - greatest) / sum);
        // Half a unit of f32, and what f64 adds to it.
        EXPECT_NEAR(found[10 * row + i], exact, exact * 0x1.00001p-24 + 1e-45) << spread;
      }
    }
  }
}

TEST(RowTransform, SoftmaxOfOddRows) {
  const struct {
    std::vector<float> row;
    std::vector<float> expected;
  } kCases[] = {
      {{1000, 1000, -1000}, {0.5F, 0.5F, 0}},
      {{3e38F, -3e38F, 0}, {1, 0, 0}},
      {{-kInf, 0, 0}, {0, 0.5F, 0.5F}},
      {{kNan, 1, 2}, {kNan, kNan, kNan}},
      {{1, 2, kNan}, {kNan, kNan, kNan}},
      {{kInf, 1, 2}, {kNan, kNan, kNan}},
      {{-kInf, -kInf, -kInf}, {kNan, kNan, kNan}},
  };
  const RowTransform transform(Form::kSoftmax, 0, DType::kF32, {3});
  for (const auto& c : kCases) {
    const std::vector<float> found = column<float>(transform, 0, 1, c.row);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(found[i]),
                std::bit_cast<std::uint32_t>(c.expected[i]));
    }
  }
}

TEST(RowTransform, BitsThatNeverChange) {
  // Of a row, wherever it stands; known values pin them across compilers and processors.
  const std::vector<float> row = {0.1F, -2.5F, 3.75F, 1e-3F, -17, 3.7F};
  std::vector<float> rows;
  for (int i = 0; i < 7; ++i) rows.insert(rows.end(), row.begin(), row.end());
  const RowTransform transform(Form::kSoftmax, 0, DType::kF32, {6});
  const std::vector<float> one = column<float>(transform, 0, 1, row);
  const std::vector<float> seven = column<float>(transform, 0, 7, rows);
  for (std::size_t i = 0; i < seven.size(); ++i) EXPECT_EQ(seven[i], one[i % 6]);
  std::vector<std::uint32_t> bits;
  for (const float value : one) bits.push_back(std::bit_cast<std::uint32_t>(value));
  EXPECT_EQ(bits, (std::vector<std::uint32_t>{0x3c54a212, 0x3a7cb036, 0x3effa7e5, 0x3c409743,
                                              0x3005a228, 0x3ef32ff8}));
}

}  // namespace
}  // namespace widepipe::dataset
