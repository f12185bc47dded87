#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "tests/unit/model_test_support.h"

namespace widepipe::model {
namespace {

using ::widepipe::testing::Attr;
using ::widepipe::testing::import_error;
using ::widepipe::testing::OnnxBuilder;
using ::widepipe::testing::relu_model;
using ::widepipe::testing::small_network;
using ::widepipe::testing::tensor_of;

std::vector<std::byte> bytes_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

TEST(ModelImportErrors, RefusesWhatIsNotAModel) {
  auto no_graph = relu_model();
  no_graph.model().clear_graph();
  struct Case {
    std::vector<std::byte> bytes;
    std::string error;
  };
  const std::vector<Case> cases = {
      {{}, "m.onnx: the file is empty, expected an ONNX model"},
      {bytes_of("\x89HDF\r\n\x1a\nabcdefgh"), "m.onnx: not an ONNX model, or truncated (16 bytes)"},
      // Parses: field 12 as text, unknown to ModelProto.
      {bytes_of("b\x05hello"), "m.onnx: not an ONNX model, or truncated: it has no IR version"},
      {no_graph.bytes(), "m.onnx: not an ONNX model, or truncated: it has no graph"},
  };
  for (const Case& c : cases) EXPECT_EQ(import_error(c.bytes), c.error);
}

/// A sound model broken in one way, and the message that says so.
struct BrokenModel {
  std::string name;
  std::function<void(OnnxBuilder&)> damage;  ///< done to relu_model()
  std::string error;
};

std::vector<BrokenModel> broken_models() {
  return {
      {"no nodes", [](OnnxBuilder& b) { b.graph().clear_node(); },
       "m.onnx: the graph has no nodes"},
      {"no opset", [](OnnxBuilder& b) { b.model().clear_opset_import(); },
       "m.onnx: no operator set of ai.onnx is imported; is the file truncated?"},
      {"IR version", [](OnnxBuilder& b) { b.model().set_ir_version(99); },
       "m.onnx: expected an ONNX IR version from 1 to 14, found 99"},
      {"function",
       [](OnnxBuilder& b) {
         b.model().add_functions()->set_name("Swish");
         b.model().mutable_functions(0)->set_domain("my.ops");
       },
       "m.onnx: the model defines function my.ops::Swish; functions are not supported"},
      {"unknown operator", [](OnnxBuilder& b) { b.node("FancyOp", {"y"}, {"z"}); },
       "m.onnx: node 'z/FancyOp' (#1): operator 'FancyOp' of ai.onnx opset 13 is not supported"},
      {"several unknown operators",
       [](OnnxBuilder& b) {
         b.node("FancyOp", {"y"}, {"z"}).node("FancyOp", {"z"}, {"u"});
         b.node("Y", {"u"}, {"v"}).node("X", {"v"}, {"w"});
         b.graph().mutable_node(1)->clear_name();
       },
       "m.onnx: node #1: operator 'FancyOp' of ai.onnx opset 13 is not supported (and 2 more: X, "
       "Y)"},
      {"maps of scores",
       [](OnnxBuilder& b) { b.node("FancyOp", {"y"}, {"z"}).node("ZipMap", {"z"}, {"u"}); },
       "m.onnx: node 'z/FancyOp' (#1): operator 'FancyOp' of ai.onnx opset 13 is not supported "
       "(and "
       "1 more: ZipMap); ZipMap makes maps of the scores: export the model with zipmap=False"},
      {"other domain",
       [](OnnxBuilder& b) {
         b.node("Relu", {"y"}, {"z"}).last_node().set_domain("com.microsoft");
         auto& set = *b.model().add_opset_import();
         set.set_domain("com.microsoft");
         set.set_version(1);
       },
       "m.onnx: node 'z/Relu' (#1): operator 'Relu' of com.microsoft opset 1 is not supported"},
      {"domain not imported",
       [](OnnxBuilder& b) { b.node("Relu", {"y"}, {"z"}).last_node().set_domain("local"); },
       "m.onnx: node 'z/Relu' (#1): operator 'Relu' of local, which the model does not import, is "
       "not supported"},
      {"operator set too new",
       [](OnnxBuilder& b) { b.model().mutable_opset_import(0)->set_version(99); },
       "m.onnx: node 'y/Relu' (#0): operator 'Relu' of ai.onnx opset 99 is not supported: expected "
       "opset 1 to 28"},
      {"dangling input", [](OnnxBuilder& b) { b.graph().mutable_node(0)->set_input(0, "nowhere"); },
       "m.onnx: node 'y/Relu' (#0), operator Relu: input 0 'nowhere' is made by no node, and is no "
       "input or initializer"},
      {"unsorted",
       [](OnnxBuilder& b) {
         b.graph().mutable_node(0)->set_input(0, std::string("z"));
         b.node("Relu", {"x"}, {"z"});
       },
       "m.onnx: node 'y/Relu' (#0), operator Relu: input 0 'z' is made by node 'z/Relu' (#1), not "
       "before it: unsorted nodes or a cycle"},
      {"cycle", [](OnnxBuilder& b) { b.graph().mutable_node(0)->set_input(0, std::string("y")); },
       "m.onnx: node 'y/Relu' (#0), operator Relu: input 0 'y' is made by node 'y/Relu' (#0), not "
       "before it: unsorted nodes or a cycle"},
      {"made twice", [](OnnxBuilder& b) { b.node("Relu", {"x"}, {"y"}); },
       "m.onnx: node 'y/Relu' (#1), operator Relu: output 'y' is also made by node 'y/Relu' (#0)"},
      {"made although an input", [](OnnxBuilder& b) { b.node("Relu", {"y"}, {"x"}); },
       "m.onnx: node 'x/Relu' (#1), operator Relu: output 'x' is also an input or an initializer "
       "of the graph"},
      {"output of nobody", [](OnnxBuilder& b) { b.output("z"); },
       "m.onnx: output 'z' is made by no node"},
      {"output twice", [](OnnxBuilder& b) { b.output("y"); }, "m.onnx: output 'y' is listed twice"},
      {"no output", [](OnnxBuilder& b) { b.graph().clear_output(); },
       "m.onnx: the graph has no output"},
      {"node without output", [](OnnxBuilder& b) { b.node("Relu", {"x"}, {}); },
       "m.onnx: node 'Relu' (#1), operator Relu: it has no output"},
      {"too many inputs",
       [](OnnxBuilder& b) { b.graph().mutable_node(0)->add_input(std::string("x")); },
       "m.onnx: node 'y/Relu' (#0), operator Relu: expected 1 inputs, found 2"},
      {"too few inputs", [](OnnxBuilder& b) { b.node("Conv", {"y"}, {"z"}); },
       "m.onnx: node 'z/Conv' (#1), operator Conv: expected 2 to 3 inputs, found 1"},
      {"subgraph",
       [](OnnxBuilder& b) {
         auto& attribute = *b.graph().mutable_node(0)->add_attribute();
         attribute.set_name("body");
         attribute.set_type(onnx::AttributeProto::GRAPH);
       },
       "m.onnx: node 'y/Relu' (#0), operator Relu: attribute body holds a subgraph, which is not "
       "supported"},
      {"attribute kind",
       [](OnnxBuilder& b) {
         auto& attribute = *b.graph().mutable_node(0)->add_attribute();
         attribute.set_name("odd");
         attribute.set_type(onnx::AttributeProto::SPARSE_TENSOR);
       },
       "m.onnx: node 'y/Relu' (#0), operator Relu: attribute odd is of kind SPARSE_TENSOR, which "
       "is "
       "not supported"},
      {"attribute of a function",
       [](OnnxBuilder& b) {
         auto& attribute = *b.graph().mutable_node(0)->add_attribute();
         attribute.set_name("alpha");
         attribute.set_ref_attr_name("slope");
       },
       "m.onnx: node 'y/Relu' (#0), operator Relu: attribute alpha refers to attribute slope of a "
       "function, which is not supported"},
      {"second output",
       [](OnnxBuilder& b) {
         b.input("i", {"N", "1", "4"});
         b.node("MaxPool", {"i"}, {"p", "indices"},
                {Attr("kernel_shape", std::vector<std::int64_t>{2})});
         b.output("indices");
       },
       "m.onnx: node 'p/MaxPool' (#1), operator MaxPool: output 1 'indices' is used, but only "
       "output 0 is supported"},
      {"Dropout that trains",
       [](OnnxBuilder& b) {
         Tensor yes(DType::kBool, {});
         yes.as<std::uint8_t>()[0] = 1;
         b.constant("yes", yes).node("Dropout", {"y", "", "yes"}, {"z"});
       },
       "m.onnx: node 'z/Dropout' (#1), operator Dropout: only the inference form is supported, "
       "found training mode"},
      {"Constant of strings",
       [](OnnxBuilder& b) { b.node("Constant", {}, {"c"}, {Attr("value_string", "text")}); },
       "m.onnx: node 'c/Constant' (#1), operator Constant: expected an attribute value, "
       "value_float(s) or value_int(s); strings and sparse tensors are not supported"},
      {"external data",
       [](OnnxBuilder& b) {
         b.weights("w", {2}).graph().mutable_initializer(0)->set_data_location(
             onnx::TensorProto::EXTERNAL);
       },
       "m.onnx: initializer 'w': its elements are in file '', which was not given with the model"},
      {"too little data",
       [](OnnxBuilder& b) {
         b.weights("w", {2, 3}).graph().mutable_initializer(0)->mutable_raw_data()->resize(20);
       },
       "m.onnx: initializer 'w': shape [2, 3] of f32 needs 6 elements, found 20 bytes; is the file "
       "truncated?"},
      {"too many typed elements",
       [](OnnxBuilder& b) {
         auto& tensor = *b.weights("w", {2}).graph().mutable_initializer(0);
         tensor.clear_raw_data();
         for (int i = 0; i < 3; ++i) tensor.add_float_data(1.0F);
       },
       "m.onnx: initializer 'w': shape [2] of f32 needs 2 elements, found 3; is the file "
       "truncated?"},
      {"half precision",
       [](OnnxBuilder& b) {
         b.weights("w", {2}).graph().mutable_initializer(0)->set_data_type(
             onnx::TensorProto::FLOAT16);
       },
       "m.onnx: initializer 'w': elements of type FLOAT16 are not supported"},
      {"type newer than our definitions",
       [](OnnxBuilder& b) {
         b.weights("w", {2}).graph().mutable_initializer(0)->set_data_type(17);
       },
       "m.onnx: initializer 'w': elements of type type number 17 are not supported"},
      {"initializer twice", [](OnnxBuilder& b) { b.weights("w", {2}).weights("w", {2}); },
       "m.onnx: two initializers are named 'w'"},
      {"sparse initializer",
       [](OnnxBuilder& b) { b.graph().add_sparse_initializer()->mutable_values()->set_name("s"); },
       "m.onnx: initializer 's' is sparse, which is not supported"},
      {"input twice", [](OnnxBuilder& b) { b.input("x", {"N"}); },
       "m.onnx: two inputs are named 'x'"},
      {"input of strings", [](OnnxBuilder& b) { b.input("s", {"N"}, onnx::TensorProto::STRING); },
       "m.onnx: input 's': elements of type STRING are not supported"},
      {"input without type", [](OnnxBuilder& b) { b.graph().add_input()->set_name("s"); },
       "m.onnx: input 's': expected a tensor with a shape, found another type"},
      {"input without rank",
       [](OnnxBuilder& b) {
         b.input("s", {})
             .graph()
             .mutable_input(1)
             ->mutable_type()
             ->mutable_tensor_type()
             ->clear_shape();
       },
       "m.onnx: input 's': expected a tensor with a shape, found no shape"},
      {"scalar input", [](OnnxBuilder& b) { b.input("s", {}); },
       "m.onnx: input 's' []: is a scalar: give it a constant value"},
      {"fixed batch",
       [](OnnxBuilder& b) {
         b.input("s", {"8", "3"});
       },
       "m.onnx: input 's' [8, 3]: the batch axis is fixed at 8; export the model with a symbolic "
       "axis 0"},
      {"two symbolic axes",
       [](OnnxBuilder& b) {
         b.input("s", {"N", "3", "width", "?"});
       },
       "m.onnx: input 's' [N, 3, width, ?]: axis 2 is not a fixed size: give the shape of a "
       "row"},
      {"empty axis",
       [](OnnxBuilder& b) {
         b.input("s", {"N", "0"});
       },
       "m.onnx: input 's' [N, 0]: axis 1 has size 0"},
      {"declared rank",
       [](OnnxBuilder& b) {
         b.node("Relu", {"x"}, {"z"}).output("z", {"N", "3", "1"});
       },
       "m.onnx: output 'z' is declared as [N, 3, 1], but the graph makes [N, 3]"},
      {"declared size",
       [](OnnxBuilder& b) {
         b.node("Relu", {"x"}, {"z"}).output("z", {"N", "4"});
       },
       "m.onnx: output 'z' is declared as [N, 4], but the graph makes [N, 3]"},
      {"declared type",
       [](OnnxBuilder& b) {
         b.node("Relu", {"x"}, {"z"}).output("z", {"N", "3"}, onnx::TensorProto::INT64);
       },
       "m.onnx: output 'z' is declared as i64, but the graph makes f32"},
  };
}

TEST(ModelImportErrors, NamesWhatIsWrong) {
  for (const BrokenModel& broken : broken_models()) {
    SCOPED_TRACE(broken.name);
    OnnxBuilder builder = relu_model();
    broken.damage(builder);
    EXPECT_EQ(import_error(builder.bytes()), broken.error);
  }
}

TEST(ModelImportErrors, RefusesEveryTruncation) {
  const auto bytes = small_network().bytes();
  EXPECT_EQ(import_error(bytes), "no error");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::string error = import_error(std::span(bytes).first(size));
    EXPECT_TRUE(error.starts_with("m.onnx: ")) << size << " bytes: " << error;
  }
}

TEST(ModelImportErrors, SurvivesDamagedBytes) {
  const auto sound = small_network().bytes();
  std::mt19937 generator(3);
  const auto below = [&](std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(generator);
  };
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    auto bytes = sound;
    for (std::size_t i = 0; i <= below(3); ++i) {
      bytes[below(bytes.size())] = static_cast<std::byte>(below(256));
    }
    const std::string error = import_error(bytes);  // anything but InputError fails the test
    if (error != "no error") {
      ++refused;
      EXPECT_TRUE(error.starts_with("m.onnx: ")) << error;
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace widepipe::model
