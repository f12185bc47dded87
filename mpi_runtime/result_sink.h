#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/row_range.h"
#include "schedule/types.h"

namespace widepipe::mpi_runtime {

/// Results of consecutive rows: one span a column, row after row, or none if the ranks wrote them.
/// `owner` keeps the memory of the spans alive for as long as the receiver needs it.
struct FinishedRows {
  schedule::StreamId stream = 0;
  RowRange rows;
  std::vector<std::span<const std::byte>> columns;
  std::shared_ptr<const void> owner;
};

/// Rows without a result, and why.
struct FailedRows {
  schedule::StreamId stream = 0;
  RowRange rows;
  std::string reason;
  bool by_check = false;  ///< they were computed, but a check that the job asked for refused them
  std::string rank;       ///< on which they failed: "2@node3"
};

/// Where results end. Called on rank 0 from the MPI thread, so nothing here may block. Any call
/// may throw RunError when what was accepted before could not be written.
class ResultSink {
 public:
  virtual ~ResultSink() = default;
  /// False while so much waits to be written that no new work should start.
  virtual bool has_room() = 0;
  virtual void accept(FinishedRows rows) = 0;
  virtual void reject(FailedRows rows) = 0;
  /// Rows that were accepted, or rejected by a check, are not done: they will come again.
  virtual void take_back(schedule::StreamId stream, const std::vector<RowRange>& rows) = 0;
};

}  // namespace widepipe::mpi_runtime
