#include "tests/unit/device_harness.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "model/plan.h"

namespace widepipe::device {
namespace {

using widepipe::testing::OnnxBuilder;
using widepipe::testing::tensor_of;
using Sizes = std::vector<std::int64_t>;

NamedModel images() {
  OnnxBuilder net;
  net.input("x", {"N", "3", "8", "8"})
      .weights("w1", {8, 3, 3, 3})
      .weights("w2", {128, 10})
      .node("Conv", {"x", "w1"}, {"c"}, {{"pads", Sizes{1, 1, 1, 1}}})
      .node("Relu", {"c"}, {"r"})
      .node("MaxPool", {"r"}, {"p"}, {{"kernel_shape", Sizes{2, 2}}, {"strides", Sizes{2, 2}}})
      .node("Flatten", {"p"}, {"f"})
      .node("MatMul", {"f", "w2"}, {"y"})
      .output("y", {"N", "10"});
  return {"images", net.bytes()};
}

NamedModel table() {
  OnnxBuilder net;
  net.input("x", {"N", "30"})
      .weights("w", {30, 17})
      .node("MatMul", {"x", "w"}, {"m"})
      .node("Tanh", {"m"}, {"y"})
      .output("y", {"N", "17"});
  return {"table", net.bytes()};
}

NamedModel two_inputs_and_outputs() {
  OnnxBuilder net;
  net.input("a", {"N", "6"})
      .input("b", {"N", "6"})
      .node("Add", {"a", "b"}, {"sum"})
      .node("Mul", {"a", "b"}, {"product"})
      .output("sum", {"N", "6"})
      .output("product", {"N", "6"});
  return {"two inputs, two outputs", net.bytes()};
}

NamedModel chosen_outputs() {
  NamedModel model = two_inputs_and_outputs();
  model.name = "the second output alone";
  model.binding.outputs = {"product"};
  return model;
}

NamedModel constant_input() {
  NamedModel model = two_inputs_and_outputs();
  model.name = "a constant input";
  model.binding.constants["b"] =
      std::make_shared<const Tensor>(tensor_of({1, 6}, std::vector<float>{1, 2, 3, 4, 5, 6}));
  return model;
}

NamedModel batch_on_axis_1() {
  OnnxBuilder net;
  net.input("state", {"2", "N", "5"})
      .input("x", {"N", "5"})
      .node("Add", {"state", "x"}, {"next"})
      .output("next", {"2", "N", "5"});
  return {"rows on axis 1", net.bytes(), {.batch_axes = {{"state", 1}}}};
}

NamedModel whole_numbers() {
  OnnxBuilder net;
  net.input("ids", {"N", "4"}, onnx::TensorProto::INT64)
      .weights("table", {100, 6})
      .node("Gather", {"table", "ids"}, {"y"})
      .node("ArgMax", {"y"}, {"best"}, {{"axis", 2}, {"keepdims", 0}})
      .output("y", {"N", "4", "6"})
      .output("best", {"N", "4"}, onnx::TensorProto::INT64);
  return {"whole numbers in and out", net.bytes()};
}

NamedModel one_row() {
  OnnxBuilder net;
  net.input("x", {"1", "12"})
      .constant("shape", tensor_of({3}, Sizes{1, 3, 4}))
      .node("Reshape", {"x", "shape"}, {"r"})
      .node("Sigmoid", {"r"}, {"y"})
      .output("y", {"1", "3", "4"});
  return {"rows one at a time", net.bytes()};
}

/// A number in [-1, 1) for each place.
float value_at(std::int64_t row, std::size_t port, std::size_t element) {
  std::uint64_t x = static_cast<std::uint64_t>(row) * 1'000'003 + port * 7919 + element;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  x ^= x >> 31;
  return static_cast<float>(x >> 40) / static_cast<float>(1 << 23) - 1.0F;
}

double error_of(DType dtype, const AlignedBuffer& expected, const AlignedBuffer& found) {
  if (expected.size() != found.size()) return std::numeric_limits<double>::infinity();
  if (dtype != DType::kF32) {
    return std::equal(expected.span().begin(), expected.span().end(), found.span().begin()) ? 0 : 1;
  }
  const auto* a = reinterpret_cast<const float*>(expected.data());
  const auto* b = reinterpret_cast<const float*>(found.data());
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < expected.size() / sizeof(float); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(a[i])));
    const double here = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(here <= difference)) difference = here;  // NaN, too
  }
  return largest == 0 ? difference : difference / largest;
}

}  // namespace

CompletionSink Collector::sink() {
  return [this](Completion done) {
    const std::lock_guard lock(mutex_);
    done_.push_back(std::move(done));
    changed_.notify_all();
  };
}

std::vector<Completion> Collector::wait_for(std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::seconds(60), [&] { return done_.size() >= count; });
  return std::exchange(done_, {});
}

std::vector<NamedModel> conformance_models() {
  return {images(),         table(),           two_inputs_and_outputs(), chosen_outputs(),
          constant_input(), batch_on_axis_1(), whole_numbers(),          one_row()};
}

std::vector<std::byte> foreign_model() {
  OnnxBuilder net;
  net.input("x", {"N", "8"}).weights("bias", {8}).node("BiasGelu", {"x", "bias"}, {"y"});
  net.last_node().set_domain("com.microsoft");
  onnx::OperatorSetIdProto& set = *net.model().add_opset_import();
  set.set_domain("com.microsoft");
  set.set_version(1);
  return net.output("y", {"N", "8"}).bytes();
}

Batch make_batch(const model::Model& model, ModelId id, std::uint64_t batch, std::int64_t first,
                 std::int64_t rows) {
  Batch made{.id = batch, .model = id, .rows = rows};
  for (std::size_t port = 0; port < model.inputs().size(); ++port) {
    const model::Port& input = model.inputs()[port];
    AlignedBuffer buffer(static_cast<std::size_t>(rows) * input.bytes_per_row);
    const std::size_t elements = input.bytes_per_row / size_of(input.dtype);
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::size_t i = 0; i < elements; ++i) {
        const float value = value_at(first + row, port, i);
        const std::size_t place = static_cast<std::size_t>(row) * elements + i;
        if (input.dtype == DType::kI64) {
          reinterpret_cast<std::int64_t*>(buffer.data())[place] =
              static_cast<std::int64_t>((value + 1) * 49);
        } else {
          reinterpret_cast<float*>(buffer.data())[place] = value;
        }
      }
    }
    made.inputs.push_back(std::move(buffer));
  }
  return made;
}

std::vector<AlignedBuffer> expected_outputs(const std::shared_ptr<const model::Model>& model,
                                            const Batch& batch) {
  model::Plan plan(model, std::make_shared<kernels::WeightStore>(), 1, 1);
  std::vector<AlignedBuffer> outputs;
  for (const model::Port& port : model->outputs()) {
    outputs.emplace_back(static_cast<std::size_t>(batch.rows) * port.bytes_per_row);
  }
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    const auto at = static_cast<std::size_t>(row);
    std::vector<const std::byte*> in;
    std::vector<std::byte*> out;
    for (std::size_t i = 0; i < batch.inputs.size(); ++i) {
      in.push_back(batch.inputs[i].data() + at * model->inputs()[i].bytes_per_row);
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      out.push_back(outputs[i].data() + at * model->outputs()[i].bytes_per_row);
    }
    plan.run(in, out);
  }
  return outputs;
}

double largest_error(const model::Model& model, const std::vector<AlignedBuffer>& expected,
                     const std::vector<AlignedBuffer>& found) {
  if (expected.size() != found.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, error_of(model.outputs()[i].dtype, expected[i], found[i]));
  }
  return largest;
}

}  // namespace widepipe::device
