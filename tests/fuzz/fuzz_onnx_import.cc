// Any bytes as a model: imported, or refused with an InputError; in bounded memory and time.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/error.h"
#include "model/model.h"
#include "tests/fuzz/fuzz_check.h"

namespace {

using namespace widepipe;

/// Open dimensions are bound as a small data set would.
model::Binding bind(const model::Declared& declared) {
  constexpr std::int64_t kSize = 4;
  model::Binding binding;
  for (const model::DeclaredInput& input : declared.inputs) {
    Shape row;
    for (std::size_t axis = 1; axis < input.shape.size(); ++axis) {
      row.push_back(input.shape[axis].size.value_or(kSize));
    }
    binding.row_shapes[input.name] = row;
  }
  return binding;
}

void check_ports(const std::vector<model::Port>& ports) {
  for (const model::Port& port : ports) {
    fuzz::check(port.bytes_per_row ==
                    static_cast<std::size_t>(element_count(port.row_shape)) * size_of(port.dtype),
                "a port has the bytes of its shape");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  model::external_files(bytes);
  for (const bool bound : {false, true}) {
    model::ModelOptions options;
    if (bound) options.bind = bind;
    try {
      const auto model = model::Model::from_bytes(bytes, "fuzzed.onnx", options);
      check_ports(model->inputs());
      check_ports(model->outputs());
    } catch (const InputError&) {  // as it should be
    }
  }
  return 0;
}
