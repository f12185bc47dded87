#include "dataset/durable_writer.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace widepipe::dataset {
namespace {

std::size_t bytes_of(const RowBlock& block) {
  std::size_t bytes = 0;
  for (const auto& column : block.columns) bytes += column.size();
  return bytes;
}

}  // namespace

DurableWriter::DurableWriter(RowSink& sink, RecordLog& log, DurableWriterOptions options)
    : sink_(sink),
      log_(log),
      options_(std::move(options)),
      last_commit_(options_.surroundings.now()),
      strand_(options_.surroundings.make_strand()) {}

DurableWriter::~DurableWriter() { write_the_rest(); }

void DurableWriter::write_the_rest() {
  if (std::exchange(ended_, true)) return;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  strand_->post([this] { work(); });
  strand_->finish();
}

void DurableWriter::rethrow_error() const {
  if (error_) std::rethrow_exception(error_);
}

void DurableWriter::submit(RowBlock block) {
  {
    const std::lock_guard lock(mutex_);
    rethrow_error();
    queued_bytes_ += bytes_of(block);
    queue_.push_back(std::move(block));
  }
  strand_->post([this] { work(); });
}

bool DurableWriter::has_room() {
  const std::lock_guard lock(mutex_);
  rethrow_error();
  return queued_bytes_ < options_.queue_bytes;
}

void DurableWriter::finish(bool complete) {
  write_the_rest();
  rethrow_error();
  if (complete) {
    const JournalRecord done = DoneRecord{};
    log_.append({&done, 1});
  }
}

std::optional<RowBlock> DurableWriter::next_block() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return std::nullopt;
  RowBlock block = std::move(queue_.front());
  queue_.pop_front();
  return block;
}

/// Writes a block, if there is one, and commits when it is time to.
void DurableWriter::work() {
  try {
    if (const std::optional<RowBlock> block = next_block()) {
      write(*block);
      uncommitted_ = true;
      const std::lock_guard lock(mutex_);
      queued_bytes_ -= bytes_of(*block);
    }
    bool last = false;
    {
      const std::lock_guard lock(mutex_);
      last = ending_ && queue_.empty() && !error_;
    }
    if (!uncommitted_) return;
    if (last || commit_due()) {
      commit();
    } else {
      commit_later();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    error_ = std::current_exception();
    queue_.clear();
    uncommitted_ = false;
  }
}

void DurableWriter::commit_later() {
  if (std::exchange(will_look_, true)) return;
  strand_->post_at(last_commit_ + options_.group_interval, [this] {
    will_look_ = false;
    work();
  });
}

/// The record first: whatever happens next, the rows are computed again. Then their status, synced:
/// should the record be damaged some day, the file says that it does not have them.
void DurableWriter::take_back(const std::vector<RowRange>& rows) {
  if (!pending_done_.empty() || !pending_failed_.empty()) commit();
  const JournalRecord record = TakenBackRecord{rows};
  log_.append({&record, 1});
  rows_recorded_.fetch_sub(count_rows(rows), std::memory_order_relaxed);
  for (const RowRange& range : rows) sink_.write_status(range, RowStatus::kNotDone);
  sink_.sync();
}

void DurableWriter::write(const RowBlock& block) {
  if (!block.taken_back.empty()) {
    take_back(block.taken_back);
    return;
  }
  if (block.failed_reason.empty()) {
    if (!block.columns.empty() && block.columns.size() != sink_.column_count()) {
      throw_run_error("rows {} to {} have {} columns, the output has {}", block.rows.first,
                      block.rows.end() - 1, block.columns.size(), sink_.column_count());
    }
    for (std::size_t column = 0; column < block.columns.size(); ++column) {
      sink_.write_rows(column, block.rows, block.columns[column]);
      progressed();
    }
    sink_.write_status(block.rows, RowStatus::kDone);
    pending_done_.add(block.rows);
  } else {
    sink_.write_status(block.rows, RowStatus::kFailed);
    pending_failed_.push_back({block.rows, block.failed_reason});
  }
  pending_bytes_ += bytes_of(block);
}

bool DurableWriter::commit_due() const {
  return pending_bytes_ >= options_.group_bytes ||
         options_.surroundings.now() - last_commit_ >= options_.group_interval;
}

void DurableWriter::commit() {
  sink_.sync();
  progressed();
  std::vector<JournalRecord> records;
  std::int64_t rows = pending_done_.count();
  if (!pending_done_.empty()) records.emplace_back(RowsRecord{pending_done_.ranges()});
  for (FailedRecord& failed : pending_failed_) {
    rows += failed.rows.count;
    records.emplace_back(std::move(failed));
  }
  log_.append(records);
  progressed();
  rows_recorded_.fetch_add(rows, std::memory_order_relaxed);
  pending_done_.clear();
  pending_failed_.clear();
  pending_bytes_ = 0;
  uncommitted_ = false;
  last_commit_ = options_.surroundings.now();
}

}  // namespace widepipe::dataset
