#pragma once

#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <vector>

#include "core/row_set.h"
#include "jobs/job_outputs.h"
#include "jobs/request_rows.h"
#include "mpi_runtime/rows_done.h"
#include "mpi_runtime/serve_leader.h"

namespace widepipe::jobs {

/// Results of a replay on their way to the outputs of its job, each row once: what `score` would
/// have written. Rank 0's MPI thread.
class ReplayResults {
 public:
  /// All outlive it. `rank_names` are for messages.
  ReplayResults(const ReadyJob& job, int ranks, const RequestRows& rows,
                const std::vector<std::string>& rank_names);

  /// True also when writing has failed: nothing is waited for then.
  bool has_room();
  /// What cannot be written is remembered, for finish() to throw: the other ranks wait.
  void take(const mpi_runtime::BatchResults& batch);
  bool failed() const { return failure_ != nullptr; }

  /// Writes the rest. Throws RunError.
  void finish();
  /// Before finish(), where answers were found wrong: nothing of this run is recorded as done.
  void take_back();

  struct Stream {
    std::string output;
    std::int64_t rows = 0;
    std::int64_t before = 0;   ///< done in earlier runs
    std::int64_t written = 0;  ///< in this one
    std::int64_t failed = 0;   ///< in all
    bool complete = false;
  };
  /// Of the streams that are worked on; after finish().
  std::vector<Stream> streams() const;

 private:
  struct Batch {
    const mpi_runtime::BatchResults& batch;
    std::size_t id;  ///< of the stream of all its rows
  };

  void write(const mpi_runtime::BatchResults& batch);
  void accept(const Batch& of, RowRange places,
              const std::vector<std::span<const std::byte>>& columns);
  void reject(const Batch& of, const mpi_runtime::RowFailure& failure);
  std::int64_t row_at(const Batch& of, std::int64_t place) const {
    return rows_.row_of(of.batch.requests[static_cast<std::size_t>(place)]);
  }

  const RequestRows& rows_;
  const std::vector<std::string>& rank_names_;
  JobOutputs outputs_;
  std::vector<std::vector<std::size_t>> column_bytes_;  ///< by stream
  std::vector<RowSet> settled_;                         ///< by stream: they need not be written
  std::vector<RowSet> written_;                         ///< by stream, in this run
  std::exception_ptr failure_;
};

}  // namespace widepipe::jobs
