#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "model/model.h"
#include "mpi_runtime/rows_done.h"

namespace widepipe::mpi_runtime {

/// Rows of which a float output holds a NaN or an infinity. `outputs` are those of the model, of
/// `rows`; neighbours with one reason are one failure.
std::vector<RowFailure> nonfinite_rows(const model::Model& model,
                                       std::span<const AlignedBuffer> outputs, RowRange rows);

}  // namespace widepipe::mpi_runtime
