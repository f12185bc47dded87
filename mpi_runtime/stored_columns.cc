#include "mpi_runtime/stored_columns.h"

#include <span>
#include <utility>

namespace widepipe::mpi_runtime {

std::vector<std::size_t> column_bytes(const model::Model& model, const StreamOutputs& outputs) {
  std::vector<std::size_t> bytes;
  if (outputs.empty()) {
    for (const model::Port& port : model.outputs()) bytes.push_back(port.bytes_per_row);
  }
  for (const StoredOutput& stored : outputs) {
    const std::vector<std::size_t> more = stored.transform.column_bytes();
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  return bytes;
}

std::vector<AlignedBuffer> stored_columns(const StreamOutputs& outputs, std::int64_t rows,
                                          std::vector<AlignedBuffer> model_outputs) {
  if (outputs.empty()) return model_outputs;
  std::vector<AlignedBuffer> columns;
  for (const auto& [output, transform] : outputs) {
    const std::size_t first = columns.size();
    for (const std::size_t bytes : transform.column_bytes()) {
      columns.emplace_back(static_cast<std::size_t>(rows) * bytes);
    }
    std::vector<std::span<std::byte>> outs;
    for (std::size_t i = first; i < columns.size(); ++i) outs.push_back(columns[i].span());
    transform.apply(rows, model_outputs.at(output).span(), outs);
  }
  return columns;
}

}  // namespace widepipe::mpi_runtime
