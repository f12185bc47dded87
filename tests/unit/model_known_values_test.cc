// What is computed before any input is there: parts of shapes, branches, external data.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "model/external_files.h"
#include "model/known_values.h"
#include "model/model.h"
#include "model/onnx_import.h"
#include "model/shape_inference.h"
#include "tests/unit/model_test_support.h"

namespace widepipe::model {
namespace {

using ::widepipe::testing::Attr;
using ::widepipe::testing::OnnxBuilder;
using ::widepipe::testing::operators_of;
using ::widepipe::testing::tensor_of;
using ::widepipe::testing::typed_graph;
using Ints = std::vector<std::int64_t>;
using Build = std::function<void(OnnxBuilder&)>;

/// The elements of value `name` as text: "[N, 6]"; "unknown" if they depend on the inputs.
std::string known_text(const OnnxBuilder& builder, const std::string& name) {
  const Graph graph = typed_graph(builder);
  for (const Value& value : graph.values) {
    if (value.name != name) continue;
    const auto dims = known_integers(value);
    return dims ? to_string(*dims) : "unknown";
  }
  return "no such value";
}

TEST(KnownValues, FollowFromShapes) {
  struct Case {
    Build build;  // makes "r"; "n" is [N], the start of the shape of x [N, 2, 3]
    std::string expected;
  };
  const std::vector<Case> cases = {
      {[](OnnxBuilder& b) { b.node("Shape", {"x"}, {"r"}); }, "[N, 2, 3]"},
      {[](OnnxBuilder& b) { b.node("Shape", {"x"}, {"r"}, {Attr("start", -2)}); }, "[2, 3]"},
      {[](OnnxBuilder& b) { b.node("Shape", {"x"}, {"r"}, {Attr("end", -1)}); }, "[N, 2]"},
      {[](OnnxBuilder& b) {
         b.constant("axis", tensor_of({1}, Ints{0}));
         b.node("Squeeze", {"n", "axis"}, {"scalar"}).node("Unsqueeze", {"scalar", "axis"}, {"r"});
       },
       "[N]"},
      {[](OnnxBuilder& b) { b.node("Identity", {"n"}, {"r"}); }, "[N]"},
      {[](OnnxBuilder& b) {
         b.node("Add", {"n", "n"}, {"r"});
       },
       "[2N]"},
      {[](OnnxBuilder& b) {
         b.constant("two", tensor_of({1}, Ints{2})).node("Add", {"n", "two"}, {"r"});
       },
       "[N+2]"},
      {[](OnnxBuilder& b) { b.node("Flatten", {"x"}, {"r"}); }, "unknown"},
  };
  for (const Case& c : cases) {
    OnnxBuilder builder(15);
    builder.input("x", {"N", "2", "3"})
        .node("Shape", {"x"}, {"n"}, {Attr("end", 1)})
        .node("Relu", {"x"}, {"y"});
    c.build(builder);
    builder.output("y");
    EXPECT_EQ(known_text(builder, "r"), c.expected);
  }
}

TEST(KnownValues, AShapeFromTheInputReshapes) {
  OnnxBuilder builder(15);
  builder.input("x", {"N", "2", "3"})
      .node("Shape", {"x"}, {"s"})
      .node("Flatten", {"x"}, {"f"})
      .node("Relu", {"f"}, {"r"})
      .node("Reshape", {"r", "s"}, {"y"})
      .output("y");
  const auto model = Model::from_bytes(builder.bytes(), "m.onnx");
  EXPECT_EQ(model->outputs()[0].row_shape, (Shape{2, 3}));
  EXPECT_EQ(operators_of(model->graph()), "Flatten Relu Reshape");
}

/// x -> If(condition) { Relu } else { Softmax } -> y.
OnnxBuilder branching(bool condition) {
  OnnxBuilder builder;
  Tensor value(DType::kBool, {});
  value.as<std::uint8_t>()[0] = condition ? 1 : 0;
  builder.input("x", {"N", "3"}).constant("c", value).node("If", {"c"}, {"y"}).output("y");
  onnx::NodeProto& node = builder.last_node();
  for (const char* branch : {"then_branch", "else_branch"}) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(branch);
    attribute.set_type(onnx::AttributeProto::GRAPH);
    onnx::NodeProto& inner = *attribute.mutable_g()->add_node();
    inner.set_op_type(std::string(branch) == "then_branch" ? "Relu" : "Softmax");
    inner.add_input("x");
    inner.add_output("inner");
    attribute.mutable_g()->add_output()->set_name("inner");
  }
  return builder;
}

TEST(Branches, TheOneThatIsTakenStays) {
  for (const bool condition : {true, false}) {
    const auto model = Model::from_bytes(branching(condition).bytes(), "m.onnx");
    EXPECT_EQ(operators_of(model->graph()), condition ? "Relu" : "Softmax");
  }
}

TEST(Branches, AreRefusedWhereTheyAreNotKnown) {
  struct Case {
    std::string name;
    std::function<void(onnx::GraphProto&)> damage;
    std::string error;
  };
  const std::vector<Case> cases = {
      {"condition from the input",
       [](onnx::GraphProto& graph) { graph.mutable_node(0)->set_input(0, "x"); },
       "m.onnx: node 'y/If' (#0), operator If: the condition 'x' depends on the inputs: the branch "
       "must be known before them"},
      {"no branch", [](onnx::GraphProto& graph) { graph.mutable_node(0)->clear_attribute(); },
       "m.onnx: node 'y/If' (#0), operator If: expected a branch with 1 outputs, found none"},
      {"unknown operator in the branch",
       [](onnx::GraphProto& graph) {
         graph.mutable_node(0)->mutable_attribute(0)->mutable_g()->mutable_node(0)->set_op_type(
             "Frobnicate");
       },
       "m.onnx: node #0: operator 'Frobnicate' of ai.onnx opset 13 is not supported"},
      {"output of nobody",
       [](onnx::GraphProto& graph) {
         graph.mutable_node(0)->mutable_attribute(0)->mutable_g()->mutable_output(0)->set_name(
             "nothing");
       },
       "m.onnx: node 'y/If' (#0), operator If: output 'nothing' is made by no node"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    OnnxBuilder builder = branching(true);
    c.damage(builder.graph());
    EXPECT_EQ(::widepipe::testing::import_error(builder.bytes()), c.error);
  }
}

/// x + w, with the elements of w, 1 2 3, in a file.
OnnxBuilder external_model(const std::string& offset, const std::string& length) {
  OnnxBuilder builder;
  builder.input("x", {"N", "3"}).weights("w", {3}).node("Add", {"x", "w"}, {"y"}).output("y");
  onnx::TensorProto& tensor = *builder.graph().mutable_initializer(0);
  tensor.clear_raw_data();
  tensor.clear_float_data();
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  const auto add = [&tensor](const char* key, const std::string& value) {
    if (value.empty()) return;
    auto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  };
  add("location", "weights.bin");
  add("offset", offset);
  add("length", length);
  return builder;
}

ExternalFiles files_with(std::vector<float> values) {
  std::vector<std::byte> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return {{"weights.bin", std::move(bytes)}};
}

TEST(ExternalData, IsReadFromTheNamedFile) {
  const OnnxBuilder builder = external_model("4", "12");
  EXPECT_EQ(external_files(builder.bytes()), (std::vector<std::string>{"weights.bin"}));
  const Graph graph =
      import_graph(builder.bytes(), "m.onnx", {.external = files_with({9, 1, 2, 3}), .bind = {}});
  for (const Value& value : graph.values) {
    if (value.name != "w") continue;
    EXPECT_EQ(value.constant->as<float>()[0], 1.0F);
    EXPECT_EQ(value.constant->as<float>()[2], 3.0F);
  }
}

/// Moves the elements of w into a Constant node, or into the branch of an If that makes it.
OnnxBuilder external_inside(const std::string& place) {
  OnnxBuilder builder = external_model("4", "12");
  onnx::GraphProto& graph = builder.graph();
  const onnx::TensorProto tensor = graph.initializer(0);
  graph.clear_initializer();
  const onnx::NodeProto add = graph.node(0);
  graph.clear_node();
  onnx::NodeProto& constant = *graph.add_node();
  if (place == "attribute") {
    constant.set_op_type("Constant");
    constant.add_output("w");
    onnx::AttributeProto& value = *constant.add_attribute();
    value.set_name("value");
    value.set_type(onnx::AttributeProto::TENSOR);
    *value.mutable_t() = tensor;
  } else {
    builder.constant("yes", Tensor(DType::kBool, {}));
    constant.set_op_type("If");
    constant.add_input("yes");
    constant.add_output("w");
    onnx::AttributeProto& branch = *constant.add_attribute();
    branch.set_name("else_branch");
    branch.set_type(onnx::AttributeProto::GRAPH);
    *branch.mutable_g()->add_initializer() = tensor;
    branch.mutable_g()->add_output()->set_name("w");
  }
  *graph.add_node() = add;
  return builder;
}

TEST(ExternalData, IsFoundWhereverTensorsAre) {
  for (const char* place : {"attribute", "branch"}) {
    SCOPED_TRACE(place);
    const std::vector<std::byte> bytes = external_inside(place).bytes();
    ASSERT_EQ(external_files(bytes), (std::vector<std::string>{"weights.bin"}));
    const std::vector<std::byte> whole =
        with_external_data(bytes, "m.onnx", files_with({9, 1, 2, 3}));
    EXPECT_EQ(external_files(whole), std::vector<std::string>{});
    for (const auto& [model, files] :
         {std::pair{bytes, files_with({9, 1, 2, 3})}, std::pair{whole, ExternalFiles{}}}) {
      const Graph graph = import_graph(model, "m.onnx", {.external = files, .bind = {}});
      ASSERT_EQ(graph.nodes.size(), 1U);
      const auto& w = graph.value(graph.nodes[0].inputs[1]).constant;
      ASSERT_NE(w, nullptr);
      EXPECT_EQ(w->as<float>()[2], 3.0F);
    }
  }
}

TEST(ExternalData, NamesWhatIsWrong) {
  struct Case {
    std::string offset;
    std::string length;
    ExternalFiles files;
    std::string error;
  };
  const std::string start = "m.onnx: initializer 'w': ";
  const std::vector<Case> cases = {
      {"",
       "",
       {},
       start + "its elements are in file 'weights.bin', which was not given with the "
               "model"},
      {"", "", files_with({1, 2}),
       start + "its 12 bytes from byte 0 on lie beyond the end of file 'weights.bin' (8 bytes)"},
      {"18446744073709551615", "", files_with({1, 2, 3}),
       start + "its 12 bytes from byte 18446744073709551615 on lie beyond the end of file "
               "'weights.bin' (12 bytes)"},
      {"", "8", files_with({1, 2, 3}),
       start + "shape [3] of f32 needs 3 elements, but 8 bytes of file 'weights.bin' hold them"},
      {"minus", "", files_with({1, 2, 3}),
       start + "external data, offset: expected a number of bytes, found 'minus'"},
  };
  for (const Case& c : cases) {
    const OnnxBuilder builder = external_model(c.offset, c.length);
    try {
      import_graph(builder.bytes(), "m.onnx", {.external = c.files, .bind = {}});
      ADD_FAILURE() << "no error, expected: " << c.error;
    } catch (const InputError& error) {
      EXPECT_EQ(error.what(), c.error);
    }
  }
}

}  // namespace
}  // namespace widepipe::model
