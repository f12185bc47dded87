#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/row_range.h"
#include "mpi_runtime/wire.h"

namespace widepipe::mpi_runtime {

/// Rows that were computed but are not accepted, and why.
struct RowFailure {
  RowRange rows;
  std::string reason;
};

/// What became of a dispatch on the rank that got it.
struct RowsDone {
  DispatchWire dispatch;
  double busy_seconds = 0;
  double finished_at_seconds = 0;  ///< on the device's clock
  ResultState state = ResultState::kDone;
  std::uint64_t digest = 0;            ///< of columns and failures, if asked for
  std::string error;                   ///< why, unless state is kDone
  std::vector<AlignedBuffer> columns;  ///< results; none if they are in the output already
  std::vector<RowFailure> failures;    ///< of single rows of a batch that is done, in row order
};

/// Text for the way to rank 0.
std::string pack(std::span<const RowFailure> failures);
std::vector<RowFailure> unpack_failures(std::string_view text);

/// The rows between the failures.
std::vector<RowRange> rows_between(RowRange rows, std::span<const RowFailure> failures);

}  // namespace widepipe::mpi_runtime
