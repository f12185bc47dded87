#include <fmt/format.h>

#include "device/device.h"

namespace widepipe::device {

std::string why_unfit(const Batch& batch, const model::Model& model) {
  const std::vector<model::Port>& ports = model.inputs();
  if (batch.rows < 1) return fmt::format("a batch needs a row, found {}", batch.rows);
  if (batch.inputs.size() != ports.size()) {
    return fmt::format("{}: expected {} inputs, found {}", model.label(), ports.size(),
                       batch.inputs.size());
  }
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const std::size_t expected = static_cast<std::size_t>(batch.rows) * ports[i].bytes_per_row;
    if (batch.inputs[i].size() == expected) continue;
    return fmt::format("{}: input '{}': expected {} bytes for {} rows, found {}", model.label(),
                       ports[i].name, expected, batch.rows, batch.inputs[i].size());
  }
  return "";
}

std::string no_memory_text(std::int64_t rows) {
  return fmt::format("no memory for a batch of {} row{}", rows, rows == 1 ? "" : "s");
}

}  // namespace widepipe::device
