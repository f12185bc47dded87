#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "kernels/registry.h"
#include "model/model.h"
#include "model/onnx_import.h"
#include "model/operators.h"
#include "tests/unit/model_test_support.h"

namespace widepipe::model {
namespace {

using ::widepipe::testing::Attr;
using ::widepipe::testing::import_error;
using ::widepipe::testing::OnnxBuilder;
using ::widepipe::testing::random_tensor;
using ::widepipe::testing::relu_model;
using ::widepipe::testing::small_network;
using ::widepipe::testing::tensor_of;

TEST(ModelImport, ReadsInputsOutputsAndIdentity) {
  const auto bytes = relu_model().bytes();
  const auto model = Model::from_bytes(bytes, "m.onnx");
  ASSERT_EQ(model->inputs().size(), 1U);
  EXPECT_EQ(model->inputs()[0].name, "x");
  EXPECT_EQ(model->inputs()[0].dtype, DType::kF32);
  EXPECT_EQ(model->inputs()[0].row_shape, (Shape{3}));
  EXPECT_EQ(model->inputs()[0].bytes_per_row, 12U);
  ASSERT_EQ(model->outputs().size(), 1U);
  EXPECT_EQ(model->outputs()[0].name, "y");
  EXPECT_EQ(model->label(), "m.onnx");
  EXPECT_EQ(model->hash().size(), 32U);
  EXPECT_EQ(Model::from_bytes(bytes, "other name")->hash(), model->hash());
}

TEST(ModelImport, AcceptsABatchFixedAtOneWhereItCanVary) {
  OnnxBuilder flexible;
  flexible.input("x", {"1", "2", "2"}).node("Flatten", {"x"}, {"y"}).output("y", {"1", "4"});
  const auto model = Model::from_bytes(flexible.bytes(), "m.onnx");
  EXPECT_EQ(model->outputs()[0].row_shape, (Shape{4}));
}

TEST(ModelImport, TakesInitializersThatAreInputsTooAsConstants) {
  OnnxBuilder builder(8);
  builder.model().set_ir_version(3);
  builder.input("x", {"N", "3"})
      .input("w", {"3"})
      .weights("w", {3})
      .node("Add", {"x", "w"}, {"y"})
      .output("y");
  const auto model = Model::from_bytes(builder.bytes(), "m.onnx");
  EXPECT_EQ(model->inputs().size(), 1U);
  EXPECT_EQ(model->parameter_count(), 3);
}

TEST(ModelImport, ReadsEveryElementTypeFromRawAndTypedData) {
  struct Case {
    onnx::TensorProto::DataType type;
    DType dtype;
    std::function<void(onnx::TensorProto&)> fill;  ///< the elements 1 and 2
  };
  const auto int32s = [](onnx::TensorProto& t) {
    t.add_int32_data(1);
    t.add_int32_data(2);
  };
  const auto uint64s = [](onnx::TensorProto& t) {
    t.add_uint64_data(1);
    t.add_uint64_data(2);
  };
  const std::vector<Case> cases = {
      {onnx::TensorProto::FLOAT, DType::kF32,
       [](onnx::TensorProto& t) {
         t.add_float_data(1);
         t.add_float_data(2);
       }},
      {onnx::TensorProto::DOUBLE, DType::kF64,
       [](onnx::TensorProto& t) {
         t.add_double_data(1);
         t.add_double_data(2);
       }},
      {onnx::TensorProto::INT64, DType::kI64,
       [](onnx::TensorProto& t) {
         t.add_int64_data(1);
         t.add_int64_data(2);
       }},
      {onnx::TensorProto::INT8, DType::kI8, int32s},
      {onnx::TensorProto::INT16, DType::kI16, int32s},
      {onnx::TensorProto::INT32, DType::kI32, int32s},
      {onnx::TensorProto::UINT8, DType::kU8, int32s},
      {onnx::TensorProto::UINT16, DType::kU16, int32s},
      {onnx::TensorProto::BOOL, DType::kBool, int32s},
      {onnx::TensorProto::UINT32, DType::kU32, uint64s},
      {onnx::TensorProto::UINT64, DType::kU64, uint64s},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(name_of(c.dtype));
    OnnxBuilder builder = relu_model();
    onnx::TensorProto& typed = *builder.graph().add_initializer();
    typed.set_name("typed");
    typed.set_data_type(c.type);
    typed.add_dims(2);
    c.fill(typed);
    const Graph first = import_graph(builder.bytes(), "m.onnx");
    const Tensor& from_fields = *first.values[0].constant;
    EXPECT_EQ(from_fields.dtype(), c.dtype);
    EXPECT_EQ(std::to_integer<int>(from_fields.data()[from_fields.bytes() - 1]) != 0 ||
                  std::to_integer<int>(from_fields.data()[size_of(c.dtype)]) != 0,
              true);

    const std::string raw(reinterpret_cast<const char*>(from_fields.data()), from_fields.bytes());
    typed.Clear();
    typed.set_name("raw");
    typed.set_data_type(c.type);
    typed.add_dims(2);
    typed.set_raw_data(raw);
    const Graph second = import_graph(builder.bytes(), "m.onnx");
    const Tensor& from_raw = *second.values[0].constant;
    EXPECT_TRUE(std::equal(from_raw.data(), from_raw.data() + from_raw.bytes(), from_fields.data(),
                           from_fields.data() + from_fields.bytes()));
  }
}

TEST(ModelImport, TurnsConstantNodesIntoConstants) {
  const std::vector<std::pair<Attr, DType>> cases = {
      {Attr("value", random_tensor({3}, 1)), DType::kF32},
      {Attr("value_float", 2.0F), DType::kF32},
      {Attr("value_floats", std::vector<float>{1, 2, 3}), DType::kF32},
      {Attr("value_int", 2), DType::kI64},
      {Attr("value_ints", std::vector<std::int64_t>{1, 2, 3}), DType::kI64},
  };
  for (const auto& [attr, dtype] : cases) {
    SCOPED_TRACE(attr.proto.name());
    OnnxBuilder builder = relu_model();
    builder.node("Constant", {}, {"c"}, {attr});
    const Graph graph = import_graph(builder.bytes(), "m.onnx");
    EXPECT_EQ(graph.nodes.size(), 1U);
    const auto found = std::find_if(graph.values.begin(), graph.values.end(),
                                    [](const Value& value) { return value.name == "c"; });
    ASSERT_NE(found, graph.values.end());
    ASSERT_NE(found->constant, nullptr);
    EXPECT_EQ(found->dtype, dtype);
  }
}

TEST(ModelImport, KeepsAnInputThatIsAnOutputAsACopy) {
  OnnxBuilder builder = relu_model();
  builder.output("x", {"N", "3"});
  const auto model = Model::from_bytes(builder.bytes(), "m.onnx");
  ASSERT_EQ(model->outputs().size(), 2U);
  EXPECT_EQ(model->outputs()[1].name, "x");
  EXPECT_EQ(model->graph().nodes.size(), 2U);
}

TEST(ModelImport, CountsParametersAndMultiplyAdds) {
  const auto model = Model::from_bytes(small_network().bytes(), "m.onnx");
  EXPECT_EQ(model->parameter_count(), 18 + 24 + 3);
  EXPECT_EQ(model->multiply_adds_per_row(), 2 * 4 * 4 * 9 + 8 * 3);
}

TEST(ModelImport, ReadsTheExampleModel) {
  std::ifstream file(WIDEPIPE_SOURCE_DIR "/jobs/examples/fashion_lenet/fashion_lenet.onnx",
                     std::ios::binary);
  ASSERT_TRUE(file);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto model = Model::from_bytes(std::as_bytes(std::span(text)), "fashion_lenet.onnx");
  EXPECT_EQ(model->inputs()[0].row_shape, (Shape{1, 28, 28}));
  EXPECT_EQ(model->outputs()[0].row_shape, (Shape{10}));
  // Relu and Flatten are gone: Conv, MaxPool, Conv, MaxPool, Gemm, Gemm, Softmax.
  EXPECT_EQ(model->graph().nodes.size(), 7U);
}

TEST(Operators, AreThoseThatKernelsKnow) {
  std::set<std::string_view> known;
  for (const kernels::KernelEntry& entry : kernels::registry()) known.insert(entry.op);
  known.erase("Reorder");  // ours, not ONNX's
  std::set<std::string_view> listed;
  for (const Operator& op : operators()) listed.insert(op.name);
  listed.erase("Dropout");  // becomes Identity
  EXPECT_EQ(listed, known);
  EXPECT_EQ(find_operator("Einsum"), nullptr);
}

}  // namespace
}  // namespace widepipe::model
