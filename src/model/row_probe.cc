#include "model/row_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/aligned_buffer.h"
#include "model/plan.h"

namespace widepipe::model {
namespace {

/// The outputs of some rows, by port.
std::vector<AlignedBuffer> run(Plan& plan, const Model& model, std::span<const InputRow> rows) {
  std::vector<AlignedBuffer> inputs;
  std::vector<const std::byte*> sources;
  for (std::size_t port = 0; port < model.inputs().size(); ++port) {
    const std::size_t bytes = model.inputs()[port].bytes_per_row;
    AlignedBuffer& buffer = inputs.emplace_back(rows.size() * bytes);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      std::memcpy(buffer.data() + row * bytes, rows[row][port].data(), bytes);
    }
    sources.push_back(buffer.data());
  }
  std::vector<AlignedBuffer> outputs;
  std::vector<std::byte*> targets;
  for (const Port& port : model.outputs()) {
    targets.push_back(outputs.emplace_back(rows.size() * port.bytes_per_row).data());
  }
  plan.run(sources, targets);
  return outputs;
}

}  // namespace

std::string why_rows_interfere(const std::shared_ptr<const Model>& model,
                               std::span<const InputRow> rows) {
  if (model->max_batch() < static_cast<std::int64_t>(rows.size())) return "";
  // If another device will run the model, what is packed here need not stay.
  const auto weights =
      model->onnx().empty() ? model->packed_weights() : std::make_shared<kernels::WeightStore>();
  Plan together(model, weights, static_cast<std::int64_t>(rows.size()), 1);
  Plan apart(model, weights, 1, 1);
  const std::vector<AlignedBuffer> expected = run(together, *model, rows);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::vector<AlignedBuffer> found = run(apart, *model, rows.subspan(row, 1));
    for (std::size_t port = 0; port < found.size(); ++port) {
      const std::size_t bytes = model->outputs()[port].bytes_per_row;
      if (std::memcmp(expected[port].data() + row * bytes, found[port].data(), bytes) == 0) {
        continue;
      }
      return fmt::format(
          "{}: rows depend on each other: output '{}' of a row is another when {} "
          "rows run together",
          model->label(), model->outputs()[port].name, rows.size());
    }
  }
  return "";
}

}  // namespace widepipe::model
