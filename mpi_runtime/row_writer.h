#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "dataset/row_sink.h"
#include "mpi_runtime/rows_done.h"

namespace widepipe::mpi_runtime {

/// Writes results into the outputs on a thread of its own. Nobody hears of rows before they will
/// survive a crash, so that rank 0 may record them without having seen them. Batches that wait
/// while a disk is busy share its next sync.
class RowWriter {
 public:
  /// By stream; null where the stream's rows are gathered.
  using Outputs = std::vector<std::unique_ptr<dataset::RowSink>>;

  /// `done` is called on the writer's thread: without columns, or broken if a write failed.
  RowWriter(Outputs outputs, std::function<void(RowsDone)> done);
  ~RowWriter();
  RowWriter(const RowWriter&) = delete;
  RowWriter& operator=(const RowWriter&) = delete;

  /// Any thread; returns at once. The rows are done, and their columns are those of the output.
  void write(RowsDone rows);

 private:
  void work(const std::stop_token& stop);
  void write_all(std::deque<RowsDone>& batches);

  const Outputs outputs_;
  const std::function<void(RowsDone)> done_;
  std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::deque<RowsDone> waiting_;
  std::jthread thread_;  // last: joined before what it uses goes
};

}  // namespace widepipe::mpi_runtime
