#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/surroundings.h"
#include "dataset/row_sink.h"
#include "mpi_runtime/rows_done.h"

namespace widepipe::mpi_runtime {

/// Writes results into the outputs on a strand of its own. Nobody hears of rows before they will
/// survive a crash, so that rank 0 may record them without having seen them. Batches that wait
/// while a disk is busy share its next sync.
class RowWriter {
 public:
  /// By stream; null where the stream's rows are gathered.
  using Outputs = std::vector<std::unique_ptr<dataset::RowSink>>;

  /// `done` is called on the strand: without columns, or broken if a write failed.
  RowWriter(Outputs outputs, std::function<void(RowsDone)> done, const Surroundings& surroundings);
  RowWriter(const RowWriter&) = delete;
  RowWriter& operator=(const RowWriter&) = delete;

  /// Any thread; returns at once. The rows are done, and their columns are those of the output.
  void write(RowsDone rows);

 private:
  void write_all();

  const Outputs outputs_;
  const std::function<void(RowsDone)> done_;
  std::mutex mutex_;
  std::deque<RowsDone> waiting_;
  const std::unique_ptr<Strand> strand_;  // last: its tasks use the others
};

}  // namespace widepipe::mpi_runtime
