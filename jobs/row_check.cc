#include "jobs/row_check.h"

#include <array>
#include <span>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/error.h"
#include "model/row_probe.h"

namespace widepipe::jobs {

std::string why_one_row(const std::shared_ptr<const model::Model>& model,
                        const mpi_runtime::StreamSource& source) {
  const std::int64_t rows = source.front().dataset->rows();
  if (rows < 2 || model->max_batch() < 2) return "";
  try {
    std::vector<AlignedBuffer> buffers;
    std::array<model::InputRow, 2> pair;  // far apart: neighbours may be alike
    for (std::size_t i = 0; i < pair.size(); ++i) {
      for (const mpi_runtime::PortSource& port : source) {
        const std::span<std::byte> row = buffers.emplace_back(port.bytes_per_row).span();
        port.dataset->read_rows(i == 0 ? 0 : rows - 1, 1, port.dtype, row);
        pair[i].emplace_back(row);
      }
    }
    try {
      return model::why_rows_interfere(model, pair);
    } catch (const InputError& error) {
      if (model->onnx().empty()) throw;
      return error.what();  // another device runs it: nothing shows that rows may go together
    }
  } catch (const RunError&) {
    return "";
  }
}

}  // namespace widepipe::jobs
