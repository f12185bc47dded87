#include "tests/unit/moving_cases.h"

#include <fmt/format.h>

#include <cmath>
#include <initializer_list>
#include <string>
#include <utility>

namespace widepipe::kernels::testing {
namespace {

using Numbers = std::vector<double>;
using Named = std::initializer_list<std::pair<std::string, Attributes::Value>>;

Numbers ramp(int count) {
  Numbers numbers;
  for (int i = 1; i <= count; ++i) numbers.push_back(i);
  return numbers;
}

InputSpec given(Shape shape, Numbers values, DType dtype = DType::kF32) {
  return {
      .shape = std::move(shape), .constant = false, .dtype = dtype, .values = std::move(values)};
}

/// A list of known integers.
InputSpec list(Numbers values, DType dtype = DType::kI64) {
  const auto count = static_cast<std::int64_t>(values.size());
  return {.shape = {count}, .constant = true, .dtype = dtype, .values = std::move(values)};
}

InputSpec scalar(double value, DType dtype) {
  return {.shape = {}, .constant = true, .dtype = dtype, .values = {value}};
}

const InputSpec kAbsent = {.shape = {}, .constant = false, .dtype = DType::kUndefined};

Attributes with(Named values) {
  Attributes attributes;
  for (const auto& [name, value] : values) attributes.set(name, value);
  return attributes;
}

std::int64_t axis(int i) { return i; }

struct Line {
  std::string op;
  std::string name;
  std::vector<InputSpec> inputs;
  Shape output;
  Numbers expected;
  Attributes attributes = {};
  int version = 13;
  DType dtype = DType::kF32;
  bool has_rows = false;
};

MovingCase moving_case(Line line) {
  return {.spec = {.name = fmt::format("{} {}", line.op, line.name),
                   .op = line.op,
                   .version = line.version,
                   .attributes = std::move(line.attributes),
                   .inputs = std::move(line.inputs),
                   .output = std::move(line.output),
                   .activation = {},
                   .output_dtype = line.dtype},
          .expected = std::move(line.expected),
          .has_rows = line.has_rows};
}

std::vector<Line> part_lines() {
  const InputSpec x = given({2, 3}, ramp(6));
  const InputSpec huge = list({9223372036854775807.0 - 1024}, DType::kI64);
  return {
      {.op = "Concat",
       .name = "columns",
       .inputs = {x, given({2, 1}, {7, 8})},
       .output = {2, 4},
       .expected = {1, 2, 3, 7, 4, 5, 6, 8},
       .attributes = with({{"axis", axis(-1)}}),
       .has_rows = true},
      {.op = "Concat",
       .name = "rows of booleans, one part empty",
       .inputs = {given({1, 2}, {1, 0}, DType::kBool), given({0, 2}, {}, DType::kBool),
                  given({2, 2}, {0, 0, 1, 1}, DType::kBool)},
       .output = {3, 2},
       .expected = {1, 0, 0, 0, 1, 1},
       .attributes = with({{"axis", axis(0)}}),
       .dtype = DType::kBool},
      {.op = "Slice",
       .name = "step 2",
       .inputs = {given({2, 5}, ramp(10)), list({1}), huge, list({1}), list({2})},
       .output = {2, 2},
       .expected = {2, 4, 7, 9},
       .has_rows = true},
      {.op = "Slice",
       .name = "backwards from before the begin of time",
       .inputs = {given({5}, ramp(5)), list({-2}), list({-9e18}), list({-1}), list({-2})},
       .output = {2},
       .expected = {4, 2}},
      {.op = "Slice",
       .name = "start before the front, backwards",
       .inputs = {given({3}, ramp(3)), list({-7}), list({-9}), list({0}), list({-1})},
       .output = {1},
       .expected = {1}},
      {.op = "Slice",
       .name = "one element by a huge step",
       .inputs = {given({2, 3}, ramp(6)), list({2}), list({-9}), list({1}), list({-9e18})},
       .output = {2, 1},
       .expected = {3, 6}},
      {.op = "Slice",
       .name = "nothing",
       .inputs = {given({3}, ramp(3)), list({2}), list({1})},
       .output = {0},
       .expected = {}},
      {.op = "Slice",
       .name = "attributes of version 9",
       .inputs = {given({2, 3}, ramp(6), DType::kI16)},
       .output = {2, 1},
       .expected = {3, 6},
       .attributes = with({{"starts", Shape{-1}}, {"ends", Shape{99}}, {"axes", Shape{1}}}),
       .version = 9,
       .dtype = DType::kI16,
       .has_rows = true},
      {.op = "Pad",
       .name = "constant given at run time, one side cropped",
       .inputs = {given({2, 3}, ramp(6)), list({0, 1, 0, -1}), given({}, {9})},
       .output = {2, 3},
       .expected = {9, 1, 2, 9, 4, 5},
       .has_rows = false},
      {.op = "Pad",
       .name = "zeros in the middle axis",
       .inputs = {given({2, 1, 2}, ramp(4), DType::kI64), list({0, 1, 0, 0, 0, 0})},
       .output = {2, 2, 2},
       .expected = {0, 0, 1, 2, 0, 0, 3, 4},
       .dtype = DType::kI64,
       .has_rows = true},
      {.op = "Pad",
       .name = "reflection longer than the axis",
       .inputs = {given({1, 3}, ramp(3)), list({0, 5, 0, 2})},
       .output = {1, 10},
       .expected = {2, 1, 2, 3, 2, 1, 2, 3, 2, 1},
       .attributes = with({{"mode", "reflect"}}),
       .has_rows = true},
      {.op = "Pad",
       .name = "edges of both axes",
       .inputs = {given({2, 2}, ramp(4)), list({1, 1, 0, 1})},
       .output = {3, 4},
       .expected = {1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4},
       .attributes = with({{"mode", "edge"}})},
      {.op = "Pad",
       .name = "wrap, named axes",
       .inputs = {given({2, 3}, ramp(6)), list({2, 1}), kAbsent, list({-1})},
       .output = {2, 6},
       .expected = {2, 3, 1, 2, 3, 1, 5, 6, 4, 5, 6, 4},
       .attributes = with({{"mode", "wrap"}}),
       .version = 19,
       .has_rows = true},
      {.op = "Pad",
       .name = "value of version 2",
       .inputs = {given({1, 1, 2}, {1, 2})},
       .output = {1, 1, 4},
       .expected = {-1, 1, 2, -1},
       .attributes = with({{"pads", Shape{0, 0, 1, 0, 0, 1}}, {"value", -1.0F}}),
       .version = 2,
       .has_rows = true},
  };
}

std::vector<Line> gather_lines() {
  const InputSpec table = {
      .shape = {3, 2}, .constant = true, .dtype = DType::kF32, .values = ramp(6)};
  const auto indices = [](Shape shape, Numbers values) {
    return given(std::move(shape), std::move(values), DType::kI64);
  };
  return {
      {.op = "Gather",
       .name = "embedding",
       .inputs = {table, indices({2, 3}, {2, -3, 1, 0, -1, 1})},
       .output = {2, 3, 2},
       .expected = {5, 6, 1, 2, 3, 4, 1, 2, 5, 6, 3, 4},
       .has_rows = true},
      {.op = "Gather",
       .name = "one column, i32",
       .inputs = {given({2, 3}, ramp(6), DType::kU8), scalar(-1, DType::kI32)},
       .output = {2},
       .expected = {3, 6},
       .attributes = with({{"axis", axis(1)}}),
       .dtype = DType::kU8},
      {.op = "GatherElements",
       .name = "fewer indices than elements",
       .inputs = {given({2, 3}, ramp(6)), indices({2, 2}, {2, 0, -1, 0})},
       .output = {2, 2},
       .expected = {3, 1, 6, 4},
       .attributes = with({{"axis", axis(1)}}),
       .has_rows = true},
      {.op = "GatherElements",
       .name = "down the columns",
       .inputs = {given({3, 2}, ramp(6)), indices({1, 2}, {2, 1})},
       .output = {1, 2},
       .expected = {5, 4}},
      {.op = "GatherND",
       .name = "an element of each row",
       .inputs = {given({2, 2, 2}, ramp(8)), indices({2, 1, 2}, {1, 0, 0, -1})},
       .output = {2, 1},
       .expected = {3, 6},
       .attributes = with({{"batch_dims", axis(1)}}),
       .has_rows = true},
      {.op = "GatherND",
       .name = "rows of a table",
       .inputs = {table, indices({2, 1}, {-1, 0})},
       .output = {2, 2},
       .expected = {5, 6, 1, 2},
       .has_rows = true},
  };
}

std::vector<Line> expand_lines() {
  const InputSpec x = given({2, 1}, {1, 2});
  return {
      {.op = "Expand",
       .name = "both ways",
       .inputs = {given({2, 1, 2}, ramp(4)), list({2, 1, 2, 1})},
       .output = {2, 2, 2, 2},
       .expected = {1, 2, 1, 2, 3, 4, 3, 4, 1, 2, 1, 2, 3, 4, 3, 4}},
      {.op = "Expand",
       .name = "columns",
       .inputs = {x, list({1, 3})},
       .output = {2, 3},
       .expected = {1, 1, 1, 2, 2, 2},
       .has_rows = true},
      {.op = "Tile",
       .name = "both axes",
       .inputs = {given({2, 2}, ramp(4)), list({2, 2})},
       .output = {4, 4},
       .expected = {1, 2, 1, 2, 3, 4, 3, 4, 1, 2, 1, 2, 3, 4, 3, 4}},
      {.op = "Tile",
       .name = "no times",
       .inputs = {x, list({1, 0})},
       .output = {2, 0},
       .expected = {}},
      {.op = "ConstantOfShape",
       .name = "zeros by default",
       .inputs = {list({2, 1})},
       .output = {2, 1},
       .expected = {0, 0}},
      {.op = "Range",
       .name = "downwards",
       .inputs = {scalar(3, DType::kI64), scalar(-4, DType::kI64), scalar(-3, DType::kI64)},
       .output = {3},
       .expected = {3, 0, -3},
       .dtype = DType::kI64},
      {.op = "Size",
       .name = "of three axes",
       .inputs = {given({2, 3, 1}, ramp(6))},
       .output = {},
       .expected = {6},
       .dtype = DType::kI64},
  };
}

std::vector<Line> resample_lines() {
  const InputSpec square = given({1, 1, 2, 2}, ramp(4));
  return {
      {.op = "Resize",
       .name = "nearest, asymmetric, floor, by 2",
       .inputs = {square, kAbsent, list({1, 1, 2, 2}, DType::kF32)},
       .output = {1, 1, 4, 4},
       .expected = {1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4},
       .attributes =
           with({{"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}}),
       .has_rows = true},
      {.op = "Resize",
       .name = "bytes to a stated size",
       .inputs = {given({1, 3}, ramp(3), DType::kU8), kAbsent, kAbsent, list({1, 7})},
       .output = {1, 7},
       .expected = {1, 1, 1, 2, 2, 3, 3},
       .attributes =
           with({{"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}}),
       .dtype = DType::kU8},
      {.op = "Resize",
       .name = "linear of version 10",
       .inputs = {given({1, 2}, {1, 3}), list({1, 2}, DType::kF32)},
       .output = {1, 4},
       .expected = {1, 2, 3, 3},
       .attributes = with({{"mode", "linear"}}),
       .version = 10,
       .has_rows = true},
      {.op = "Resize",
       .name = "linear along one named axis",
       .inputs = {given({2, 2}, {1, 3, 5, 9}), kAbsent, list({2}, DType::kF32)},
       .output = {2, 4},
       .expected = {1, 1.5, 2.5, 3, 5, 6, 8, 9},
       .attributes = with({{"mode", "linear"}, {"axes", Shape{1}}}),
       .version = 18,
       .has_rows = true},
      {.op = "Upsample",
       .name = "attribute of version 7",
       .inputs = {given({1, 1, 2}, {1, 2})},
       .output = {1, 1, 6},
       .expected = {1, 1, 1, 2, 2, 2},
       .attributes = with({{"scales", std::vector<float>{1, 1, 3}}}),
       .version = 7,
       .has_rows = true},
      {.op = "ConvTranspose",
       .name = "two groups, bias",
       .inputs = {given({1, 2, 2}, {1, 2, 3, 4}),
                  {.shape = {2, 1, 2}, .constant = true, .values = {1, 10, 1, 100}},
                  {.shape = {2}, .constant = true, .values = {0.5, 0}}},
       .output = {1, 2, 4},
       .expected = {1.5, 10.5, 2.5, 20.5, 3, 300, 4, 400},
       .attributes = with({{"group", axis(2)}, {"strides", Shape{2}}}),
       .has_rows = true},
      {.op = "ConvTranspose",
       .name = "windows overlap, pads",
       .inputs = {given({1, 1, 3}, {1, 2, 3}),
                  {.shape = {1, 1, 3}, .constant = true, .values = {1, 10, 100}}},
       .output = {1, 1, 3},
       .expected = {12, 123, 230},
       .attributes = with({{"pads", Shape{1, 1}}}),
       .has_rows = true},
      {.op = "ConvTranspose",
       .name = "an output_shape beyond all windows",
       .inputs = {given({1, 1, 1}, {2}), {.shape = {1, 1, 1}, .constant = true, .values = {3}}},
       .output = {1, 1, 2},
       .expected = {6, 0},
       .attributes = with({{"output_shape", Shape{2}}}),
       .has_rows = true},
      {.op = "GlobalMaxPool",
       .name = "NaN stays",
       .inputs = {given({1, 2, 3}, {-1, -2, -3, 4, std::nan(""), 6})},
       .output = {1, 2, 1},
       .expected = {-1, std::nan("")},
       .has_rows = true},
  };
}

std::vector<Line> order_lines() {
  const double nan = std::nan("");
  const auto indices = [](Shape shape, Numbers values) {
    return given(std::move(shape), std::move(values), DType::kI64);
  };
  return {
      {.op = "TopK",
       .name = "NaN is the largest, equals in their order",
       .inputs = {given({2, 4}, {1, nan, 3, 3, 4, 2, 4, 4}), list({3})},
       .output = {2, 3},
       .expected = {nan, 3, 3, 4, 4, 4},
       .has_rows = true},
      {.op = "TopK",
       .name = "the smallest down the columns",
       .inputs = {given({3, 2}, {5, -1, 4, 7, 6, 0}, DType::kI32), list({2})},
       .output = {2, 2},
       .expected = {4, -1, 5, 0},
       .attributes = with({{"axis", axis(0)}, {"largest", axis(0)}}),
       .dtype = DType::kI32},
      {.op = "OneHot",
       .name = "values given at run time; what is no class is off",
       .inputs = {indices({2, 3}, {0, -1, 2, 3, -4, 1}), scalar(3, DType::kI64),
                  given({2}, {7, 9}, DType::kI16)},
       .output = {2, 3, 3},
       .expected = {9, 7, 7, 7, 7, 9, 7, 7, 9, 7, 7, 7, 7, 7, 7, 7, 9, 7},
       .dtype = DType::kI16},
      {.op = "OneHot",
       .name = "floats as indices, NaN among them",
       .inputs = {given({3}, {1, nan, 1e30}),
                  scalar(2, DType::kI64),
                  {.shape = {2}, .constant = true, .values = {0, 1}}},
       .output = {3, 2},
       .expected = {0, 1, 0, 0, 0, 0},
       .has_rows = true},
      {.op = "CumSum",
       .name = "backwards without the element itself",
       .inputs = {given({2, 3}, ramp(6)), scalar(1, DType::kI32)},
       .output = {2, 3},
       .expected = {5, 3, 0, 11, 6, 0},
       .attributes = with({{"exclusive", axis(1)}, {"reverse", axis(1)}}),
       .has_rows = true},
      {.op = "CumSum",
       .name = "integers wrap around",
       .inputs = {given({2}, {2147483647, 1}, DType::kI32), scalar(0, DType::kI64)},
       .output = {2},
       .expected = {2147483647, -2147483648.0},
       .dtype = DType::kI32},
      {.op = "ScatterElements",
       .name = "some of each row",
       .inputs = {given({2, 3}, ramp(6)), indices({2, 2}, {0, 1, -1, 0}),
                  given({2, 2}, {10, 20, 30, 40})},
       .output = {2, 3},
       .expected = {10, 20, 3, 40, 5, 30},
       .attributes = with({{"axis", axis(1)}}),
       .has_rows = true},
      {.op = "ScatterElements",
       .name = "added twice",
       .inputs = {given({1, 2}, {1, 2}), indices({1, 2}, {1, 1}), given({1, 2}, {10, 100})},
       .output = {1, 2},
       .expected = {1, 112},
       .attributes = with({{"axis", axis(1)}, {"reduction", "add"}}),
       .version = 16,
       .has_rows = true},
      {.op = "ScatterND",
       .name = "the largest of bytes",
       .inputs = {given({2, 2}, {1, 9, 3, 4}, DType::kU8), indices({2, 1}, {0, -1}),
                  given({2, 2}, {5, 6, 7, 8}, DType::kU8)},
       .output = {2, 2},
       .expected = {5, 9, 7, 8},
       .attributes = with({{"reduction", "max"}}),
       .version = 18,
       .dtype = DType::kU8},
      {.op = "Trilu",
       .name = "below the diagonal of each row's matrix",
       .inputs = {given({2, 2, 2}, ramp(8)), scalar(-1, DType::kI64)},
       .output = {2, 2, 2},
       .expected = {0, 0, 3, 0, 0, 0, 7, 0},
       .attributes = with({{"upper", axis(0)}}),
       .version = 14,
       .has_rows = true},
      {.op = "DepthToSpace",
       .name = "CRD",
       .inputs = {given({1, 4, 1, 2}, ramp(8))},
       .output = {1, 1, 2, 4},
       .expected = {1, 3, 2, 4, 5, 7, 6, 8},
       .attributes = with({{"blocksize", axis(2)}, {"mode", "CRD"}}),
       .has_rows = true},
      {.op = "SpaceToDepth",
       .name = "bytes",
       .inputs = {given({1, 1, 2, 2}, ramp(4), DType::kU8)},
       .output = {1, 4, 1, 1},
       .expected = {1, 2, 3, 4},
       .attributes = with({{"blocksize", axis(2)}}),
       .dtype = DType::kU8,
       .has_rows = true},
  };
}

}  // namespace

std::vector<MovingCase> moving_cases() {
  std::vector<MovingCase> cases;
  for (auto&& lines :
       {part_lines(), gather_lines(), expand_lines(), resample_lines(), order_lines()}) {
    for (const Line& line : lines) cases.push_back(moving_case(line));
  }
  return cases;
}

}  // namespace widepipe::kernels::testing
