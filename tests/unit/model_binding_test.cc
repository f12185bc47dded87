// What a model's inputs and outputs become when a job binds them: batches on any axis, shapes left
// open, constants, chosen outputs, rows one at a time.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/error.h"
#include "model/bundle.h"
#include "model/model.h"
#include "model/plan.h"
#include "model/row_probe.h"
#include "tests/unit/model_test_support.h"

namespace widepipe::model {
namespace {

using ::widepipe::testing::Attr;
using ::widepipe::testing::OnnxBuilder;
using ::widepipe::testing::operators_of;
using ::widepipe::testing::random_tensor;
using ::widepipe::testing::run_plan;
using ::widepipe::testing::tensor_of;
using Ints = std::vector<std::int64_t>;
using Build = std::function<void(OnnxBuilder&)>;

std::shared_ptr<const Model> bound(const OnnxBuilder& builder, const Binding& binding) {
  return Model::from_bytes(builder.bytes(), "m.onnx",
                           {.external = {}, .bind = [&](const Declared&) { return binding; }});
}

std::string binding_error(const OnnxBuilder& builder, const Binding& binding) {
  try {
    bound(builder, binding);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

OnnxBuilder sum_of_two(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  OnnxBuilder builder;
  builder.input("a", a).input("b", b).node("Add", {"a", "b"}, {"y"}).output("y");
  return builder;
}

std::shared_ptr<const Tensor> shared(Tensor tensor) {
  return std::make_shared<const Tensor>(std::move(tensor));
}

TEST(ModelBinding, GivesInputsTheirShapes) {
  struct Case {
    std::string name;
    OnnxBuilder builder;
    Binding binding;
    Shape row_a;
    Shape row_y;
  };
  const std::vector<Case> cases = {
      {"open axes take the data's sizes",
       sum_of_two({"N", "H", "?"}, {"N", "1", "1"}),
       {.row_shapes = {{"a", {4, 5}}}},
       {4, 5},
       {4, 5}},
      {"one name, one size",
       sum_of_two({"N", "S"}, {"N", "S"}),
       {.row_shapes = {{"a", {7}}, {"b", {7}}}},
       {7},
       {7}},
      {"the batch is where its name is", sum_of_two({"N", "3"}, {"2", "N", "3"}), {}, {3}, {2, 3}},
      {"or where the job says",
       sum_of_two({"2", "?", "3"}, {"2", "?", "3"}),
       {.batch_axes = {{"a", 1}, {"b", 1}}},
       {2, 3},
       {2, 3}},
      {"a constant is no longer an input",
       sum_of_two({"N", "3"}, {"3"}),
       {.constants = {{"b", shared(tensor_of({3}, std::vector<float>{1, 2, 3}))}}},
       {3},
       {3}},
      {"a scalar constant",
       sum_of_two({"N", "3"}, {}),
       {.constants = {{"b", shared(tensor_of({}, std::vector<float>{4}))}}},
       {3},
       {3}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto model = bound(c.builder, c.binding);
    EXPECT_EQ(model->inputs()[0].row_shape, c.row_a);
    EXPECT_EQ(model->outputs()[0].row_shape, c.row_y);
    EXPECT_EQ(model->inputs().size(), 2 - c.binding.constants.size());
    EXPECT_EQ(model->binding().one_row_reason, "");
    EXPECT_GT(model->max_batch(), 1);
  }
}

TEST(ModelBinding, NamesWhatDoesNotFit) {
  struct Case {
    OnnxBuilder builder;
    Binding binding;
    std::string error;
  };
  const std::vector<Case> cases = {
      {sum_of_two({"N", "S"}, {"N", "S"}),
       {.row_shapes = {{"a", {7}}, {"b", {8}}}},
       "m.onnx: input 'b' [N, S]: axis 1 ('S') is 8, but input 'a' has 7 there"},
      {sum_of_two({"N", "S"}, {"N", "1"}),
       {.row_shapes = {{"a", {7, 7}}}},
       "m.onnx: input 'a' [N, S]: expected rows of 1 axes, found rows of shape [7, 7]"},
      {sum_of_two({"N", "S"}, {"N", "1"}),
       {.row_shapes = {{"c", {7}}}},
       "m.onnx: has no input 'c'; its inputs: a, b"},
      {sum_of_two({"N", "2"}, {"2"}),
       {.constants = {{"b", shared(tensor_of({3}, std::vector<float>{1, 2, 3}))}}},
       "m.onnx: input 'b' [2]: expected a constant of f32, found f32[3]"},
      {sum_of_two({"N", "2"}, {"2"}),
       {.constants = {{"b", shared(tensor_of({2}, Ints{1, 2}))}}},
       "m.onnx: input 'b' [2]: expected a constant of f32, found i64[2]"},
      {sum_of_two({"N", "2"}, {"N", "2"}),
       {.batch_axes = {{"a", 2}}},
       "m.onnx: input 'a' [N, 2]: batch axis 2 is outside its 2 axes"},
      {sum_of_two({"N", "2"}, {"N", "2"}),
       {.outputs = {"z"}},
       "m.onnx: has no output 'z'; its outputs: y"},
      {sum_of_two({"2"}, {"2"}),
       {.constants = {{"a", shared(tensor_of({2}, std::vector<float>{1, 2}))},
                      {"b", shared(tensor_of({2}, std::vector<float>{1, 2}))}}},
       "m.onnx: all inputs are constants: none is left for the rows"},
  };
  for (const Case& c : cases) EXPECT_EQ(binding_error(c.builder, c.binding), c.error);
}

/// Rows together and apart give the same bits, and those expected.
TEST(ModelBinding, RunsABatchOnAnotherAxis) {
  OnnxBuilder builder;
  builder.input("x", {"N", "3"})
      .input("state", {"2", "N", "3"})
      .node("Add", {"x", "state"}, {"next"})
      .node("Transpose", {"next"}, {"y"}, {Attr("perm", Ints{2, 1, 0})})
      .output("next", {"2", "N", "3"})
      .output("y", {"3", "N", "2"});
  const auto model = bound(builder, {});
  ASSERT_EQ(model->inputs()[1].row_shape, (Shape{2, 3}));
  ASSERT_EQ(model->outputs()[0].row_shape, (Shape{2, 3}));
  ASSERT_EQ(model->outputs()[1].row_shape, (Shape{3, 2}));
  const std::vector<Tensor> inputs = [] {
    std::vector<Tensor> tensors;
    tensors.push_back(random_tensor({4, 3}, 1));
    tensors.push_back(random_tensor({4, 2, 3}, 2));
    return tensors;
  }();
  Plan plan(model, std::make_shared<kernels::WeightStore>(), 4, 1);
  const auto outputs = run_plan(plan, *model, inputs);
  for (std::size_t row = 0; row < 4; ++row) {
    for (std::size_t k = 0; k < 2; ++k) {
      for (std::size_t i = 0; i < 3; ++i) {
        const float expected =
            inputs[0].as<float>()[row * 3 + i] + inputs[1].as<float>()[(row * 2 + k) * 3 + i];
        EXPECT_EQ(outputs[0].as<float>()[(row * 2 + k) * 3 + i], expected);
        EXPECT_EQ(outputs[1].as<float>()[(row * 3 + i) * 2 + k], expected);
      }
    }
  }
}

TEST(ModelBinding, SplitsAnAxisOfSeveralElementsARow) {
  OnnxBuilder builder;
  builder.input("x", {"N", "2", "3"})
      .constant("shape", tensor_of({2}, Ints{-1, 3}))
      .node("Reshape", {"x", "shape"}, {"y"})
      .output("y");
  const auto model = bound(builder, {});
  EXPECT_EQ(model->outputs()[0].row_shape, (Shape{2, 3}));
}

TEST(ModelBinding, ComputesChosenOutputsAlone) {
  OnnxBuilder builder;
  builder.input("x", {"N", "3"})
      .node("Relu", {"x"}, {"a"})
      .node("Softmax", {"x"}, {"b"})
      .node("Add", {"x", "x"}, {"c"})
      .output("a")
      .output("b")
      .output("c");
  const auto model = bound(builder, {.outputs = {"c", "a"}});
  ASSERT_EQ(model->outputs().size(), 2U);
  EXPECT_EQ(model->outputs()[0].name, "c");
  EXPECT_EQ(model->outputs()[1].name, "a");
  EXPECT_EQ(operators_of(model->graph()), "Relu Add");
}

TEST(ModelBinding, RunsRowsOneAtATimeWhereTheyCannotGoTogether) {
  struct Case {
    std::string name;
    Build build;
    Shape row;
    std::string reason;
  };
  const std::vector<Case> cases = {
      {"a shape that fixes the rows",
       [](OnnxBuilder& b) {
         b.constant("shape", tensor_of({2}, Ints{1, 3}));
         b.node("Reshape", {"x", "shape"}, {"y"}).output("y");
       },
       {3},
       "m.onnx: node 'y/Reshape' (#0), operator Reshape: cannot reshape [N, 3] to [1, 3]: 3N "
       "elements do not fill 3 (the shape fixes the number of rows)"},
      {"a declared batch of 1",
       [](OnnxBuilder& b) {
         b.node("Relu", {"x"}, {"y"}).output("y", {"1", "3"});
       },
       {3},
       "m.onnx: output 'y' is declared as [1, 3], but the graph makes [N, 3]"},
      {"an output without rows",
       [](OnnxBuilder& b) {
         b.node("Relu", {"x"}, {"y"}).weights("w", {2, 3}).output("w");
       },
       {2, 3},
       "m.onnx: output 'w' [2, 3] does not carry the batch N"},
      {"softmax over the rows",
       [](OnnxBuilder& b) { b.node("Softmax", {"x"}, {"y"}, {Attr("axis", 0)}).output("y"); },
       {3},
       "m.onnx: node 'y/Softmax' (#0), operator Softmax: Softmax of [N, 3] over axis 0, the batch: "
       "rows must not depend on each other"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    OnnxBuilder builder;
    builder.input("x", {"N", "3"});
    c.build(builder);
    const auto model = bound(builder, {});
    EXPECT_EQ(model->max_batch(), 1);
    EXPECT_EQ(model->binding().one_row_reason, c.reason);
    EXPECT_EQ(model->outputs()[0].row_shape, c.row);
    const auto weights = std::make_shared<kernels::WeightStore>();
    EXPECT_NO_THROW(Plan(model, weights, 1, 1));
    EXPECT_THROW(Plan(model, weights, 2, 1), InputError);
  }
}

TEST(ModelBundle, MakesTheSameModelElsewhere) {
  const OnnxBuilder builder = sum_of_two({"2", "?", "3"}, {"3"});
  const ModelBundle bundle{
      .label = "m.onnx",
      .bytes = builder.bytes(),
      .external = {{"weights.bin", {std::byte{1}, std::byte{2}}}},
      .binding = {.row_shapes = {{"a", {2, 3}}},
                  .constants = {{"b", shared(tensor_of({3}, std::vector<float>{1, 2, 3}))}},
                  .batch_axes = {{"a", 1}},
                  .outputs = {"y"},
                  .one_row_reason = "for a test"}};
  const std::vector<std::byte> packed = pack(bundle);
  const ModelBundle copy = unpack(packed);
  EXPECT_EQ(pack(copy), packed);
  const auto model = Model::from_bytes(copy.bytes, copy.label, options_of(copy));
  EXPECT_EQ(model->inputs()[0].row_shape, (Shape{2, 3}));
  EXPECT_EQ(model->binding().one_row_reason, "for a test");
  EXPECT_EQ(model->hash(),
            Model::from_bytes(bundle.bytes, bundle.label, options_of(bundle))->hash());
  EXPECT_THROW(unpack(std::span(packed).first(packed.size() - 1)), std::logic_error);
}

/// Whether rows of x [N, 2, 2] may go together, after `build` has made y.
std::string interference(const Build& build) {
  OnnxBuilder builder;
  builder.input("x", {"N", "2", "2"});
  build(builder);
  builder.output("y");
  const auto model = bound(builder, {});
  const Tensor x = random_tensor({2, 2, 2}, 3);
  const std::span<const std::byte> bytes(x.data(), x.bytes());
  const std::vector<InputRow> rows = {{bytes.first(16)}, {bytes.subspan(16)}};
  return why_rows_interfere(model, rows);
}

TEST(RowProbe, FindsRowsThatDependOnEachOther) {
  EXPECT_EQ(interference([](OnnxBuilder& b) { b.node("Relu", {"x"}, {"y"}); }), "");
  // Shapes [N, 2, 2] -> [2, 2N] -> [N, 2, 2] look innocent, but rows change places.
  EXPECT_EQ(interference([](OnnxBuilder& b) {
              b.constant("wide", tensor_of({2}, Ints{2, -1}))
                  .constant("back", tensor_of({3}, Ints{-1, 2, 2}))
                  .node("Reshape", {"x", "wide"}, {"w"})
                  .node("Transpose", {"w"}, {"t"})
                  .node("Reshape", {"t", "back"}, {"y"});
            }),
            "m.onnx: rows depend on each other: output 'y' of a row is another when 2 rows run "
            "together");
}

}  // namespace
}  // namespace widepipe::model
