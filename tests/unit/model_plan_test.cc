#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "model/evaluate.h"
#include "model/plan.h"
#include "tests/unit/model_test_support.h"

namespace widepipe::model {
namespace {

using ::widepipe::testing::Attr;
using ::widepipe::testing::make_model;
using ::widepipe::testing::OnnxBuilder;
using ::widepipe::testing::random_inputs;
using ::widepipe::testing::relative_error;
using ::widepipe::testing::rows_of;
using ::widepipe::testing::run_plan;
using ::widepipe::testing::same_bits;
using ::widepipe::testing::tensor_of;
using ::widepipe::testing::typed_graph;
using Ints = std::vector<std::int64_t>;

struct Network {
  std::string name;
  std::function<void(OnnxBuilder&)> build;
};

std::vector<Network> networks() {
  return {
      {"classifier",
       [](OnnxBuilder& b) {
         b.input("x", {"N", "3", "12", "12"}).weights("w1", {20, 3, 3, 3}).weights("b1", {20});
         b.node("Conv", {"x", "w1", "b1"}, {"c1"}, {Attr("pads", Ints{1, 1, 1, 1})});
         b.node("Relu", {"c1"}, {"r1"});
         b.node("MaxPool", {"r1"}, {"p1"},
                {Attr("kernel_shape", Ints{2, 2}), Attr("strides", Ints{2, 2})});
         b.weights("w2", {12, 20, 3, 3}).node("Conv", {"p1", "w2"}, {"c2"});
         b.node("Relu", {"c2"}, {"r2"}).node("Flatten", {"r2"}, {"f"});
         b.weights("g", {192, 10}).weights("h", {10}).node("Gemm", {"f", "g", "h"}, {"l"});
         b.node("Softmax", {"l"}, {"y"}).output("y");
       }},
      {"residual block with a global pool",
       [](OnnxBuilder& b) {
         b.input("x", {"N", "16", "6", "6"});
         b.weights("w1", {16, 16, 3, 3}).weights("w2", {16, 16, 3, 3});
         b.node("Conv", {"x", "w1"}, {"c1"}, {Attr("pads", Ints{1, 1, 1, 1})});
         b.node("Relu", {"c1"}, {"r1"});
         b.node("Conv", {"r1", "w2"}, {"c2"}, {Attr("pads", Ints{1, 1, 1, 1})});
         b.node("Add", {"c2", "r1"}, {"s"}).node("Relu", {"s"}, {"t"});
         b.node("GlobalAveragePool", {"t"}, {"p"}).node("Flatten", {"p"}, {"y"}).output("y");
       }},
      {"outputs that are read again, in both layouts",
       [](OnnxBuilder& b) {
         b.input("x", {"N", "8", "5", "5"}).weights("w", {24, 8, 3, 3}).weights("v", {8, 24, 1, 1});
         b.node("Conv", {"x", "w"}, {"c"}).output("c");
         b.node("Conv", {"c", "v"}, {"d"}).node("Softmax", {"d"}, {"y"}).output("y");
         b.node("Relu", {"y"}, {"z"}).output("z");
       }},
      {"outputs that are views",
       [](OnnxBuilder& b) {
         b.input("x", {"N", "2", "3"}).node("Flatten", {"x"}, {"f"}).output("f");
         b.node("Relu", {"x"}, {"r"}).node("Flatten", {"r"}, {"g"}).output("g");
         b.node("Identity", {"g"}, {"h"}).output("h");
         b.node("Identity", {"x"}, {"i"}).output("i");
         b.constant("s", tensor_of({3}, Ints{0, 3, 2})).node("Reshape", {"r", "s"}, {"j"});
         b.output("j");
       }},
      {"several inputs, one of them an output",
       [](OnnxBuilder& b) {
         b.input("x", {"N", "4"}).input("x2", {"M", "4"}).input("unused", {"N", "1"});
         b.node("Add", {"x", "x2"}, {"y"}).output("y").output("x2");
       }},
      {"a constant beside blocked values",
       [](OnnxBuilder& b) {
         b.input("x", {"N", "8", "4", "4"}).weights("w", {16, 8, 1, 1}).weights("k", {1, 16, 4, 4});
         b.node("Conv", {"x", "w"}, {"c"}).node("Add", {"c", "k"}, {"s"});
         b.weights("v", {8, 16, 1, 1}).node("Conv", {"s", "v"}, {"y"}).output("y");
       }},
      {"rows split and joined",
       [](OnnxBuilder& b) {
         b.input("x", {"N", "4", "6"}).constant("apart", tensor_of({2}, Ints{-1, 6}));
         b.constant("together", tensor_of({2}, Ints{-1, 20})).weights("m", {6, 5});
         b.node("Reshape", {"x", "apart"}, {"a"}).node("MatMul", {"a", "m"}, {"p"});
         b.node("Reshape", {"p", "together"}, {"y"}).output("y");
       }},
      {"one dimension and three",
       [](OnnxBuilder& b) {
         b.input("x", {"N", "8", "20"}).input("v", {"N", "1", "4", "5", "6"});
         b.weights("w", {16, 8, 3}).weights("u", {2, 1, 2, 2, 2});
         b.node("Conv", {"x", "w"}, {"c"});
         b.node("AveragePool", {"c"}, {"y"}, {Attr("kernel_shape", Ints{2})}).output("y");
         b.node("Conv", {"v", "u"}, {"z"}).output("z");
       }},
  };
}

OnnxBuilder built(const Network& network) {
  OnnxBuilder builder;
  network.build(builder);
  return builder;
}

std::unique_ptr<Plan> make_plan(const std::shared_ptr<const Model>& model, std::int64_t rows,
                                int threads = 1) {
  return std::make_unique<Plan>(model, std::make_shared<kernels::WeightStore>(), rows, threads);
}

TEST(Plan, ComputesWhatTheReferenceDoes) {
  for (const Network& network : networks()) {
    for (const std::int64_t rows : {1, 5}) {
      SCOPED_TRACE(fmt::format("{}, rows {}", network.name, rows));
      const OnnxBuilder builder = built(network);
      const Graph graph = typed_graph(builder);
      const auto inputs = random_inputs(graph, rows, 11);
      const auto model = make_model(builder);
      const auto plan = make_plan(model, rows);
      EXPECT_EQ(plan->rows(), rows);
      const auto found = run_plan(*plan, *model, inputs);
      EXPECT_LT(relative_error(evaluate(graph, rows, inputs), found), 1e-5);
      EXPECT_TRUE(same_bits(found, run_plan(*plan, *model, inputs))) << "a second run differs";
    }
  }
}

TEST(Plan, ARowsBitsDoNotDependOnTheBatch) {
  constexpr std::int64_t kRows = 64;
  for (const Network& network : networks()) {
    SCOPED_TRACE(network.name);
    const auto model = make_model(built(network));
    const auto inputs = random_inputs(model->graph(), kRows, 21);
    const auto expected = run_plan(*make_plan(model, kRows), *model, inputs);
    for (const std::int64_t rows : {1, 2, 7}) {
      for (const int threads : {1, 2}) {
        SCOPED_TRACE(fmt::format("rows {}, threads {}", rows, threads));
        const auto plan = make_plan(model, rows, threads);
        for (std::int64_t first = 0; first + rows <= kRows; first += rows) {
          std::vector<Tensor> part;
          for (const Tensor& input : inputs) part.push_back(rows_of(input, first, rows));
          std::vector<Tensor> expected_part;
          for (const Tensor& output : expected) {
            expected_part.push_back(rows_of(output, first, rows));
          }
          ASSERT_TRUE(same_bits(expected_part, run_plan(*plan, *model, part)))
              << "rows from " << first;
        }
      }
    }
  }
}

TEST(Plan, TellsItsSteps) {
  const auto model = make_model(built(networks()[0]));
  const auto plan = make_plan(model, 4);
  std::vector<std::string> ops;
  for (const StepInfo& step : plan->steps()) {
    if (step.op != "Reorder") ops.push_back(step.op);
    EXPECT_FALSE(step.kernel.empty());
  }
  EXPECT_EQ(ops, (std::vector<std::string>{"Conv", "MaxPool", "Conv", "Gemm", "Softmax"}));
  const auto steps = plan->steps();
  const auto conv = std::find_if(steps.begin(), steps.end(),
                                 [](const StepInfo& step) { return step.op == "Conv"; });
  EXPECT_EQ(conv->node, "c1/Conv");
  EXPECT_EQ(conv->activation, "relu");
}

TEST(Plan, ReordersAValueOnceForAllWhoReadIt) {
  OnnxBuilder builder;
  builder.input("x", {"N", "16", "6", "6"});
  for (const int i : {1, 2, 3}) {
    const std::string weights = fmt::format("w{}", i);
    const std::string output = fmt::format("c{}", i);
    builder.weights(weights, {16, 16, 3, 3}).node("Conv", {"x", weights}, {output}).output(output);
  }
  const auto model = make_model(builder);
  const auto steps = make_plan(model, 2)->steps();
  const auto reorders = std::count_if(
      steps.begin(), steps.end(), [](const StepInfo& step) { return step.node == "reorder of x"; });
  EXPECT_LE(reorders, 1);
}

TEST(Plan, ViewsAndFlattensTakeNoStep) {
  OnnxBuilder builder;
  builder.input("x", {"N", "2", "3"})
      .node("Relu", {"x"}, {"r"})
      .node("Flatten", {"r"}, {"f"})
      .node("Softmax", {"f"}, {"s"})
      .constant("shape", tensor_of({3}, Ints{-1, 3, 2}))
      .node("Reshape", {"s", "shape"}, {"y"})
      .output("y");
  const auto model = make_model(builder);
  const auto plan = make_plan(model, 2);
  EXPECT_EQ(plan->steps().size(), 2U);
  // Only the Relu's result is ours: the input is read, and the output written, in place.
  EXPECT_EQ(plan->arena_bytes(), 64U);
}

TEST(Plan, UsesTheArenaAgain) {
  OnnxBuilder builder;
  builder.input("x", {"N", "256"});
  std::string last = "x";
  for (int i = 0; i < 10; ++i) {
    const std::string next = fmt::format("s{}", i);
    builder.node("Softmax", {last}, {next});
    last = next;
  }
  builder.output(last);
  EXPECT_EQ(make_plan(make_model(builder), 1)->arena_bytes(), 2048U);
  EXPECT_EQ(make_plan(make_model(builder), 3)->arena_bytes(), 3 * 2048U);
}

TEST(Plan, SaysWhyNoKernelSupportsANode) {
  OnnxBuilder builder;
  builder.input("x", {"N", "3"}, onnx::TensorProto::INT64).node("Softmax", {"x"}, {"y"});
  const auto model = make_model(builder.output("y"));
  try {
    make_plan(model, 1);
    FAIL() << "no error";
  } catch (const InputError& error) {
    const std::string text = error.what();
    EXPECT_TRUE(
        text.starts_with("m: node 'y/Softmax' (#0), operator Softmax: no kernel can "
                         "compute it ("))
        << text;
    EXPECT_NE(text.find("ref_softmax: no code for elements of type i64"), std::string::npos)
        << text;
  }
}

TEST(Plan, RefusesNoRowsAndNoThreads) {
  const auto model = make_model(built(networks()[3]));
  for (const auto& [rows, threads] : std::vector<std::pair<std::int64_t, int>>{{0, 1}, {1, 0}}) {
    try {
      make_plan(model, rows, threads);
      FAIL() << "no error";
    } catch (const InputError& error) {
      EXPECT_EQ(std::string(error.what()),
                fmt::format("m: a plan needs at least one row and one thread, found {} and {}",
                            rows, threads));
    }
  }
}

}  // namespace
}  // namespace widepipe::model
