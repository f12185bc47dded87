#include "model/external_files.h"

#include <limits>
#include <set>

#include "core/error.h"
#include "model/onnx_file.h"
#include "model/onnx_tensor.h"

namespace widepipe::model {
namespace {

void add_tensors(onnx::GraphProto& graph, std::vector<onnx::TensorProto*>& found) {
  for (onnx::TensorProto& tensor : *graph.mutable_initializer()) found.push_back(&tensor);
  for (onnx::NodeProto& node : *graph.mutable_node()) {
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_t()) found.push_back(attribute.mutable_t());
      if (attribute.has_g()) add_tensors(*attribute.mutable_g(), found);
    }
  }
}

/// Those of the branches of an If, too.
std::vector<onnx::TensorProto*> tensors_of(onnx::GraphProto& graph) {
  std::vector<onnx::TensorProto*> found;
  add_tensors(graph, found);
  return found;
}

}  // namespace

std::vector<std::byte> with_external_data(std::span<const std::byte> bytes, std::string_view label,
                                          const ExternalFiles& external) {
  if (external.empty()) return {bytes.begin(), bytes.end()};
  onnx::ModelProto model = parse_onnx(bytes, label);
  for (onnx::TensorProto* proto : tensors_of(*model.mutable_graph())) {
    if (external_location(*proto).empty()) continue;
    const Tensor tensor = read_tensor(*proto, external);
    proto->clear_external_data();
    proto->clear_data_location();
    proto->set_raw_data(tensor.data(), tensor.bytes());
  }
  const std::size_t size = model.ByteSizeLong();
  if (size > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw_input_error(
        "{}: {} bytes with its external data: a device that imports ONNX itself takes 2 GiB", label,
        size);
  }
  std::vector<std::byte> whole(size);
  if (!model.SerializeToArray(whole.data(), static_cast<int>(size))) {
    throw_input_error("{}: cannot be put together with its external data", label);
  }
  return whole;
}

std::vector<std::string> external_files(std::span<const std::byte> bytes) {
  std::set<std::string> files;
  try {
    onnx::ModelProto model = parse_onnx(bytes, "");
    for (const onnx::TensorProto* proto : tensors_of(*model.mutable_graph())) {
      const std::string location = external_location(*proto);
      if (!location.empty()) files.insert(location);
    }
  } catch (const InputError&) {
    // import_graph() says what is wrong.
  }
  return {files.begin(), files.end()};
}

}  // namespace widepipe::model
