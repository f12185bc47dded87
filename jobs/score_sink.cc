#include "jobs/score_sink.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/row_set.h"
#include "core/units.h"

namespace widepipe::jobs {

std::int64_t most_failed(std::int64_t rows) { return std::max(std::int64_t{1000}, rows / 100); }

std::int64_t rows_in(const std::vector<dataset::FailedRecord>& failed) {
  std::int64_t rows = 0;
  for (const dataset::FailedRecord& record : failed) rows += record.rows.count;
  return rows;
}

bool WriterSink::has_room() {
  return std::all_of(streams_.begin(), streams_.end(),
                     [](const Stream& stream) { return stream.writer.has_room(); });
}

void WriterSink::accept(mpi_runtime::FinishedRows rows) {
  tallies_.at(rows.stream).accepted += rows.rows.count;
  streams_[rows.stream].writer.submit({.rows = rows.rows,
                                       .columns = std::move(rows.columns),
                                       .owner = std::move(rows.owner),
                                       .failed_reason = {}});
}

void WriterSink::reject(mpi_runtime::FailedRows rows) {
  StreamTally& tally = tallies_.at(rows.stream);
  tally.failed.add({rows.rows, rows.reason});
  if (rows.by_check) return;
  tally.in_error += rows.rows.count;
  const auto& [writer, most_failed, prefix] = streams_[rows.stream];
  if (tally.in_error > most_failed) {
    throw_run_error(
        "{}more than {} rows failed, the last on rank {}: {}; they are not recorded as failed: "
        "mend the cause "
        "and run the same command again",
        prefix, grouped(most_failed), rows.rank, rows.reason);
  }
}

void WriterSink::take_back(schedule::StreamId stream, const std::vector<RowRange>& rows) {
  StreamTally& tally = tallies_.at(stream);
  RowSet accepted;
  for (const RowRange& range : rows) accepted.add(range);
  for (const dataset::FailedRecord& failed : tally.failed.records()) accepted.remove(failed.rows);
  for (const RowRange& range : rows) tally.failed.remove(range);
  tally.accepted -= accepted.count();
  if (!accepted.empty()) streams_[stream].writer.submit({.taken_back = accepted.ranges()});
}

void WriterSink::finish(const std::vector<bool>& complete) {
  std::exception_ptr error;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    dataset::DurableWriter& writer = streams_[i].writer;
    try {
      if (complete[i]) {
        for (const dataset::FailedRecord& record : tallies_[i].failed.records()) {
          writer.submit(
              {.rows = record.rows, .columns = {}, .owner = {}, .failed_reason = record.reason});
        }
      }
      writer.finish(complete[i]);
    } catch (const RunError&) {
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

std::int64_t WriterSink::rows_accepted() const {
  std::int64_t rows = 0;
  for (const StreamTally& tally : tallies_) rows += tally.accepted;
  return rows;
}

}  // namespace widepipe::jobs
