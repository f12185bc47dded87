#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"
#include "model/binding.h"
#include "model/onnx_import.h"
#include "model/shape_inference.h"
#include "tests/unit/onnx_builder.h"

namespace widepipe::model {
namespace {

using ::widepipe::testing::Attr;
using ::widepipe::testing::OnnxBuilder;
using ::widepipe::testing::tensor_of;
using Ints = std::vector<std::int64_t>;

/// The shape of output "y" of node "n", or what is said after the node and the operator.
std::string inferred(OnnxBuilder& builder) {
  Graph graph = import_graph(builder.output("y").bytes(), "m");
  bind_inputs(graph, {});
  try {
    infer_shapes(graph);
  } catch (const InputError& error) {
    const std::string text = error.what();
    const std::string& op = graph.nodes.back().op;
    const std::string prefix = fmt::format("m: node 'y/{}' (#0), operator {}: ", op, op);
    EXPECT_TRUE(text.starts_with(prefix)) << text;
    return text.substr(prefix.size());
  }
  return to_string(graph.value(graph.outputs[0].value).shape);
}

/// A node of one operator on an input "x" and constants.
struct Case {
  std::string op;
  std::vector<std::string> x;
  std::vector<Shape> constants;
  std::vector<Attr> attributes;
  std::string result;
  std::int64_t opset = 13;
};

void check(const std::vector<Case>& cases) {
  int number = 0;
  for (const Case& c : cases) {
    SCOPED_TRACE(fmt::format("{} case {}", c.op, number++));
    OnnxBuilder builder(c.opset);
    builder.input("x", c.x);
    std::vector<std::string> inputs = {"x"};
    for (const Shape& shape : c.constants) {
      inputs.push_back(fmt::format("c{}", inputs.size()));
      builder.weights(inputs.back(), shape);
    }
    builder.node(c.op, inputs, {"y"}, c.attributes);
    EXPECT_EQ(inferred(builder), c.result);
  }
}

TEST(ShapeInference, Conv) {
  const std::vector<std::string> image = {"N", "4", "9", "8"};
  check({
      {"Conv", image, {{6, 4, 3, 3}}, {}, "[N, 6, 7, 6]"},
      {"Conv", image, {{6, 4, 3, 3}, {6}}, {Attr("pads", Ints{1, 1, 1, 1})}, "[N, 6, 9, 8]"},
      {"Conv", image, {{6, 4, 3, 3}}, {Attr("pads", Ints{1, 0, 2, 0})}, "[N, 6, 10, 6]"},
      {"Conv", image, {{6, 4, 3, 3}}, {Attr("strides", Ints{2, 3})}, "[N, 6, 4, 2]"},
      {"Conv", image, {{6, 4, 3, 3}}, {Attr("dilations", Ints{2, 3})}, "[N, 6, 5, 2]"},
      {"Conv", image, {{6, 2, 1, 1}}, {Attr("group", 2)}, "[N, 6, 9, 8]"},
      {"Conv",
       image,
       {{6, 4, 3, 3}},
       {Attr("auto_pad", "SAME_UPPER"), Attr("strides", Ints{2, 2})},
       "[N, 6, 5, 4]"},
      {"Conv", image, {{6, 4, 3, 3}}, {Attr("auto_pad", "VALID")}, "[N, 6, 7, 6]"},
      {"Conv", {"N", "2", "5"}, {{1, 2, 5}}, {}, "[N, 1, 1]"},
      {"Conv", {"N", "2", "5", "5", "5"}, {{1, 2, 2, 3, 4}}, {}, "[N, 1, 4, 3, 2]"},
      {"Conv",
       image,
       {{6, 3, 3, 3}},
       {},
       "W [6, 3, 3, 3] with group 1 expects 3 input channels, found 4 in X [N, 4, 9, 8]"},
      {"Conv",
       image,
       {{6, 1, 3, 3}},
       {Attr("group", 4)},
       "attribute group: expected a divisor of the 6 output channels, found 4"},
      {"Conv",
       image,
       {{6, 4, 3}},
       {},
       "W: expected a fixed shape of 4 axes like X [N, 4, 9, 8], found [6, 4, 3]"},
      {"Conv",
       image,
       {{6, 4, 3, 3}, {4}},
       {},
       "B: expected shape [6], one for each output channel, found [4]"},
      {"Conv",
       image,
       {{6, 4, 3, 3}},
       {Attr("kernel_shape", Ints{5, 5})},
       "attribute kernel_shape: expected [3, 3] as in W [6, 4, 3, 3], found [5, 5]"},
      {"Conv",
       image,
       {{6, 4, 10, 3}},
       {},
       "spatial axis 0: a window of 10 taps with dilation 1 is larger than 9 inputs with pads 0 "
       "and 0"},
      {"Conv",
       image,
       {{6, 4, 3, 3}},
       {Attr("auto_pad", "SAME")},
       "attribute auto_pad: expected NOTSET, SAME_UPPER, SAME_LOWER or VALID, found SAME"},
      {"Conv",
       image,
       {{6, 4, 3, 3}},
       {Attr("strides", Ints{0, 1})},
       "attribute strides: expected 2 values of at least 1, found [0, 1]"},
      {"Conv",
       image,
       {{6, 4, 3, 3}},
       {Attr("group", 1.0F)},
       "attribute group: expected an integer, found a float"},
      {"Conv", {"N", "4"}, {{6, 4}}, {}, "X: expected at least 3 axes, found [N, 4]"},
  });
}

TEST(ShapeInference, Pools) {
  const std::vector<std::string> image = {"N", "4", "7", "6"};
  const Attr window("kernel_shape", Ints{3, 3});
  const Attr strides("strides", Ints{2, 2});
  check({
      {"MaxPool", image, {}, {window}, "[N, 4, 5, 4]"},
      {"MaxPool", image, {}, {window, strides}, "[N, 4, 3, 2]"},
      {"MaxPool", image, {}, {window, strides, Attr("ceil_mode", 1)}, "[N, 4, 3, 3]"},
      // The third window along the last axis would start in the padding.
      {"MaxPool",
       {"N", "1", "4", "4"},
       {},
       {Attr("kernel_shape", Ints{1, 1}), strides, Attr("ceil_mode", 1),
        Attr("pads", Ints{0, 0, 0, 1})},
       "[N, 1, 2, 2]"},
      {"AveragePool", image, {}, {window, Attr("auto_pad", "SAME_LOWER")}, "[N, 4, 7, 6]"},
      {"GlobalAveragePool", image, {}, {}, "[N, 4, 1, 1]"},
      {"GlobalAveragePool", {"N", "4", "7"}, {}, {}, "[N, 4, 1]"},
      {"MaxPool", image, {}, {}, "attribute kernel_shape is missing"},
      {"MaxPool",
       image,
       {},
       {Attr("kernel_shape", Ints{3})},
       "a window of shape [3] does not fit an input of shape [7, 6]"},
      {"GlobalAveragePool", {"N", "4"}, {}, {}, "X: expected at least 3 axes, found [N, 4]"},
  });
}

TEST(ShapeInference, Products) {
  const Attr trans_a("transA", 1);
  const Attr trans_b("transB", 1);
  check({
      {"Gemm", {"N", "4"}, {{4, 5}}, {}, "[N, 5]"},
      {"Gemm", {"N", "4"}, {{5, 4}, {5}}, {trans_b}, "[N, 5]"},
      {"Gemm", {"N", "4"}, {{4, 5}, {1, 5}}, {}, "[N, 5]"},
      {"Gemm", {"N", "4"}, {{4, 5}, {}}, {}, "[N, 5]"},
      {"Gemm",
       {"N", "4"},
       {{5, 4}},
       {},
       "A [N, 4] times B [5, 4]: the inner dimensions 4 and 5 differ"},
      {"Gemm",
       {"N", "4"},
       {{3, 5}},
       {trans_a},
       "A [N, 4] times B [3, 5] sums over the batch: rows must not depend on each other"},
      {"Gemm", {"N", "4", "1"}, {{4, 5}}, {}, "A: expected a matrix, found shape [N, 4, 1]"},
      {"Gemm",
       {"N", "4"},
       {{4, 5}, {2, 5}},
       {},
       "shapes [N, 5] and [2, 5] cannot be broadcast together"},
      {"Gemm", {"N", "4"}, {{4, 1}, {5}}, {}, "C: shape [5] cannot be broadcast to [N, 1]"},
      {"MatMul", {"N", "4"}, {{4, 5}}, {}, "[N, 5]"},
      {"MatMul", {"N", "4"}, {{4}}, {}, "[N]"},
      {"MatMul", {"N", "2", "3", "4"}, {{2, 4, 5}}, {}, "[N, 2, 3, 5]"},
      {"MatMul", {"N", "3", "4"}, {{7, 1, 4, 5}}, {}, "[7, N, 3, 5]"},
      {"MatMul",
       {"N"},
       {{3}},
       {},
       "A [N] times B [3] sums over the batch: rows must not depend on each other"},
      {"MatMul", {"N", "4"}, {{}}, {}, "expected at least one axis, found A [N, 4] and B []"},
  });
}

TEST(ShapeInference, Elementwise) {
  check({
      {"Relu", {"N", "4"}, {}, {}, "[N, 4]"},
      {"Clip", {"N", "4"}, {{}, {1}}, {}, "[N, 4]"},
      {"Clip", {"N", "4"}, {{2}}, {}, "min: expected one element, found shape [2]"},
      {"Add", {"N", "3", "4"}, {{4}}, {}, "[N, 3, 4]"},
      {"Add", {"N", "3", "1"}, {{3, 4}}, {}, "[N, 3, 4]"},
      {"Add", {"N", "3"}, {{2, 1, 3}}, {}, "[2, N, 3]"},
      {"Add", {"N", "3"}, {{4, 3}}, {}, "shapes [N, 3] and [4, 3] cannot be broadcast together"},
      {"Add", {"N", "3", "4"}, {{3}}, {Attr("broadcast", 1), Attr("axis", 1)}, "[N, 3, 4]", 6},
      {"Add",
       {"N", "3", "4"},
       {{3}},
       {Attr("broadcast", 1)},
       "shapes [N, 3, 4] and [3] cannot be broadcast together",
       6},
      {"Add",
       {"N", "3"},
       {{3}},
       {},
       "expected inputs of one shape, as broadcast is 0, found [N, 3] and [3]",
       6},
      {"BatchNormalization", {"N", "3", "4"}, {{3}, {3}, {3}, {3}}, {}, "[N, 3, 4]"},
      {"BatchNormalization",
       {"N", "3", "4"},
       {{3}, {3}, {4}, {3}},
       {},
       "mean: expected shape [3], one for each channel of X, found [4]"},
      {"BatchNormalization",
       {"N", "3", "4"},
       {{3}, {3}, {3}, {3}},
       {Attr("training_mode", 1)},
       "only the inference form is supported, found training_mode 1",
       14},
      {"BatchNormalization",
       {"N", "3", "4"},
       {{3}, {3}, {3}, {3}},
       {},
       "only the inference form is supported, found is_test 0",
       6},
      {"BatchNormalization",
       {"N", "3", "4"},
       {{3}, {3}, {3}, {3}},
       {Attr("spatial", 0)},
       "attribute spatial: expected 1, found 0",
       7},
      {"Softmax", {"N", "3"}, {}, {}, "[N, 3]"},
      {"Softmax", {"N", "3", "4"}, {}, {Attr("axis", 1)}, "[N, 3, 4]"},
      {"Softmax",
       {"N", "3"},
       {},
       {Attr("axis", 0)},
       "Softmax of [N, 3] over axis 0, the batch: rows must not depend on each other"},
      {"Softmax",
       {"N", "3"},
       {},
       {Attr("axis", -2)},
       "Softmax of [N, 3] over axis 0, the batch: rows must not depend on each other"},
      {"Softmax", {"N", "3"}, {}, {Attr("axis", 2)}, "axis 2 is outside a tensor of rank 2"},
  });
}

TEST(ShapeInference, Broadcasting) {
  const std::vector<std::string> x = {"N", "3", "4"};
  check({
      {"Mul", x, {{3, 1}}, {}, "[N, 3, 4]"},
      {"Greater", {"N", "1"}, {{5, 1, 4}}, {}, "[5, N, 4]"},
      {"Sub", x, {{2, 4}}, {}, "shapes [N, 3, 4] and [2, 4] cannot be broadcast together"},
      {"Div", x, {{3}}, {Attr("broadcast", 1), Attr("axis", 1)}, "[N, 3, 4]", 6},
      {"PRelu", x, {{3, 1}}, {}, "[N, 3, 4]"},
      {"PRelu", x, {{3}}, {}, "[N, 3, 4]", 6},
      {"PRelu", x, {{2, 1}}, {}, "shapes [N, 3, 4] and [2, 1] cannot be broadcast together"},
      {"PRelu", {"N", "1"}, {{4}}, {}, "slope: shape [4] cannot be broadcast to [N, 1] of X"},
      {"Max", x, {{4}, {3, 1}}, {}, "[N, 3, 4]"},
      {"Max", x, {{4}}, {}, "expected inputs of one shape in opset 7, found [N, 3, 4] and [4]", 7},
      {"Where", x, {{4}, {4}}, {}, "condition 'x': expected bool, found f32"},
      {"Cast", x, {}, {Attr("to", 7)}, "[N, 3, 4]"},
      {"Cast", x, {}, {}, "attribute to is missing"},
      {"Cast", x, {}, {Attr("to", 10)}, "elements of type FLOAT16 are not supported"},
      {"Cast", x, {}, {Attr("to", 77)}, "elements of type type number 77 are not supported"},
  });
}

TEST(ShapeInference, Reductions) {
  const std::vector<std::string> x = {"N", "3", "4"};
  const std::string apart =
      " of [N, 3, 4] over axis 0, the batch: rows must not depend on each other";
  check({
      {"ReduceMean", x, {}, {Attr("axes", Ints{1, -1})}, "[N, 1, 1]"},
      {"ReduceMax", x, {}, {Attr("axes", Ints{-2}), Attr("keepdims", 0)}, "[N, 4]"},
      {"ReduceSum", x, {}, {Attr("noop_with_empty_axes", 1)}, "[N, 3, 4]"},
      {"ReduceSum", x, {}, {}, "ReduceSum" + apart},
      {"ReduceL2", x, {}, {Attr("axes", Ints{-3})}, "ReduceL2" + apart},
      {"ReduceMin", x, {}, {Attr("axes", Ints{3})}, "axis 3 is outside a tensor of rank 3"},
      {"ReduceMin", x, {}, {Attr("axes", Ints{1, -2})}, "axis -2 is named twice"},
      {"ReduceSum", x, {{1}}, {}, "input 1 (axes): expected i64, found f32"},
      {"ArgMax", x, {}, {Attr("axis", 1)}, "[N, 1, 4]"},
      {"ArgMin", x, {}, {}, "ArgMin" + apart},
      {"LayerNormalization", x, {{4}, {4}}, {}, "[N, 3, 4]", 17},
      {"LayerNormalization", x, {{4}}, {Attr("axis", 0)}, "LayerNormalization" + apart, 17},
      {"LayerNormalization", x, {{3}}, {}, "shapes [4] and [3] cannot be broadcast together", 17},
      {"LayerNormalization", x, {{3, 4}}, {}, "Scale: shape [3, 4] cannot be broadcast to [4]", 17},
      {"MeanVarianceNormalization", x, {}, {Attr("axes", Ints{1, 2})}, "[N, 3, 4]"},
      {"MeanVarianceNormalization",
       x,
       {},
       {Attr("axes", Ints{0, 2})},
       "MeanVarianceNormalization" + apart},
      {"LpNormalization", x, {}, {Attr("axis", 0)}, "LpNormalization" + apart},
      {"InstanceNormalization", x, {{3}, {3}}, {}, "[N, 3, 4]"},
      {"LRN", x, {}, {Attr("size", 3)}, "[N, 3, 4]"},
      {"LRN", {"N"}, {}, {Attr("size", 3)}, "X: expected at least 2 axes, found [N]"},
      {"LogSoftmax", x, {}, {Attr("axis", 0)}, "LogSoftmax" + apart},
      {"Hardmax", x, {}, {Attr("axis", 0)}, "Hardmax" + apart, 11},
  });
}

TEST(ShapeInference, MachineLearning) {
  struct MlCase {
    std::string op;
    std::vector<std::string> x;
    std::vector<Attr> attributes;
    std::string result;
  };
  const Attr labels("classlabels_int64s", Ints{4, 5, 6});
  const std::vector<MlCase> cases = {
      {"Scaler", {"N", "5"}, {}, "[N, 5]"},
      {"Scaler", {"N", "5", "6"}, {}, "X: expected rows and columns, found shape [N, 5, 6]"},
      {"Normalizer",
       {"N"},
       {},
       "the columns of [N] over axis 0, the batch: rows must not depend on each other"},
      {"Binarizer", {"N", "5"}, {}, "[N, 5]"},
      {"TreeEnsembleClassifier", {"N", "5"}, {labels}, "[N]"},
      {"TreeEnsembleClassifier",
       {"N", "5"},
       {Attr("classlabels_strings", "cat")},
       "attribute classlabels_strings: texts are not supported, only numbers"},
      {"TreeEnsembleRegressor", {"N", "5"}, {Attr("n_targets", 2)}, "[N, 2]"},
      {"LinearRegressor",
       {"N", "5"},
       {Attr("targets", 0)},
       "attribute targets: expected at least 1, found 0"},
      {"LabelEncoder",
       {"N", "5"},
       {Attr("keys_int64s", Ints{1}), Attr("values_floats", std::vector<float>{1})},
       "X: expected i64 like the keys, found f32"},
      {"LabelEncoder",
       {"N", "5"},
       {},
       "expected attribute keys_int64s, keys_floats or keys_tensor"},
      {"LabelEncoder",
       {"N", "5"},
       {Attr("keys_strings", "cat")},
       "attribute keys_strings: texts are not supported, only numbers"},
  };
  for (const MlCase& c : cases) {
    SCOPED_TRACE(c.op);
    OnnxBuilder builder;
    builder.input("x", c.x).node(c.op, {"x"}, {"y"}, c.attributes).output("y");
    builder.last_node().set_domain("ai.onnx.ml");
    auto& set = *builder.model().add_opset_import();
    set.set_domain("ai.onnx.ml");
    set.set_version(3);
    Graph graph = import_graph(builder.bytes(), "m");
    bind_inputs(graph, {});
    std::string found;
    try {
      infer_shapes(graph);
      found = to_string(graph.value(graph.outputs[0].value).shape);
    } catch (const InputError& error) {
      found = error.what();
      found = found.substr(found.find(": ", found.find("operator ")) + 2);
    }
    EXPECT_EQ(found, c.result);
  }
}

TEST(ShapeInference, Flatten) {
  check({
      {"Flatten", {"N", "3", "4"}, {}, {}, "[N, 12]"},
      {"Flatten", {"N", "3", "4"}, {}, {Attr("axis", -2)}, "[N, 12]"},
      {"Flatten", {"N", "3", "4"}, {}, {Attr("axis", 2)}, "[3N, 4]"},
      {"Flatten", {"N", "3", "4"}, {}, {Attr("axis", 3)}, "[12N, 1]"},
      {"Flatten", {"N", "3", "4"}, {}, {Attr("axis", 0)}, "[1, 12N]"},
      {"Flatten", {"N", "3"}, {}, {Attr("axis", 3)}, "axis 3 is outside a tensor of rank 2"},
  });
}

TEST(ShapeInference, Reshape) {
  struct ReshapeCase {
    std::vector<std::string> x;
    Ints shape;
    std::string result;
    bool zero_is_zero = false;
  };
  const std::vector<std::string> x = {"N", "2", "6"};
  const std::vector<ReshapeCase> cases = {
      {x, {-1, 12}, "[N, 12]"},
      {x, {0, -1}, "[N, 12]"},
      {x, {0, 3, 4}, "[N, 3, 4]"},
      {x, {0, 0, 3, -1}, "[N, 2, 3, 2]"},
      {x, {-1, 3}, "[4N, 3]"},
      {x, {-1}, "[12N]"},
      {x, {-1, 5}, "cannot reshape [N, 2, 6] to [-1, 5]: the sizes do not divide the elements"},
      {x, {1, -1}, "[1, 12N]"},
      {x, {2, -1, 6}, "[2, N, 6]"},
      {x,
       {1, 12},
       "cannot reshape [N, 2, 6] to [1, 12]: 12N elements do not fill 12 (the shape fixes the "
       "number of rows)"},
      {x, {0, 13}, "cannot reshape [N, 2, 6] to [0, 13]: 12N elements do not fill 13N"},
      {x, {-1, -1}, "cannot reshape [N, 2, 6] to [-1, -1]: expected sizes, and -1 at most once"},
      {x, {-2, 6}, "cannot reshape [N, 2, 6] to [-2, 6]: expected sizes, and -1 at most once"},
      {x, {-1, 2, 6, 0}, "cannot reshape [N, 2, 6] to [-1, 2, 6, 0]: there is no axis 3 to copy"},
      {x,
       {0, -1},
       "cannot reshape [N, 2, 6] to [0, -1]: the sizes do not divide the elements",
       true},
  };
  for (const ReshapeCase& c : cases) {
    SCOPED_TRACE(c.result);
    OnnxBuilder builder(14);
    builder.input("x", c.x);
    builder.constant("shape", tensor_of({static_cast<std::int64_t>(c.shape.size())}, c.shape));
    builder.node("Reshape", {"x", "shape"}, {"y"}, {Attr("allowzero", c.zero_is_zero ? 1 : 0)});
    EXPECT_EQ(inferred(builder), c.result);
  }
}

TEST(ShapeInference, ReshapeNeedsAConstantShape) {
  OnnxBuilder computed;
  computed.input("x", {"N", "4"})
      .input("s", {"N"}, onnx::TensorProto::INT64)
      .node("Reshape", {"x", "s"}, {"y"});
  EXPECT_EQ(inferred(computed), "input 1 (shape): expected a constant, 's' depends on the inputs");

  OnnxBuilder floats;
  floats.input("x", {"N", "4"}).weights("s", {2}).node("Reshape", {"x", "s"}, {"y"});
  EXPECT_EQ(inferred(floats), "input 1 (shape): expected a list of i64, found f32 [2]");

  OnnxBuilder old(1);
  old.input("x", {"N", "4"}).node("Reshape", {"x"}, {"y"}, {Attr("shape", Ints{-1, 2, 2})});
  EXPECT_EQ(inferred(old), "[N, 2, 2]");
}

TEST(ShapeInference, ElementTypesMustAgree) {
  for (const char* op : {"Add", "MatMul"}) {
    SCOPED_TRACE(op);
    OnnxBuilder builder;
    builder.input("x", {"N", "2"})
        .constant("c", tensor_of({2, 2}, Ints{1, 2, 3, 4}))
        .node(op, {"x", "c"}, {"y"});
    EXPECT_EQ(inferred(builder), "input 1 ('c'): expected f32 like input 0, found i64");
  }
}

TEST(ShapeInference, FixedShapesMayHaveNoBatch) {
  OnnxBuilder builder;
  builder.input("x", {"2", "3"}).node("Softmax", {"x"}, {"y"}, {Attr("axis", 0)}).output("y");
  Graph graph = import_graph(builder.bytes(), "m");
  bind_fixed(graph);
  infer_shapes(graph);
  EXPECT_EQ(to_string(graph.value(graph.outputs[0].value).shape), "[2, 3]");
}

}  // namespace
}  // namespace widepipe::model
