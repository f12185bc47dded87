// The operators of ai.onnx.ml, for which ONNX's test data has no cases. The numbers are those of
// ONNX Runtime where ONNX leaves them open.

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/operator_case.h"

namespace widepipe::kernels::testing {
namespace {

using Ints = std::vector<std::int64_t>;
using Floats = std::vector<float>;
using Texts = std::vector<std::string>;

Numbers f32(Shape shape, std::vector<double> values) {
  return {DType::kF32, std::move(shape), std::move(values)};
}
Numbers i64(Shape shape, std::vector<double> values) {
  return {DType::kI64, std::move(shape), std::move(values)};
}

void check(const std::vector<OperatorCase>& cases) {
  for (const OperatorCase& operator_case : cases) expect_outputs(operator_case);
}

/// What a leaf of the tree of stump() gives to a class or target.
struct Leaf {
  std::int64_t node;
  std::int64_t target;
  float weight;
};

/// One decision: x0 <= 0 leads to node 1, otherwise to node 2.
Attributes stump(const std::string& prefix, const std::vector<Leaf>& leaves,
                 const std::string& transform = "NONE", const Floats& base = {}) {
  Attributes attributes = with({{"nodes_treeids", Ints{0, 0, 0}},
                                {"nodes_nodeids", Ints{0, 1, 2}},
                                {"nodes_featureids", Ints{0, 0, 0}},
                                {"nodes_values", Floats{0, 0, 0}},
                                {"nodes_modes", Texts{"BRANCH_LEQ", "LEAF", "LEAF"}},
                                {"nodes_truenodeids", Ints{1, 0, 0}},
                                {"nodes_falsenodeids", Ints{2, 0, 0}},
                                {"post_transform", transform}});
  Ints nodes;
  Ints targets;
  Floats weights;
  for (const Leaf& leaf : leaves) {
    nodes.push_back(leaf.node);
    targets.push_back(leaf.target);
    weights.push_back(leaf.weight);
  }
  attributes.set(prefix + "_treeids", Ints(leaves.size(), 0));
  attributes.set(prefix + "_nodeids", nodes);
  attributes.set(prefix + "_ids", targets);
  attributes.set(prefix + "_weights", weights);
  if (!base.empty()) attributes.set("base_values", base);
  return attributes;
}

Attributes classes(Attributes attributes, const Ints& labels) {
  attributes.set("classlabels_int64s", labels);
  return attributes;
}

const Numbers kBothWays = {DType::kF32, {2, 1}, {-1, 1}};

OperatorCase two_classes(std::string name, const std::vector<Leaf>& leaves, std::string transform,
                         const Floats& base, std::vector<double> labels,
                         std::vector<double> scores) {
  return {std::move(name),
          "ai.onnx.ml.TreeEnsembleClassifier",
          3,
          classes(stump("class", leaves, std::move(transform), base), {10, 11}),
          {kBothWays},
          {i64({2}, std::move(labels)), f32({2, 2}, std::move(scores))}};
}

TEST(TreeClassifier, OneScoreForTwoClasses) {
  const std::vector<Leaf> positive = {{1, 0, 0.3F}, {2, 0, 0.8F}};
  const std::vector<Leaf> mixed = {{1, 0, -0.3F}, {2, 0, 0.8F}};
  check({
      two_classes("positive", positive, "NONE", {}, {10, 11}, {0.7, 0.3, 0.2, 0.8}),
      two_classes("positive", positive, "LOGISTIC", {}, {10, 11},
                  {0.42555748, 0.57444252, 0.31002552, 0.68997448}),
      two_classes("positive, base", positive, "NONE", {0.25F}, {11, 11}, {0.45, 0.55, -0.05, 1.05}),
      two_classes("mixed", mixed, "NONE", {}, {10, 11}, {0.3, -0.3, -0.8, 0.8}),
      two_classes("mixed", mixed, "LOGISTIC", {}, {10, 11},
                  {0.57444252, 0.42555748, 0.31002552, 0.68997448}),
      two_classes("of class 1", {{1, 1, 0.3F}, {2, 1, 0.8F}}, "NONE", {}, {10, 11},
                  {0, 0.3, 0, 0.8}),
      two_classes("of class 1", {{1, 1, -0.3F}, {2, 1, 0.8F}}, "SOFTMAX", {}, {10, 11},
                  {0.57444252, 0.42555748, 0.31002552, 0.68997448}),
  });
}

TEST(TreeClassifier, AScoreForEachClass) {
  const std::vector<Leaf> three = {{1, 0, -0.7F}, {1, 1, -0.3F}, {2, 1, -0.2F}, {2, 2, -0.8F}};
  const auto of_three = [&](std::string transform, const Floats& base, std::vector<double> labels,
                            std::vector<double> scores) {
    return OperatorCase{
        "three",     "ai.onnx.ml.TreeEnsembleClassifier",
        3,           classes(stump("class", three, std::move(transform), base), {10, 11, 12}),
        {kBothWays}, {i64({2}, std::move(labels)), f32({2, 3}, std::move(scores))}};
  };
  check({
      two_classes("two", {{1, 0, 0.7F}, {1, 1, 0.3F}, {2, 0, 0.2F}, {2, 1, 0.8F}}, "NONE", {},
                  {10, 11}, {0.7, 0.3, 0.2, 0.8}),
      of_three("NONE", {}, {11, 11}, {-0.7, -0.3, 0, 0, -0.2, -0.8}),
      of_three("NONE", {0.25F, 0.5F, 0.1F}, {11, 11}, {-0.45, 0.2, 0.1, 0.25, 0.3, -0.7}),
      of_three("SOFTMAX", {}, {11, 11},
               {0.22194714, 0.33110622, 0.44694665, 0.4409055, 0.36098289, 0.19811161}),
      of_three("SOFTMAX_ZERO", {}, {11, 11},
               {0.40131234, 0.59868766, 0, 0, 0.64565631, 0.35434369}),
  });
}

TEST(TreeClassifier, ComparesAsItsNodesSay) {
  const struct {
    const char* mode;
    std::int64_t nan_holds;
    std::vector<double> labels;  // of -1, 0, 1, NaN
  } cases[] = {
      {"BRANCH_LEQ", 0, {10, 10, 11, 11}}, {"BRANCH_LT", 0, {10, 11, 11, 11}},
      {"BRANCH_GTE", 0, {11, 10, 10, 11}}, {"BRANCH_GT", 0, {11, 11, 10, 11}},
      {"BRANCH_EQ", 0, {11, 10, 11, 11}},  {"BRANCH_NEQ", 0, {10, 11, 10, 10}},
      {"BRANCH_LEQ", 1, {10, 10, 11, 10}}, {"BRANCH_GT", 1, {11, 11, 10, 10}},
  };
  for (const auto& [mode, nan_holds, labels] : cases) {
    Attributes attributes =
        classes(stump("class", {{1, 0, 1}, {1, 1, 0}, {2, 1, 1}, {2, 0, 0}}), {10, 11});
    attributes.set("nodes_modes", Texts{mode, "LEAF", "LEAF"});
    attributes.set("nodes_missing_value_tracks_true", Ints{nan_holds, 0, 0});
    std::vector<double> scores;
    for (const double label : labels) {
      scores.push_back(label == 10 ? 1 : 0);
      scores.push_back(label == 11 ? 1 : 0);
    }
    expect_outputs({mode,
                    "ai.onnx.ml.TreeEnsembleClassifier",
                    3,
                    attributes,
                    {f32({4, 1}, {-1, 0, 1, std::nan("")})},
                    {i64({4}, labels), f32({4, 2}, scores)}});
  }
}

TEST(TreeRegressor, Aggregates) {
  const auto two_trees = [](const char* aggregate) {
    return with({{"nodes_treeids", Ints{0, 0, 0, 1}},
                 {"nodes_nodeids", Ints{0, 1, 2, 0}},
                 {"nodes_featureids", Ints{0, 0, 0, 0}},
                 {"nodes_values", Floats{0, 0, 0, 0}},
                 {"nodes_modes", Texts{"BRANCH_LEQ", "LEAF", "LEAF", "LEAF"}},
                 {"nodes_truenodeids", Ints{1, 0, 0, 0}},
                 {"nodes_falsenodeids", Ints{2, 0, 0, 0}},
                 {"target_treeids", Ints{0, 0, 1}},
                 {"target_nodeids", Ints{1, 2, 0}},
                 {"target_ids", Ints{0, 0, 0}},
                 {"target_weights", Floats{0.5F, -0.75F, 0.125F}},
                 {"base_values", Floats{1}},
                 {"aggregate_function", aggregate}});
  };
  const std::string op = "ai.onnx.ml.TreeEnsembleRegressor";
  check({
      {"", op, 3, two_trees("SUM"), {kBothWays}, {f32({2, 1}, {1.625, 0.375})}},
      {"", op, 3, two_trees("AVERAGE"), {kBothWays}, {f32({2, 1}, {1.3125, 0.6875})}},
      {"", op, 3, two_trees("MIN"), {kBothWays}, {f32({2, 1}, {1.125, 0.25})}},
      {"", op, 3, two_trees("MAX"), {kBothWays}, {f32({2, 1}, {1.5, 1.125})}},
      {"of i64", op, 3, two_trees("SUM"), {i64({2, 1}, {-1, 1})}, {f32({2, 1}, {1.625, 0.375})}},
      {"two targets",
       op,
       3,
       stump("target", {{1, 0, 1}, {1, 1, 2}, {2, 1, 4}}),
       {kBothWays},
       {f32({2, 2}, {1, 2, 0, 4})}},
  });
}

TEST(LinearModels, Scores) {
  const Numbers x = f32({3, 2}, {-1, 2, 1, 0.5, 0.1, 0});
  const auto linear = [](Floats coefficients, Floats intercepts, const char* transform) {
    return with({{"coefficients", std::move(coefficients)},
                 {"intercepts", std::move(intercepts)},
                 {"post_transform", transform}});
  };
  const auto labelled = [](Attributes attributes, Ints labels) {
    attributes.set("classlabels_ints", std::move(labels));
    return attributes;
  };
  Attributes two_targets = linear({1, 0.25F, 2, 3}, {}, "NONE");
  two_targets.set("targets", std::int64_t{2});
  const std::string classifier = "ai.onnx.ml.LinearClassifier";
  check({
      {"one score",
       classifier,
       1,
       labelled(linear({1, 0.25F}, {0.125F}, "NONE"), {5, 7}),
       {x},
       {i64({3}, {5, 7, 7}), f32({3, 2}, {1.375, -0.375, -0.25, 1.25, 0.775, 0.225})}},
      {"one score",
       classifier,
       1,
       labelled(linear({1, 0.25F}, {0.125F}, "LOGISTIC"), {5, 7}),
       {x},
       {i64({3}, {5, 7, 7}),
        f32({3, 2}, {0.59266660, 0.40733340, 0.22270014, 0.77729986, 0.44398612, 0.55601388})}},
      {"three",
       classifier,
       1,
       labelled(linear({1, 0.25F, -1, -0.25F, 0.5F, 0.5F}, {0.125F, -0.125F, 0}, "NONE"),
                {5, 7, 9}),
       {x},
       {i64({3}, {9, 5, 5}),
        f32({3, 3}, {-0.375, 0.375, 0.5, 1.25, -1.25, 0.75, 0.225, -0.225, 0.05})}},
      {"",
       "ai.onnx.ml.LinearRegressor",
       1,
       linear({1, 0.25F}, {0.125F}, "NONE"),
       {x},
       {f32({3, 1}, {-0.375, 1.25, 0.225})}},
      {"two targets",
       "ai.onnx.ml.LinearRegressor",
       1,
       two_targets,
       {x},
       {f32({3, 2}, {-0.5, 4, 1.125, 3.5, 0.1, 0.2})}},
  });
}

TEST(Columns, ArePrepared) {
  const Numbers rows = f32({3, 2}, {-1, 2, -3, -1, 0, 0});
  check({
      {"each its own",
       "ai.onnx.ml.Scaler",
       1,
       with({{"offset", Floats{1, 2}}, {"scale", Floats{10, 0.5F}}}),
       {rows},
       {f32({3, 2}, {-20, 0, -40, -1.5, -10, -1})}},
      {"one for all, of i64",
       "ai.onnx.ml.Scaler",
       1,
       with({{"offset", Floats{1}}, {"scale", Floats{0.5F}}}),
       {i64({1, 2}, {3, 7})},
       {f32({1, 2}, {1, 3})}},
      {"",
       "ai.onnx.ml.Normalizer",
       1,
       with({{"norm", "MAX"}}),
       {rows},
       {f32({3, 2}, {-0.5, 1, 3, 1, 0, 0})}},
      {"",
       "ai.onnx.ml.Normalizer",
       1,
       with({{"norm", "L1"}}),
       {rows},
       {f32({3, 2}, {-1 / 3.0, 2 / 3.0, -0.75, -0.25, 0, 0})}},
      {"",
       "ai.onnx.ml.Normalizer",
       1,
       with({{"norm", "L2"}}),
       {rows},
       {f32({3, 2}, {-0.44721360, 0.89442719, -0.94868330, -0.31622777, 0, 0})}},
      {"",
       "ai.onnx.ml.Binarizer",
       1,
       with({{"threshold", 0.5F}}),
       {f32({3}, {0.5, 0.6, -1})},
       {f32({3}, {0, 1, 0})}},
      {"",
       "ai.onnx.ml.ArrayFeatureExtractor",
       1,
       {},
       {f32({2, 3}, {1, 2, 3, 4, 5, 6}), i64({2}, {2, 0})},
       {f32({2, 2}, {3, 1, 6, 4})}},
      {"",
       "ai.onnx.ml.LabelEncoder",
       2,
       with({{"keys_int64s", Ints{1, 2}},
             {"values_floats", Floats{0.5F, 0.25F}},
             {"default_float", 9.0F}}),
       {i64({1, 3}, {1, 2, 3})},
       {f32({1, 3}, {0.5, 0.25, 9})}},
      {"",
       "ai.onnx.ml.LabelEncoder",
       2,
       with({{"keys_floats", Floats{1.5F}}, {"values_int64s", Ints{5}}}),
       {f32({2}, {1.5, 2})},
       {i64({2}, {5, -1})}},
  });
}

TEST(MachineLearning, BrokenModelsAreDeclinedWithTheReason) {
  const auto changed = [](const char* name, Attributes::Value value) {
    Attributes attributes = classes(stump("class", {{1, 0, 1}, {2, 1, 1}}), {10, 11});
    attributes.set(name, std::move(value));
    return OperatorCase{name,        "ai.onnx.ml.TreeEnsembleClassifier", 3, attributes,
                        {kBothWays}, {i64({2}, {}), f32({2, 2}, {})}};
  };
  const struct {
    OperatorCase spec;
    std::string reason;
  } cases[] = {
      {changed("nodes_modes", Texts{"BRANCH_MEMBER", "LEAF", "LEAF"}),
       "attribute nodes_modes: expected LEAF or a BRANCH_ comparison, found BRANCH_MEMBER"},
      {changed("nodes_modes", Texts{}), "attribute nodes_modes is missing: there are no trees"},
      {changed("nodes_values", Floats{0}), "attribute nodes_values: expected 3 elements, found 1"},
      {changed("nodes_featureids", Ints{1, 0, 0}),
       "attribute nodes_featureids: node 0 of tree 0 reads feature 1 of 1"},
      {changed("nodes_truenodeids", Ints{7, 0, 0}),
       "attribute nodes_truenodeids: tree 0 has no node 7"},
      {changed("nodes_truenodeids", Ints{2, 0, 0}),
       "attribute nodes_falsenodeids: node 2 of tree 0 has two parents"},
      {changed("nodes_falsenodeids", Ints{0, 0, 0}),
       "attribute nodes_truenodeids: 2 of 3 nodes are not below the root of their tree"},
      {changed("nodes_modes", Texts{"LEAF", "LEAF", "LEAF"}),
       "attribute nodes_treeids: tree 0 has more than one root"},
      {changed("class_ids", Ints{0, 2}),
       "attribute class_ids: expected numbers from 0 to 1, found 2"},
      {changed("class_nodeids", Ints{0}), "attribute class_nodeids: expected 2 elements, found 1"},
      {changed("classlabels_int64s", Ints{3}),
       "attribute classlabels_int64s: expected at least 2 labels, found 1"},
      {changed("base_values", Floats{1, 2, 3}),
       "attribute base_values: expected none or 2 elements, found 3"},
      {changed("post_transform", "PROBIT"),
       "attribute post_transform: expected NONE, SOFTMAX, LOGISTIC or SOFTMAX_ZERO, found PROBIT"},
      {{"",
        "ai.onnx.ml.TreeEnsembleRegressor",
        3,
        stump("target", {{1, 0, 1}}, "LOGISTIC"),
        {kBothWays},
        {f32({2, 1}, {})}},
       "attribute post_transform: expected NONE for a single target, found LOGISTIC"},
      {{"",
        "ai.onnx.ml.Scaler",
        1,
        with({{"scale", Floats{1, 2}}}),
        {f32({1, 3}, {1, 2, 3})},
        {f32({1, 3}, {})}},
       "attribute scale: expected 1 or 3 elements, found 2"},
      {{"",
        "ai.onnx.ml.Normalizer",
        1,
        with({{"norm", "L3"}}),
        {f32({1, 1}, {1})},
        {f32({1, 1}, {})}},
       "attribute norm: expected MAX, L1 or L2, found L3"},
      {{"",
        "ai.onnx.ml.ArrayFeatureExtractor",
        1,
        {},
        {f32({1, 2}, {1, 2}), i64({1}, {2})},
        {f32({1, 1}, {})}},
       "Y: index 2 is outside the 2 columns of X"},
      {{"",
        "ai.onnx.ml.LabelEncoder",
        2,
        with({{"keys_int64s", Ints{1, 2}}, {"values_int64s", Ints{1}}}),
        {i64({1}, {1})},
        {i64({1}, {})}},
       "attributes keys and values: expected as many, found 2 and 1"},
      {{"",
        "ai.onnx.ml.LinearRegressor",
        1,
        with({{"coefficients", Floats{1, 2}}}),
        {f32({1, 3}, {1, 2, 3})},
        {f32({1, 1}, {})}},
       "attribute coefficients: expected 1 for each of 3 columns, found 2"},
      {{"",
        "ai.onnx.ml.LinearClassifier",
        1,
        with({{"coefficients", Floats{1, 2}}, {"classlabels_ints", Ints{1, 2, 3}}}),
        {f32({1, 1}, {1})},
        {i64({1}, {}), f32({1, 3}, {})}},
       "attribute classlabels_ints: 3 labels do not fit 2 scores"},
  };
  for (const auto& [spec, reason] : cases) EXPECT_EQ(decline_of(spec), reason) << spec.name;
}

}  // namespace
}  // namespace widepipe::kernels::testing
