#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/evaluate.h"
#include "model/optimize.h"
#include "model/passes/absorb_flatten.h"
#include "model/passes/fold_constants.h"
#include "model/passes/fuse_activation.h"
#include "model/passes/fuse_batchnorm.h"
#include "model/passes/fuse_matmul_add.h"
#include "model/passes/remove_dead.h"
#include "model/passes/remove_pass_through.h"
#include "model/passes/sum_to_add.h"
#include "tests/unit/model_test_support.h"

namespace widepipe::model {
namespace {

using ::widepipe::testing::Attr;
using ::widepipe::testing::OnnxBuilder;
using ::widepipe::testing::operators_of;
using ::widepipe::testing::random_inputs;
using ::widepipe::testing::random_tensor;
using ::widepipe::testing::relative_error;
using ::widepipe::testing::tensor_of;
using ::widepipe::testing::typed_graph;
using Ints = std::vector<std::int64_t>;
using Build = std::function<void(OnnxBuilder&)>;

/// x [N, 2, 4, 4]; outputs y and perhaps more.
struct Case {
  std::string name;
  Build build;
  std::string before;
  std::string after;
  std::int64_t opset = 13;
};

void check(bool (*pass)(Graph&), const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    OnnxBuilder builder(c.opset);
    builder.input("x", {"N", "2", "4", "4"});
    c.build(builder);
    builder.output("y");
    Graph graph = typed_graph(builder);
    EXPECT_EQ(operators_of(graph), c.before);
    const auto inputs = random_inputs(graph, 3, 5);
    const auto expected = evaluate(graph, 3, inputs);
    EXPECT_EQ(pass(graph), c.before != c.after);
    EXPECT_EQ(operators_of(graph), c.after);
    EXPECT_LT(relative_error(expected, evaluate(graph, 3, inputs)), 1e-5);
    EXPECT_FALSE(pass(graph)) << "a second run changed something";
  }
}

void conv(OnnxBuilder& b, const std::string& to) {
  b.weights("w", {3, 2, 3, 3}).weights("b", {3}).node("Conv", {"x", "w", "b"}, {to});
}

void batchnorm(OnnxBuilder& b, const std::string& from, const std::string& to,
               std::int64_t channels = 3) {
  Tensor variance = random_tensor({channels}, 99);
  for (float& value : variance.as<float>()) value += 1.5F;
  b.weights("scale", {channels}).weights("shift", {channels}).weights("mean", {channels});
  b.constant("var", variance);
  b.node("BatchNormalization", {from, "scale", "shift", "mean", "var"}, {to},
         {Attr("epsilon", 0.01F)});
}

TEST(Passes, FuseBatchnorm) {
  check(fuse_batchnorm,
        {{"with bias",
          [](OnnxBuilder& b) {
            conv(b, "c");
            batchnorm(b, "c", "y");
          },
          "Conv BatchNormalization", "Conv"},
         {"without bias",
          [](OnnxBuilder& b) {
            b.weights("w", {3, 1, 1, 1});
            b.input("x1", {"N", "1", "4", "4"}).node("Conv", {"x1", "w"}, {"c"});
            batchnorm(b, "c", "y");
          },
          "Conv BatchNormalization", "Conv"},
         {"groups",
          [](OnnxBuilder& b) {
            b.weights("w", {4, 1, 3, 3}).node("Conv", {"x", "w"}, {"c"}, {Attr("group", 2)});
            batchnorm(b, "c", "y", 4);
          },
          "Conv BatchNormalization", "Conv"},
         {"groups of a ConvTranspose",
          [](OnnxBuilder& b) {
            b.weights("w", {2, 2, 3, 3});
            b.node("ConvTranspose", {"x", "w"}, {"c"}, {Attr("group", 2)});
            batchnorm(b, "c", "y", 4);
          },
          "ConvTranspose BatchNormalization", "ConvTranspose"},
         {"a ConvTranspose of all channels",
          [](OnnxBuilder& b) {
            b.weights("w", {2, 3, 2, 2}).node("ConvTranspose", {"x", "w"}, {"c"});
            batchnorm(b, "c", "y");
          },
          "ConvTranspose BatchNormalization", "ConvTranspose"},
         {"the result is read elsewhere",
          [](OnnxBuilder& b) {
            conv(b, "c");
            batchnorm(b, "c", "n");
            b.node("Add", {"c", "n"}, {"y"});
          },
          "Conv BatchNormalization Add", "Conv BatchNormalization Add"},
         {"the result is an output",
          [](OnnxBuilder& b) {
            conv(b, "c");
            batchnorm(b, "c", "y");
            b.output("c");
          },
          "Conv BatchNormalization", "Conv BatchNormalization"},
         {"not after a Conv",
          [](OnnxBuilder& b) {
            b.node("Relu", {"x"}, {"r"});
            batchnorm(b, "r", "y", 2);
          },
          "Relu BatchNormalization", "Relu BatchNormalization"}});
}

TEST(Passes, FuseActivation) {
  const auto clip = [](OnnxBuilder& b, const std::string& from) {
    b.constant("lo", tensor_of({}, std::vector<float>{-0.25F}))
        .constant("hi", tensor_of({}, std::vector<float>{0.5F}))
        .node("Clip", {from, "lo", "hi"}, {"y"});
  };
  check(fuse_activation,
        {{"Relu into ConvTranspose",
          [](OnnxBuilder& b) {
            b.weights("w", {2, 3, 2, 2}).node("ConvTranspose", {"x", "w"}, {"c"});
            b.node("Relu", {"c"}, {"y"});
          },
          "ConvTranspose Relu", "ConvTranspose+relu"},
         {"Relu into Conv",
          [](OnnxBuilder& b) {
            conv(b, "c");
            b.node("Relu", {"c"}, {"y"});
          },
          "Conv Relu", "Conv+relu"},
         {"Clip into Conv",
          [&](OnnxBuilder& b) {
            conv(b, "c");
            clip(b, "c");
          },
          "Conv Clip", "Conv+clip(-0.25, 0.5)"},
         {"Clip without an upper limit",
          [](OnnxBuilder& b) {
            conv(b, "c");
            b.constant("lo", tensor_of({}, std::vector<float>{0.0F}));
            b.node("Clip", {"c", "lo"}, {"y"});
          },
          "Conv Clip", "Conv+clip(0, inf)"},
         {"Clip with attributes",
          [](OnnxBuilder& b) {
            conv(b, "c");
            b.node("Clip", {"c"}, {"y"}, {Attr("min", -0.5F), Attr("max", 0.5F)});
          },
          "Conv Clip", "Conv+clip(-0.5, 0.5)", 10},
         {"into Gemm, MatMul and Add",
          [](OnnxBuilder& b) {
            b.weights("m", {4, 5}).weights("a", {5}).weights("g", {40, 3});
            b.node("MatMul", {"x", "m"}, {"p"}).node("Relu", {"p"}, {"q"});
            b.node("Add", {"q", "a"}, {"s"}).node("Relu", {"s"}, {"t"});
            b.node("Flatten", {"t"}, {"f"}).node("Gemm", {"f", "g"}, {"u"});
            b.node("Relu", {"u"}, {"y"});
          },
          "MatMul Relu Add Relu Flatten Gemm Relu", "MatMul+relu Add+relu Flatten Gemm+relu"},
         {"only one activation a node",
          [&](OnnxBuilder& b) {
            conv(b, "c");
            b.node("Relu", {"c"}, {"r"});
            clip(b, "r");
          },
          "Conv Relu Clip", "Conv+relu Clip"},
         {"the result is read elsewhere",
          [](OnnxBuilder& b) {
            conv(b, "c");
            b.node("Relu", {"c"}, {"r"}).node("Add", {"c", "r"}, {"y"});
          },
          "Conv Relu Add", "Conv Relu Add"},
         {"the result is an output",
          [](OnnxBuilder& b) {
            conv(b, "c");
            b.node("Relu", {"c"}, {"y"}).output("c");
          },
          "Conv Relu", "Conv Relu"},
         {"not into a pool",
          [](OnnxBuilder& b) {
            b.node("MaxPool", {"x"}, {"p"}, {Attr("kernel_shape", Ints{2, 2})});
            b.node("Relu", {"p"}, {"y"});
          },
          "MaxPool Relu", "MaxPool Relu"}});
}

TEST(Passes, FuseMatmulAdd) {
  const auto flat = [](OnnxBuilder& b) {
    b.weights("m", {32, 5}).weights("row", {5});
    b.node("Flatten", {"x"}, {"f"}).node("MatMul", {"f", "m"}, {"p"});
  };
  check(fuse_matmul_add, {{"a producer of one input",
                           [](OnnxBuilder& b) {
                             b.node("Relu", {"x"}, {"p"}).node("Add", {"p", "x"}, {"y"});
                           },
                           "Relu Add", "Relu Add"},
                          {"bias second",
                           [&](OnnxBuilder& b) {
                             flat(b);
                             b.node("Add", {"p", "row"}, {"y"});
                           },
                           "Flatten MatMul Add", "Flatten Gemm"},
                          {"bias first",
                           [&](OnnxBuilder& b) {
                             flat(b);
                             b.node("Add", {"row", "p"}, {"y"});
                           },
                           "Flatten MatMul Add", "Flatten Gemm"},
                          {"two in a row",
                           [&](OnnxBuilder& b) {
                             flat(b);
                             b.node("Add", {"p", "row"}, {"q"});
                             b.weights("m2", {5, 4}).weights("row2", {4});
                             b.node("MatMul", {"q", "m2"}, {"r"}).node("Add", {"r", "row2"}, {"y"});
                           },
                           "Flatten MatMul Add MatMul Add", "Flatten Gemm Gemm"},
                          {"not a row",
                           [&](OnnxBuilder& b) {
                             flat(b);
                             b.weights("one", {1}).node("Add", {"p", "one"}, {"y"});
                           },
                           "Flatten MatMul Add", "Flatten MatMul Add"},
                          {"more than two axes",
                           [](OnnxBuilder& b) {
                             b.weights("m", {4, 5}).weights("row", {5});
                             b.node("MatMul", {"x", "m"}, {"p"}).node("Add", {"p", "row"}, {"y"});
                           },
                           "MatMul Add", "MatMul Add"},
                          {"added to itself",
                           [&](OnnxBuilder& b) {
                             flat(b);
                             b.node("Add", {"p", "p"}, {"y"});
                           },
                           "Flatten MatMul Add", "Flatten MatMul Add"}});
}

TEST(Passes, SumToAdd) {
  check(sum_to_add, {{"of two",
                      [](OnnxBuilder& b) {
                        b.node("Relu", {"x"}, {"p"}).node("Sum", {"p", "x"}, {"y"});
                      },
                      "Relu Sum", "Relu Add"},
                     {"of one, and of three",
                      [](OnnxBuilder& b) {
                        b.node("Sum", {"x"}, {"p"}).node("Sum", {"p", "x", "x"}, {"y"});
                      },
                      "Sum Sum", "Sum Sum"},
                     {"before there was broadcasting",
                      [](OnnxBuilder& b) {
                        b.node("Sum", {"x", "x"}, {"y"});
                      },
                      "Sum", "Add", 6}});
}

TEST(Passes, AbsorbFlatten) {
  const auto gemm = [](OnnxBuilder& b) { b.weights("g", {32, 5}).node("Gemm", {"f", "g"}, {"y"}); };
  check(
      absorb_flatten,
      {{"Flatten",
        [&](OnnxBuilder& b) {
          b.node("Flatten", {"x"}, {"f"});
          gemm(b);
        },
        "Flatten Gemm", "Gemm"},
       {"Reshape that flattens",
        [&](OnnxBuilder& b) {
          b.constant("shape", tensor_of({2}, Ints{-1, 32})).node("Reshape", {"x", "shape"}, {"f"});
          gemm(b);
        },
        "Reshape Gemm", "Gemm"},
       {"for two Gemms",
        [&](OnnxBuilder& b) {
          b.node("Flatten", {"x"}, {"f"}).weights("h", {32, 3});
          b.node("Gemm", {"f", "h"}, {"z"}).output("z");
          gemm(b);
        },
        "Flatten Gemm Gemm", "Gemm Gemm"},
       {"another axis",
        [&](OnnxBuilder& b) {
          b.node("Flatten", {"x"}, {"f"}, {Attr("axis", 2)});
          b.weights("g", {16, 5}).node("Gemm", {"f", "g"}, {"y"});
        },
        "Flatten Gemm", "Flatten Gemm"},
       {"read elsewhere",
        [&](OnnxBuilder& b) {
          b.node("Flatten", {"x"}, {"f"}).node("Relu", {"f"}, {"z"}).output("z");
          gemm(b);
        },
        "Flatten Relu Gemm", "Flatten Relu Gemm"},
       {"an output",
        [&](OnnxBuilder& b) {
          b.node("Flatten", {"x"}, {"f"}).output("f");
          gemm(b);
        },
        "Flatten Gemm", "Flatten Gemm"}});
}

TEST(Passes, FoldConstants) {
  check(fold_constants, {{"a chain",
                          [](OnnxBuilder& b) {
                            b.weights("p", {4}).weights("q", {2, 1, 1});
                            b.node("Add", {"p", "q"}, {"r"}).node("Relu", {"r"}, {"s"});
                            b.node("Add", {"x", "s"}, {"y"});
                          },
                          "Add Relu Add", "Add"},
                         {"nothing constant", [](OnnxBuilder& b) { b.node("Relu", {"x"}, {"y"}); },
                          "Relu", "Relu"}});
}

TEST(Passes, RemovePassThrough) {
  check(remove_pass_through,
        {{"in the middle",
          [](OnnxBuilder& b) {
            b.node("Relu", {"x"}, {"r"}).node("Identity", {"r"}, {"i"});
            b.node("Dropout", {"i"}, {"d"}).node("Softmax", {"d"}, {"y"});
          },
          "Relu Identity Identity Softmax", "Relu Softmax"},
         {"at the end",
          [](OnnxBuilder& b) { b.node("Relu", {"x"}, {"r"}).node("Identity", {"r"}, {"y"}); },
          "Relu Identity", "Relu"},
         {"from an input to an output", [](OnnxBuilder& b) { b.node("Identity", {"x"}, {"y"}); },
          "Identity", "Identity"},
         {"two outputs of one value",
          [](OnnxBuilder& b) {
            b.node("Relu", {"x"}, {"r"}).node("Identity", {"r"}, {"z"}).output("z");
            b.node("Identity", {"r"}, {"y"});
          },
          "Relu Identity Identity", "Relu Identity"}});
}

TEST(Passes, RemoveDead) {
  OnnxBuilder builder;
  builder.input("x", {"N", "3"})
      .input("unused", {"N", "2"})
      .weights("w", {3})
      .weights("forgotten", {7})
      .node("Relu", {"x"}, {"r"})
      .node("Add", {"r", "w"}, {"dead"})
      .node("Relu", {"dead"}, {"deader"})
      .node("Softmax", {"r"}, {"y"})
      .output("y");
  Graph graph = typed_graph(builder);
  EXPECT_EQ(graph.values.size(), 8U);
  EXPECT_TRUE(remove_dead(graph));
  EXPECT_EQ(operators_of(graph), "Relu Softmax");
  EXPECT_EQ(graph.values.size(), 4U);  // x, unused, r, y
  EXPECT_EQ(graph.inputs.size(), 2U);
  EXPECT_EQ(graph.value(graph.inputs[1].value).name, "unused");
  EXPECT_FALSE(remove_dead(graph));
}

TEST(Passes, AllTogether) {
  OnnxBuilder builder;
  builder.input("x", {"N", "2", "4", "4"});
  conv(builder, "c");
  batchnorm(builder, "c", "n");
  builder.node("Relu", {"n"}, {"r"})
      .node("Dropout", {"r"}, {"d"})
      .node("Flatten", {"d"}, {"f"})
      .weights("m", {12, 5})
      .weights("row", {5})
      .node("MatMul", {"f", "m"}, {"p"})
      .node("Add", {"p", "row"}, {"a"})
      .node("Relu", {"a"}, {"y"})
      .node("Softmax", {"a"}, {"unused"})
      .output("y");
  Graph graph = typed_graph(builder);
  const auto inputs = random_inputs(graph, 4, 5);
  const auto expected = evaluate(graph, 4, inputs);
  optimize(graph);
  EXPECT_EQ(operators_of(graph), "Conv+relu Gemm+relu");
  EXPECT_LT(relative_error(expected, evaluate(graph, 4, inputs)), 1e-5);
}

}  // namespace
}  // namespace widepipe::model
