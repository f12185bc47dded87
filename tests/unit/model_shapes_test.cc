#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/error.h"
#include "model/sym_shape.h"

namespace widepipe::model {
namespace {

constexpr Dim fixed(std::int64_t size) { return {.fixed = size}; }

template <typename F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(SymShape, PrintsTheBatchAsN) {
  const std::vector<std::pair<SymShape, std::string>> cases = {
      {{}, "[]"},
      {{kBatch}, "[N]"},
      {{kBatch, fixed(3), fixed(28), fixed(28)}, "[N, 3, 28, 28]"},
      {{{.fixed = 0, .per_row = 4}, fixed(1)}, "[4N, 1]"},
      {{{.fixed = 1, .per_row = 2}}, "[2N+1]"},
      {{{.fixed = -3, .per_row = 1}}, "[N-3]"},
  };
  for (const auto& [shape, text] : cases) EXPECT_EQ(to_string(shape), text);
}

TEST(SymShape, BecomesConcreteForANumberOfRows) {
  const SymShape shape = {{.fixed = 1, .per_row = 2}, fixed(5), kBatch};
  EXPECT_EQ(at(shape, 7), (Shape{15, 5, 7}));
  EXPECT_FALSE(is_fixed(shape));
  EXPECT_TRUE(is_fixed(fixed_shape({2, 3})));
  EXPECT_EQ(at(fixed_shape({2, 3}), 7), (Shape{2, 3}));
}

TEST(SymShape, Multiplies) {
  EXPECT_EQ(product({}), fixed(1));
  const SymShape shape = {kBatch, fixed(3), fixed(4)};
  EXPECT_EQ(product(shape), (Dim{.fixed = 0, .per_row = 12}));
  const SymShape twice = {kBatch, kBatch};
  EXPECT_EQ(error_of([&] { product(twice); }), "N x N elements: the batch N occurs twice");
  const SymShape huge = {fixed(std::int64_t{1} << 40), fixed(std::int64_t{1} << 40)};
  EXPECT_EQ(error_of([&] { product(huge); }),
            "1099511627776 x 1099511627776 elements do not fit in 63 bits");
}

TEST(SymShape, BroadcastsAsNumpyDoes) {
  struct Case {
    SymShape a;
    SymShape b;
    std::string result;
  };
  const std::vector<Case> cases = {
      {{kBatch, fixed(3)}, {fixed(3)}, "[N, 3]"},
      {{kBatch, fixed(1)}, {fixed(3)}, "[N, 3]"},
      {{kBatch, fixed(3)}, {fixed(1), fixed(3)}, "[N, 3]"},
      {{}, {kBatch, fixed(3)}, "[N, 3]"},
      {{kBatch, fixed(3)}, {fixed(2)}, "shapes [N, 3] and [2] cannot be broadcast together"},
      {{kBatch, fixed(3)},
       {fixed(5), fixed(3)},
       "shapes [N, 3] and [5, 3] cannot be broadcast together"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(to_string(c.a) + " and " + to_string(c.b));
    std::string result;
    const std::string error = error_of([&] { result = to_string(broadcast(c.a, c.b)); });
    EXPECT_EQ(result.empty() ? error : result, c.result);
  }
}

}  // namespace
}  // namespace widepipe::model
