#include "jobs/replay_results.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "mpi_runtime/rows_done.h"

namespace widepipe::jobs {

ReplayResults::ReplayResults(const ReadyJob& job, int ranks, const RequestRows& rows,
                             const std::vector<std::string>& rank_names)
    : rows_(rows), rank_names_(rank_names), outputs_(job, ranks, nullptr) {
  for (std::size_t id = 0; id < outputs_.size(); ++id) {
    const StreamSetup& setup = outputs_.setup(id);
    column_bytes_.push_back(mpi_runtime::column_bytes(setup.model(), setup.outputs()));
    RowSet& settled = settled_.emplace_back(setup.decision().done);
    for (const dataset::FailedRecord& failed : setup.decision().failed) settled.add(failed.rows);
  }
  written_.resize(outputs_.size());
}

bool ReplayResults::has_room() {
  if (failed()) return true;
  try {
    return outputs_.sink().has_room();
  } catch (const RunError&) {
    failure_ = std::current_exception();
    return true;
  }
}

void ReplayResults::take(const mpi_runtime::BatchResults& batch) {
  if (failed()) return;
  try {
    write(batch);
  } catch (const RunError&) {
    failure_ = std::current_exception();
  }
}

void ReplayResults::write(const mpi_runtime::BatchResults& batch) {
  const Batch of{batch, rows_.data_of(batch.requests.front())};
  std::vector<std::span<const std::byte>> columns;
  std::span<const std::byte> rest = batch.bytes;
  for (const std::size_t bytes : column_bytes_[of.id]) {
    const std::size_t all = bytes * batch.requests.size();
    if (all > rest.size()) throw std::logic_error("results are shorter than their batch");
    columns.push_back(rest.first(all));
    rest = rest.subspan(all);
  }
  const std::string_view text(reinterpret_cast<const char*>(rest.data()), rest.size());
  const std::vector<mpi_runtime::RowFailure> failures = mpi_runtime::unpack_failures(text);
  const RowRange places{0, static_cast<std::int64_t>(batch.requests.size())};
  for (const RowRange& good : mpi_runtime::rows_between(places, failures)) {
    accept(of, good, columns);
  }
  for (const mpi_runtime::RowFailure& failure : failures) reject(of, failure);
}

/// Places in the batch are not rows of the data, but neighbours there may be neighbours here.
void ReplayResults::accept(const Batch& of, RowRange places,
                           const std::vector<std::span<const std::byte>>& columns) {
  RowSet& settled = settled_[of.id];
  while (places.count > 0) {
    const std::int64_t first = row_at(of, places.first);
    std::int64_t count = 0;
    while (count < places.count && row_at(of, places.first + count) == first + count &&
           !settled.contains(first + count)) {
      ++count;
    }
    if (count > 0) {
      mpi_runtime::FinishedRows finished{.stream = static_cast<schedule::StreamId>(of.id),
                                         .rows = {first, count},
                                         .columns = {},
                                         .owner = of.batch.owner};
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const std::size_t bytes = column_bytes_[of.id][i];
        finished.columns.push_back(
            columns[i].subspan(static_cast<std::size_t>(places.first) * bytes,
                               static_cast<std::size_t>(count) * bytes));
      }
      settled.add(finished.rows);
      written_[of.id].add(finished.rows);
      outputs_.sink().accept(std::move(finished));
    }
    const std::int64_t passed = std::max<std::int64_t>(count, 1);  // or one that is settled
    places = {places.first + passed, places.count - passed};
  }
}

void ReplayResults::reject(const Batch& of, const mpi_runtime::RowFailure& failure) {
  for (std::int64_t place = failure.rows.first; place < failure.rows.end(); ++place) {
    const RowRange row{row_at(of, place), 1};
    if (settled_[of.id].contains(row.first)) continue;
    settled_[of.id].add(row);
    outputs_.sink().reject({static_cast<schedule::StreamId>(of.id), row, failure.reason, true,
                            rank_names_[static_cast<std::size_t>(of.batch.rank)]});
  }
}

void ReplayResults::finish() {
  if (failure_) std::rethrow_exception(failure_);
  outputs_.finish();
}

void ReplayResults::take_back() {
  for (std::size_t id = 0; id < outputs_.size(); ++id) {
    outputs_.sink().take_back(static_cast<schedule::StreamId>(id), written_[id].ranges());
  }
}

std::vector<ReplayResults::Stream> ReplayResults::streams() const {
  std::vector<Stream> all;
  for (std::size_t id = 0; id < outputs_.size(); ++id) {
    const StreamSetup& setup = outputs_.setup(id);
    all.push_back({.output = dataset::to_string(setup.spec().target),
                   .rows = setup.rows(),
                   .before = setup.decision().done.count(),
                   .written = outputs_.sink().tally(static_cast<schedule::StreamId>(id)).accepted,
                   .failed = outputs_.failed(id).count(),
                   .complete = outputs_.settled(id)});
  }
  return all;
}

}  // namespace widepipe::jobs
