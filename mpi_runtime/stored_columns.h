#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/aligned_buffer.h"
#include "dataset/row_transform.h"
#include "model/model.h"

namespace widepipe::mpi_runtime {

/// A model output as it is stored.
struct StoredOutput {
  std::size_t output = 0;  ///< index in model.outputs()
  dataset::RowTransform transform;
};

/// What a stream stores, in the order of its result columns. Empty: every output, raw.
using StreamOutputs = std::vector<StoredOutput>;

/// Bytes of each result column in a row.
std::vector<std::size_t> column_bytes(const model::Model& model, const StreamOutputs& outputs);

/// What is stored of a model's outputs for so many rows, a buffer a column. Throws std::bad_alloc.
std::vector<AlignedBuffer> stored_columns(const StreamOutputs& outputs, std::int64_t rows,
                                          std::vector<AlignedBuffer> model_outputs);

}  // namespace widepipe::mpi_runtime
