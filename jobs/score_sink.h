#pragma once
// Where the results of a score job go: to the writer of their stream.

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "dataset/durable_writer.h"
#include "dataset/failed_rows.h"
#include "dataset/journal_record.h"
#include "mpi_runtime/result_sink.h"

namespace widepipe::jobs {

/// Failed rows with which a stream may end: a thousand, or a hundredth of its rows.
std::int64_t most_failed(std::int64_t rows);

std::int64_t rows_in(const std::vector<dataset::FailedRecord>& failed);

/// What became of a stream's rows in this run.
struct StreamTally {
  std::int64_t accepted = 0;
  dataset::FailedRows failed;
  std::int64_t in_error = 0;  ///< failed rows without those that a check refused

  std::int64_t settled() const { return accepted + failed.count(); }
};

/// Hands results to the writers' threads. Failed rows are recorded at the end of the job only: an
/// input that went away, or a device that turned bad, must not write off rows for good.
class WriterSink final : public mpi_runtime::ResultSink {
 public:
  struct Stream {
    dataset::DurableWriter& writer;
    std::int64_t most_failed;  ///< more failed rows end the job with a RunError, resumable
    std::string prefix;        ///< begins messages
  };
  explicit WriterSink(std::vector<Stream> streams)
      : streams_(std::move(streams)), tallies_(streams_.size()) {}

  bool has_room() override;
  void accept(mpi_runtime::FinishedRows rows) override;
  void reject(mpi_runtime::FailedRows rows) override;
  void take_back(schedule::StreamId stream, const std::vector<RowRange>& rows) override;

  /// Ends all writers; of a stream of which `complete` says so, the failed rows and the end are
  /// recorded. Throws the first writer's error, after all have ended.
  void finish(const std::vector<bool>& complete);

  const StreamTally& tally(schedule::StreamId stream) const { return tallies_.at(stream); }
  std::int64_t rows_accepted() const;

 private:
  std::vector<Stream> streams_;
  std::vector<StreamTally> tallies_;
};

}  // namespace widepipe::jobs
