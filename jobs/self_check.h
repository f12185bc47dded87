#pragma once
// What a device must prove before it gets work: a row of the job's data, whose result is known.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "model/model.h"
#include "mpi_runtime/row_reader.h"

namespace widepipe::jobs {

/// One row of each input and output of a model, in the order of its ports.
struct KnownRow {
  std::vector<AlignedBuffer> inputs;
  std::vector<AlignedBuffer> outputs;
};

/// A row of the data and its result by the built-in kernels; nothing if these cannot run the model,
/// or if none of a few rows can be read and computed: the job itself will tell why.
std::optional<KnownRow> known_row(const std::shared_ptr<const model::Model>& model,
                                  const mpi_runtime::StreamSource& source);

/// The row as bytes for the other ranks, and back. `bytes` must be those of pack() for this model.
std::vector<std::byte> pack(const KnownRow& row);
KnownRow unpack(const model::Model& model, std::span<const std::byte> bytes);

/// How `found` differs from what was expected; empty if it does not. Values of float outputs may
/// differ by `tolerance` of the output's largest; other types are not looked at then. With a
/// tolerance of 0 all bits must be the same.
std::string why_wrong(const model::Model& model, std::span<const AlignedBuffer> expected,
                      std::span<const AlignedBuffer> found, double tolerance);

}  // namespace widepipe::jobs
