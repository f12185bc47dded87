#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/row_set.h"
#include "core/surroundings.h"
#include "dataset/row_sink.h"

namespace widepipe::dataset {

/// Results of consecutive rows, on their way to the disk.
struct RowBlock {
  RowRange rows;
  /// The rows of each column of the spec, dense; empty if the rows failed, or are in the output
  /// already and will survive a crash there.
  std::vector<std::span<const std::byte>> columns;
  /// Keeps the memory of `columns` until it is written.
  std::shared_ptr<const void> owner;
  /// Not empty: the rows failed for good, and why.
  std::string failed_reason;
  /// Not empty: these rows were submitted before, as done, and are not after all. The block has
  /// nothing else.
  std::vector<RowRange> taken_back;
};

struct DurableWriterOptions {
  std::size_t queue_bytes = std::size_t{256} << 20;  ///< has_room() until so much is waiting
  std::size_t group_bytes = std::size_t{64} << 20;   ///< written bytes that force a sync
  std::chrono::milliseconds group_interval{1000};    ///< least time between syncs
  /// Called on the strand when a write, a sync or a record has come to its end; may be null.
  std::function<void()> progressed;
  Surroundings surroundings;
};

/// Writes rows on a strand of its own, and keeps the journal's promise: a record is appended
/// only after the rows it names were written and synced. Groups of rows share one sync.
///
/// submit(), has_room(), finish() are for one thread (rank 0's MPI thread), which never waits
/// for a disk in the first two. An error of the sink or the log ends all writing: nothing is
/// tried again, because after a failed sync nobody knows what is on disk.
class DurableWriter {
 public:
  /// Sink and log must outlive the writer, which is their only user meanwhile.
  DurableWriter(RowSink& sink, RecordLog& log, DurableWriterOptions options);
  /// Without finish() it still writes and journals what was submitted; errors are lost.
  ~DurableWriter();
  DurableWriter(const DurableWriter&) = delete;
  DurableWriter& operator=(const DurableWriter&) = delete;

  /// Queues the block. Throws the writer's error if it failed meanwhile.
  void submit(RowBlock block);
  /// Whether less than the byte budget is waiting. Throws the writer's error if it failed.
  bool has_room();

  /// Writes and journals what is left; with `complete`, which the caller passes when every row
  /// of the job is done or failed, appends the done record. Throws the writer's
  /// error. Called once.
  void finish(bool complete);

  /// Rows done or failed that will survive a crash, of those submitted. From any thread.
  std::int64_t rows_recorded() const { return rows_recorded_.load(std::memory_order_relaxed); }

 private:
  void work();
  void commit_later();
  std::optional<RowBlock> next_block();
  void write(const RowBlock& block);
  void take_back(const std::vector<RowRange>& rows);
  bool commit_due() const;
  void commit();
  void write_the_rest();
  void rethrow_error() const;
  void progressed() const {
    if (options_.progressed) options_.progressed();
  }

  RowSink& sink_;
  RecordLog& log_;
  const DurableWriterOptions options_;

  // The strand's own.
  bool uncommitted_ = false;  ///< something was written since the last commit
  bool will_look_ = false;    ///< whether a commit is due
  RowSet pending_done_;
  std::vector<FailedRecord> pending_failed_;
  std::size_t pending_bytes_ = 0;
  TimePoint last_commit_;

  mutable std::mutex mutex_;
  std::deque<RowBlock> queue_;
  std::size_t queued_bytes_ = 0;  ///< of blocks that are not written
  bool ending_ = false;
  bool ended_ = false;
  std::exception_ptr error_;

  std::atomic<std::int64_t> rows_recorded_{0};
  std::unique_ptr<Strand> strand_;  // last: its tasks use all of these
};

}  // namespace widepipe::dataset
