#include "dataset/convert.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace widepipe::dataset {
namespace {

constexpr DType kAll[] = {DType::kF32, DType::kF64, DType::kI8,  DType::kI16,
                          DType::kI32, DType::kI64, DType::kU8,  DType::kU16,
                          DType::kU32, DType::kU64, DType::kBool};

TEST(Convert, AllowsExactlyTheSafePairs) {
  // Rows: stored; columns in the order of kAll.
  const struct {
    DType from;
    const char* to;
  } kCases[] = {
      {DType::kF32, "yy........."}, {DType::kF64, "yy........."},  {DType::kI8, "yyyyyy....."},
      {DType::kI16, "yy.yyy....."}, {DType::kI32, "yy..yy....."},  {DType::kI64, "yy...y....."},
      {DType::kU8, "yy.yyyyyyyy"},  {DType::kU16, "yy..yy.yyy."},  {DType::kU32, "yy...y..yy."},
      {DType::kU64, "yy.......y."}, {DType::kBool, "yyyyyyyyyyy"},
  };
  for (const auto& c : kCases) {
    std::string found;
    for (const DType to : kAll) found += why_not_convertible(c.from, to).empty() ? 'y' : '.';
    EXPECT_EQ(found, c.to) << name_of(c.from);
  }
}

TEST(Convert, SaysWhyNot) {
  EXPECT_EQ(why_not_convertible(DType::kF32, DType::kI64), "fractions would be lost");
  EXPECT_EQ(why_not_convertible(DType::kI64, DType::kI32), "only -2147483648 to 2147483647 fit");
  EXPECT_EQ(why_not_convertible(DType::kI8, DType::kU8), "only 0 to 255 fit");
  EXPECT_EQ(why_not_convertible(DType::kI32, DType::kBool), "only 0 and 1 fit");
}

template <typename From, typename To>
void expect_converted(DType from, DType to, const std::vector<From>& in,
                      const std::vector<To>& expected) {
  std::vector<To> out(in.size());
  convert(from, reinterpret_cast<const std::byte*>(in.data()), to,
          reinterpret_cast<std::byte*>(out.data()), in.size());
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
}

}  // namespace
}  // namespace widepipe::dataset
