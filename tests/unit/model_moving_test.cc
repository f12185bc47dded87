// Shapes of operators that move elements, where sizes depend on the number of rows, and what would
// make rows depend on each other.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "model/binding.h"
#include "model/evaluate.h"
#include "model/onnx_import.h"
#include "model/shape_inference.h"
#include "tests/unit/onnx_builder.h"

namespace widepipe::model {
namespace {

using ::widepipe::testing::Attr;
using ::widepipe::testing::OnnxBuilder;
using ::widepipe::testing::tensor_of;
using Ints = std::vector<std::int64_t>;

constexpr std::int64_t kInt64Max = 9223372036854775807;

/// Inputs "x" and constants; ends in a node with output "y".
struct Case {
  std::string name;
  std::vector<std::string> x;
  std::function<void(OnnxBuilder&)> nodes;
  std::string result;
  std::int64_t opset = 13;
};

void ints(OnnxBuilder& builder, const std::string& name, const Ints& values) {
  builder.constant(name, tensor_of({static_cast<std::int64_t>(values.size())}, values));
}

/// The shape of "y", or what is said after the operator.
std::string inferred(const Case& c) {
  OnnxBuilder builder(c.opset);
  builder.input("x", c.x);
  c.nodes(builder);
  Graph graph = import_graph(builder.output("y").bytes(), "m");
  try {
    bind_inputs(graph, {});
    infer_shapes(graph);
  } catch (const InputError& error) {
    const std::string text = error.what();
    const std::size_t start = text.find("operator ");
    return start == std::string::npos ? text : text.substr(start + 9);
  }
  return to_string(graph.value(graph.outputs[0].value).shape);
}

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(inferred(c), c.result);
  }
}

auto slice(Ints starts, Ints ends, Ints axes, Ints steps) {
  return [=](OnnxBuilder& b) {
    ints(b, "starts", starts);
    ints(b, "ends", ends);
    ints(b, "axes", axes);
    ints(b, "steps", steps);
    b.node("Slice", {"x", "starts", "ends", "axes", "steps"}, {"y"});
  };
}

TEST(MovingShapes, Slice) {
  const std::vector<std::string> x = {"N", "5", "4"};
  check({
      {"columns", x, slice({1}, {-1}, {1}, {2}), "[N, 2, 4]"},
      {"backwards", x, slice({-1}, {-99}, {2}, {-1}), "[N, 5, 4]"},
      {"all rows", x, slice({0, 1}, {kInt64Max, 3}, {0, 1}, {1, 1}), "[N, 2, 4]"},
      {"all rows, as some exporters say it", x, slice({0}, {1'000'000'000}, {0}, {1}), "[N, 5, 4]"},
      {"many rows are not all", x, slice({0}, {999'999'999}, {0}, {1}),
       "Slice: slice of [N, 5, 4] over axis 0, the batch: rows must not depend on each other"},
      {"two axes, one twice", x, slice({0, 0}, {1, 1}, {1, -2}, {1, 1}),
       "Slice: axis -2 is named twice"},
      {"the first row", x, slice({0}, {1}, {0}, {1}),
       "Slice: slice of [N, 5, 4] over axis 0, the batch: rows must not depend on each other"},
      {"all rows but the first", x, slice({1}, {kInt64Max}, {0}, {1}),
       "Slice: slice of [N, 5, 4] over axis 0, the batch: rows must not depend on each other"},
      {"every other row", x, slice({0}, {kInt64Max}, {0}, {2}),
       "Slice: slice of [N, 5, 4] over axis 0, the batch: rows must not depend on each other"},
      {"no step", x, slice({0}, {1}, {1}, {0}), "Slice: steps: expected steps other than 0"},
      {"lists of different lengths", x, slice({0}, {1, 2}, {1}, {1}),
       "Slice: expected as many ends, axes and steps as starts, found starts [0], ends [1, 2], "
       "axes "
       "[1] and steps [1]"},
      {"up to the number of rows", x,
       [](OnnxBuilder& b) {
         ints(b, "zero", {0});
         ints(b, "one", {1});
         b.node("Shape", {"x"}, {"s"}, {});
         b.node("Slice", {"s", "zero", "one", "zero"}, {"rows"});
         b.node("Slice", {"x", "zero", "rows", "zero"}, {"y"});
       },
       "[N, 5, 4]"},
      {"columns up to the number of rows", x,
       [](OnnxBuilder& b) {
         ints(b, "zero", {0});
         ints(b, "one", {1});
         b.node("Shape", {"x"}, {"s"}, {});
         b.node("Slice", {"s", "zero", "one", "zero"}, {"rows"});
         b.node("Slice", {"x", "zero", "rows", "one"}, {"y"});
       },
       "Slice: ends: the end N of axis 1 depends on the number of rows"},
  });
}

TEST(MovingShapes, ConcatSplitPad) {
  const std::vector<std::string> x = {"N", "6"};
  const auto concat = [](std::int64_t axis) {
    return [axis](OnnxBuilder& b) {
      b.node("Relu", {"x"}, {"r"});
      b.node("Concat", {"x", "r", "x"}, {"y"}, {Attr("axis", axis)});
    };
  };
  const auto pad = [](Ints pads) {
    return [pads](OnnxBuilder& b) {
      ints(b, "pads", pads);
      b.node("Pad", {"x", "pads"}, {"y"});
    };
  };
  check({
      {"columns", x, concat(1), "[N, 18]"},
      {"rows", x, concat(0),
       "Concat: concatenation of [N, 6] over axis 0, the batch: rows must not depend on each "
       "other"},
      {"one input is the identity", x,
       [](OnnxBuilder& b) { b.node("Concat", {"x"}, {"y"}, {Attr("axis", 0)}); }, "[N, 6]"},
      {"a table beside the rows", x,
       [](OnnxBuilder& b) {
         b.weights("t", {1, 3}).node("Concat", {"x", "t"}, {"y"}, {Attr("axis", 1)});
       },
       "Concat: input 1 ('t'): shape [1, 3] does not fit [N, 6] of input 0 along axis 1"},
      {"no axis", x, [](OnnxBuilder& b) { b.node("Concat", {"x"}, {"y"}); },
       "Concat: attribute axis is missing"},
      {"equal parts", x,
       [](OnnxBuilder& b) {
         b.node("Split", {"x"}, {"a", "y"}, {Attr("axis", 1)});
       },
       "[N, 3]"},
      {"unequal parts", x,
       [](OnnxBuilder& b) {
         ints(b, "sizes", {4, 2});
         b.node("Split", {"x", "sizes"}, {"a", "y"}, {Attr("axis", -1)});
       },
       "[N, 2]"},
      {"the last is smaller", x,
       [](OnnxBuilder& b) {
         b.node("Split", {"x"}, {"a", "b", "c", "y"}, {Attr("axis", 1), Attr("num_outputs", 4)});
       },
       "[N, 0]", 18},
      {"attribute of version 11", x,
       [](OnnxBuilder& b) {
         b.node("Split", {"x"}, {"a", "y"}, {Attr("axis", 1), Attr("split", Ints{1, 5})});
       },
       "[N, 5]", 11},
      {"rows split", x,
       [](OnnxBuilder& b) {
         b.node("Split", {"x"}, {"a", "y"});
       },
       "Split: split of [N, 6] over axis 0, the batch: rows must not depend on each other"},
      {"does not divide", x,
       [](OnnxBuilder& b) {
         b.node("Split", {"x"}, {"a", "b", "c", "y"}, {Attr("axis", 1)});
       },
       "Split: cannot split 6 elements into 4 equal parts"},
      {"does not add up", x,
       [](OnnxBuilder& b) {
         ints(b, "sizes", {4, 3});
         b.node("Split", {"x", "sizes"}, {"a", "y"}, {Attr("axis", 1)});
       },
       "Split: split: expected 2 sizes that add up to 6, found [4, 3]"},
      {"padded columns", x, pad({0, 1, 0, -2}), "[N, 5]"},
      {"padded rows", x, pad({0, 0, 1, 0}),
       "Pad: padding of [N, 6] over axis 0, the batch: rows must not depend on each other"},
      {"nothing left", x, pad({0, -4, 0, -3}),
       "Pad: pads -4 and -3 take away more than the 6 elements of axis 1"},
  });
}

TEST(MovingShapes, Gathers) {
  const std::vector<std::string> x = {"N", "6"};
  const auto gather = [](const char* op, Shape shape, std::vector<Attr> attributes) {
    return [=](OnnxBuilder& b) {
      b.constant("i", tensor_of(shape, Ints(static_cast<std::size_t>(element_count(shape)), 0)));
      b.node(op, {"x", "i"}, {"y"}, attributes);
    };
  };
  check({
      {"one column", x, gather("Gather", {}, {Attr("axis", 1)}), "[N]"},
      {"columns", x, gather("Gather", {2, 3}, {Attr("axis", 1)}), "[N, 2, 3]"},
      {"rows", x, gather("Gather", {1}, {}),
       "Gather: gather of [N, 6] over axis 0, the batch: rows must not depend on each other"},
      {"one row's elements for all", x, gather("GatherElements", {1, 2}, {Attr("axis", 1)}),
       "GatherElements: indices [1, 2] do not fit data [N, 6] along axis 1"},
      {"elements of rows", x, gather("GatherElements", {1, 6}, {}),
       "GatherElements: gather of [N, 6] over axis 0, the batch: rows must not depend on each "
       "other"},
      {"tuples that name rows", x, gather("GatherND", {1, 2}, {}),
       "GatherND: gather of [N, 6] over axis 0, the batch: rows must not depend on each other"},
      {"a table, by rows of indices", x,
       [](OnnxBuilder& b) {
         b.input("i", {"N", "5"}, onnx::TensorProto::INT64).weights("t", {9, 3});
         b.node("Gather", {"t", "i"}, {"y"});
       },
       "[N, 5, 3]"},
      {"own indices for each row", x,
       [](OnnxBuilder& b) {
         b.input("i", {"N", "2"}, onnx::TensorProto::INT64);
         b.node("GatherElements", {"x", "i"}, {"y"}, {Attr("axis", 1)});
       },
       "[N, 2]"},
      {"own tuples for each row", x,
       [](OnnxBuilder& b) {
         b.input("i", {"N", "4", "1"}, onnx::TensorProto::INT64);
         b.node("GatherND", {"x", "i"}, {"y"}, {Attr("batch_dims", 1)});
       },
       "[N, 4]"},
      {"each row's index into all rows", x,
       [](OnnxBuilder& b) {
         b.input("i", {"N", "1"}, onnx::TensorProto::INT64);
         b.node("GatherND", {"x", "i"}, {"y"});
       },
       "GatherND: gather of [N, 6] over axis 0, the batch: rows must not depend on each other"},
  });
}

/// "s" becomes [N, 6], the shape of x.
void shape_of_x(OnnxBuilder& b) { b.node("Shape", {"x"}, {"s"}); }

TEST(MovingShapes, SizesMayDependOnTheRows) {
  const std::vector<std::string> x = {"N", "6"};
  const auto tile = [](Ints repeats) {
    return [repeats](OnnxBuilder& b) {
      ints(b, "r", repeats);
      b.node("Tile", {"x", "r"}, {"y"});
    };
  };
  check({
      {"a table for each row", x,
       [](OnnxBuilder& b) {
         shape_of_x(b);
         b.weights("t", {1, 6}).node("Expand", {"t", "s"}, {"y"});
       },
       "[N, 6]"},
      {"zeros for each row", x,
       [](OnnxBuilder& b) {
         shape_of_x(b);
         b.node("ConstantOfShape", {"s"}, {"y"});
       },
       "[N, 6]"},
      {"a table tiled for each row", x,
       [](OnnxBuilder& b) {
         shape_of_x(b);
         b.weights("t", {2, 1}).node("Tile", {"t", "s"}, {"y"});
       },
       "[2N, 6]"},
      {"resized to its own size", x,
       [](OnnxBuilder& b) {
         shape_of_x(b);
         b.node("Resize", {"x", "", "", "s"}, {"y"});
       },
       "[N, 6]"},
      {"as many elements as there are", x,
       [](OnnxBuilder& b) {
         ints(b, "list", {-1});
         b.node("Size", {"x"}, {"n"}).node("Reshape", {"n", "list"}, {"l"});
         b.node("ConstantOfShape", {"l"}, {"y"});
       },
       "[6N]"},
      {"columns tiled", x, tile({1, 2}), "[N, 12]"},
      {"rows tiled", x, tile({2, 1}),
       "Tile: tiling of [N, 6] over axis 0, the batch: rows must not depend on each other"},
      {"too few repeats", x, tile({2}),
       "Tile: input 1 (repeats): expected one number for each axis of [N, 6], found [2]"},
      {"does not fit", x,
       [](OnnxBuilder& b) {
         ints(b, "shape", {5});
         b.node("Expand", {"x", "shape"}, {"y"});
       },
       "Expand: shapes [N, 6] and [5] cannot be broadcast together"},
      {"negative", x,
       [](OnnxBuilder& b) {
         ints(b, "shape", {-1, 6});
         b.node("Expand", {"x", "shape"}, {"y"});
       },
       "Expand: input 1 (shape): expected a list of sizes, found [-1, 6]"},
      {"a shape from the data", x,
       [](OnnxBuilder& b) {
         b.input("i", {"N"}, onnx::TensorProto::INT64).node("Expand", {"x", "i"}, {"y"});
       },
       "Expand: input 1 (shape): expected constant integers, 'i' (i64) depends on the inputs"},
      {"row numbers", x,
       [](OnnxBuilder& b) {
         b.constant("zero", tensor_of({}, Ints{0})).constant("one", tensor_of({}, Ints{1}));
         shape_of_x(b);
         b.node("Gather", {"s", "zero"}, {"n"}).node("Range", {"zero", "n", "one"}, {"y"});
       },
       "Range: input 1 ('n'): expected a constant, but it depends on the number of rows"},
  });
}

TEST(MovingShapes, Resampling) {
  const std::vector<std::string> x = {"N", "4", "3", "5"};
  const auto resize = [](std::vector<float> scales, std::vector<Attr> attributes) {
    return [=](OnnxBuilder& b) {
      b.constant("scales", tensor_of({static_cast<std::int64_t>(scales.size())}, scales));
      b.node("Resize", {"x", "", "scales"}, {"y"}, attributes);
    };
  };
  const auto transpose = [](Shape w, std::vector<Attr> attributes) {
    return [=](OnnxBuilder& b) {
      b.weights("w", w).node("ConvTranspose", {"x", "w"}, {"y"}, attributes);
    };
  };
  const Attr strides("strides", Ints{2, 2});
  check({
      {"scaled", x, resize({1, 1, 2, 0.7F}, {}), "[N, 4, 6, 3]"},
      {"rows scaled", x, resize({2, 1, 1, 1}, {}),
       "Resize: resize of [N, 4, 3, 5] over axis 0, the batch: rows must not depend on each "
       "other"},
      {"too few scales", x, resize({1, 2}, {}),
       "Resize: expected one scale or size for each of the axes [0, 1, 2, 3], found 2"},
      {"unknown coordinates", x,
       resize({1, 1, 2, 2}, {Attr("coordinate_transformation_mode", "corner")}),
       "Resize: attribute coordinate_transformation_mode: expected one of half_pixel, "
       "half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric, "
       "tf_half_pixel_for_nn, tf_crop_and_resize, found corner"},
      {"kept ratio", x, resize({1, 1, 2, 2}, {Attr("keep_aspect_ratio_policy", "not_larger")}),
       "Resize: attribute keep_aspect_ratio_policy: expected stretch, found not_larger"},
      {"neither scales nor sizes", x, [](OnnxBuilder& b) { b.node("Resize", {"x"}, {"y"}); },
       "Resize: expected scales or sizes, found neither"},
      {"stride 2", x, transpose({4, 7, 2, 2}, {strides}), "[N, 7, 6, 10]"},
      {"padded", x,
       transpose({4, 7, 3, 3},
                 {strides, Attr("pads", Ints{1, 1, 1, 1}), Attr("output_padding", Ints{1, 0})}),
       "[N, 7, 6, 9]"},
      {"SAME_UPPER", x, transpose({4, 7, 3, 3}, {strides, Attr("auto_pad", "SAME_UPPER")}),
       "[N, 7, 6, 10]"},
      {"groups", x, transpose({4, 3, 1, 1}, {Attr("group", 2)}), "[N, 6, 3, 5]"},
      {"wrong channels", x, transpose({5, 3, 1, 1}, {}),
       "ConvTranspose: W [5, 3, 1, 1] expects 5 input channels, found 4 in X [N, 4, 3, 5]"},
      {"wrong groups", x, transpose({4, 3, 1, 1}, {Attr("group", 3)}),
       "ConvTranspose: attribute group: expected a divisor of the 4 input channels, found 3"},
      {"padded away", x, transpose({4, 3, 1, 1}, {Attr("pads", Ints{2, 0, 1, 0})}),
       "ConvTranspose: spatial axis 0: 3 inputs, stride 1, a window of 1 taps with dilation 1 and "
       "pads 2 and 1 make 0 outputs"},
      {"output_shape of another rank", x, transpose({4, 3, 1, 1}, {Attr("output_shape", Ints{3})}),
       "ConvTranspose: attribute output_shape: expected 2 sizes, found [3]"},
      {"the largest of each channel", x,
       [](OnnxBuilder& b) { b.node("GlobalMaxPool", {"x"}, {"y"}); }, "[N, 4, 1, 1]"},
  });
}

TEST(MovingShapes, ScatterTopKAndTheirLike) {
  const std::vector<std::string> x = {"N", "6"};
  const std::vector<std::string> image = {"N", "8", "4", "6"};
  const auto with_list = [](const char* op, Ints values, std::vector<Attr> attributes) {
    return [=](OnnxBuilder& b) {
      ints(b, "l", values);
      b.node(op, {"x", "l"}, {"y"}, attributes);
    };
  };
  const auto alone = [](const char* op, std::vector<Attr> attributes) {
    return [=](OnnxBuilder& b) { b.node(op, {"x"}, {"y"}, attributes); };
  };
  const auto scatter = [](std::vector<std::string> indices, std::vector<std::string> updates,
                          const char* op, std::vector<Attr> attributes) {
    return [=](OnnxBuilder& b) {
      b.input("i", indices, onnx::TensorProto::INT64).input("u", updates);
      b.node(op, {"x", "i", "u"}, {"y"}, attributes);
    };
  };
  check({
      {"the best", x, with_list("TopK", {2}, {}), "[N, 2]"},
      {"the best of version 1", x, alone("TopK", {Attr("k", 3)}), "[N, 3]", 9},
      {"more than there are", x, with_list("TopK", {7}, {}),
       "TopK: k: expected at most the 6 elements of axis 1, found 7"},
      {"the best rows", x, with_list("TopK", {1}, {Attr("axis", 0)}),
       "TopK: top k of [N, 6] over axis 0, the batch: rows must not depend on each other"},
      {"no k", x, alone("TopK", {}), "TopK: input 1 (k) is missing"},
      {"sums", x, with_list("CumSum", {-1}, {}), "[N, 6]"},
      {"sums of rows", x, with_list("CumSum", {0}, {}),
       "CumSum: sum of [N, 6] over axis 0, the batch: rows must not depend on each other"},
      {"triangles", {"N", "3", "3"}, alone("Trilu", {}), "[N, 3, 3]", 14},
      {"a triangle of rows", x, alone("Trilu", {}),
       "Trilu: triangle of [N, 6] over axis 0, the batch: rows must not depend on each other", 14},
      {"blocks to channels", image, alone("SpaceToDepth", {Attr("blocksize", 2)}), "[N, 32, 2, 3]"},
      {"blocks that do not fit", image, alone("SpaceToDepth", {Attr("blocksize", 4)}),
       "SpaceToDepth: X [N, 8, 4, 6]: height and width are not multiples of 4"},
      {"channels to blocks", image, alone("DepthToSpace", {Attr("blocksize", 2)}), "[N, 2, 8, 12]"},
      {"channels that do not fit", image, alone("DepthToSpace", {Attr("blocksize", 3)}),
       "DepthToSpace: X [N, 8, 4, 6]: the channels are not a multiple of 3 x 3"},
      {"no block", image, alone("DepthToSpace", {}),
       "DepthToSpace: attribute blocksize: expected at least 1, found 0"},
      {"classes",
       {"N", "6"},
       [](OnnxBuilder& b) {
         b.input("i", {"N", "2"}, onnx::TensorProto::INT64);
         ints(b, "depth", {5});
         b.weights("v", {2}).node("OneHot", {"i", "depth", "v"}, {"y"}, {Attr("axis", 1)});
       },
       "[N, 5, 2]"},
      {"elements placed", x, scatter({"N", "2"}, {"N", "2"}, "ScatterElements", {Attr("axis", 1)}),
       "[N, 6]"},
      {"rows placed", x, scatter({"N", "6"}, {"N", "6"}, "ScatterElements", {}),
       "ScatterElements: scatter of [N, 6] over axis 0, the batch: rows must not depend on each "
       "other"},
      {"updates of another shape", x,
       scatter({"N", "2"}, {"N", "3"}, "ScatterElements", {Attr("axis", 1)}),
       "ScatterElements: updates: expected shape [N, 2] of the indices, found [N, 3]"},
      {"each row's place among all", x, scatter({"N", "1"}, {"N", "6"}, "ScatterND", {}),
       "ScatterND: input 1 (indices): expected a fixed shape, found [N, 1]: rows must not depend "
       "on "
       "each other"},
  });
}

TEST(MovingShapes, Recurrent) {
  const auto lstm = [](Shape w, std::vector<Attr> attributes) {
    return [=](OnnxBuilder& b) {
      b.weights("w", w).weights("r", {w[0], w[1], 5});
      b.node("LSTM", {"x", "w", "r"}, {"y"}, attributes);
    };
  };
  const Attr hidden("hidden_size", 5);
  const Attr batch_first("layout", 1);
  check({
      {"batch first", {"N", "7", "3"}, lstm({1, 20, 3}, {hidden, batch_first}), "[N, 7, 1, 5]", 14},
      {"both directions",
       {"N", "7", "3"},
       [](OnnxBuilder& b) {
         b.weights("w", {2, 15, 3}).weights("r", {2, 15, 5});
         b.node("Transpose", {"x"}, {"t"}, {Attr("perm", Ints{1, 0, 2})});
         b.node("GRU", {"t", "w", "r"}, {"y"},
                {Attr("hidden_size", 5), Attr("direction", "bidirectional")});
       },
       "[7, 2, N, 5]"},
      {"rows as steps",
       {"N", "7", "3"},
       lstm({1, 20, 3}, {hidden}),
       "LSTM: recurrence of [N, 7, 3] over axis 0, the batch: rows must not depend on each other"},
      {"wrong weights",
       {"N", "7", "3"},
       lstm({1, 15, 3}, {hidden, batch_first}),
       "LSTM: W: expected shape [1, 20, 3], found [1, 15, 3]",
       14},
      {"one state for all rows",
       {"N", "7", "3"},
       [](OnnxBuilder& b) {
         b.weights("w", {1, 20, 3}).weights("r", {1, 20, 5}).weights("h", {1, 1, 5});
         b.node("LSTM", {"x", "w", "r", "", "", "h"}, {"y"},
                {Attr("hidden_size", 5), Attr("layout", 1)});
       },
       "LSTM: initial_h: expected shape [N, 1, 5], found [1, 1, 5]",
       14},
  });
}

/// Kernels get sizes that depend on the rows for the plan's number of rows.
TEST(MovingShapes, RunForAnyNumberOfRows) {
  OnnxBuilder builder;
  builder.input("x", {"N", "2"}).weights("t", {1, 2});
  shape_of_x(builder);
  builder.node("Expand", {"t", "s"}, {"e"})
      .node("ConstantOfShape", {"s"}, {"c"}, {Attr("value", tensor_of({1}, std::vector<float>{7}))})
      .node("Concat", {"x", "e", "c"}, {"y"}, {Attr("axis", 1)});
  Graph graph = import_graph(builder.output("y").bytes(), "m");
  bind_inputs(graph, {});
  infer_shapes(graph);
  for (const std::int64_t rows : {1, 3}) {
    std::vector<Tensor> inputs;
    inputs.push_back(::widepipe::testing::random_tensor({rows, 2}, 5));
    const std::vector<Tensor> outputs = evaluate(graph, rows, inputs);
    ASSERT_EQ(outputs[0].shape(), (Shape{rows, 6}));
    const auto y = outputs[0].as<float>();
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
      EXPECT_EQ(y[row * 6], inputs[0].as<float>()[row * 2]);
      EXPECT_EQ(y[row * 6 + 2], y[2]);
      EXPECT_EQ(y[row * 6 + 5], 7.0F);
    }
  }
}

}  // namespace
}  // namespace widepipe::model
