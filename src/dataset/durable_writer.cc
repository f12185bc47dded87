#include "dataset/durable_writer.h"

#include <signal.h>

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

/// Starts a thread that no signal is delivered to: the handlers belong to the main thread.
template <typename Run>
std::thread start_without_signals(Run run) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(run));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

DurableWriter::DurableWriter(RowSink& sink, RecordLog& log, DurableWriterOptions options)
    : sink_(sink), log_(log), options_(std::move(options)), last_commit_(options_.now()) {
  thread_ = start_without_signals([this] { run(); });
}

DurableWriter::~DurableWriter() { stop_thread(); }

void DurableWriter::stop_thread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  thread_.join();
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
    ++submitted_;
  }
  work_.notify_one();
}

bool DurableWriter::has_room() {
  const std::lock_guard lock(mutex_);
  rethrow_error();
  return queued_bytes_ < options_.queue_bytes;
}

bool DurableWriter::flush(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  const std::uint64_t target = submitted_;
  flush_up_to_ = std::max(flush_up_to_, target);
  work_.notify_one();
  settled_.wait_for(lock, limit, [&] { return committed_ >= target || error_ != nullptr; });
  return committed_ >= target;
}

void DurableWriter::finish(bool complete) {
  stop_thread();
  rethrow_error();
  if (complete) {
    const JournalRecord done = DoneRecord{};
    log_.append({&done, 1});
  }
}

void DurableWriter::run() {
  std::unique_lock lock(mutex_);
  try {
    while (wait_for_work(lock)) {
      if (!queue_.empty()) {
        const RowBlock block = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        write(block);
        lock.lock();
        queued_bytes_ -= bytes_of(block);
        ++written_;
      }
      const bool forced = flush_up_to_ > committed_ && written_ >= flush_up_to_;
      const bool last = stopping_ && queue_.empty();
      if (written_ == committed_ || !(forced || last || commit_due())) continue;
      const std::uint64_t covered = written_;
      lock.unlock();
      commit();
      lock.lock();
      committed_ = covered;
      settled_.notify_all();
    }
  } catch (...) {
    if (!lock.owns_lock()) lock.lock();
    error_ = std::current_exception();
    queue_.clear();
    settled_.notify_all();
  }
}

/// Returns with the lock held, when there is a block to write or a commit may be due; false when
/// all is done.
bool DurableWriter::wait_for_work(std::unique_lock<std::mutex>& lock) {
  const auto ready = [this] { return !queue_.empty() || stopping_ || flush_up_to_ > committed_; };
  if (written_ == committed_) {
    work_.wait(lock, ready);
  } else {
    const auto waited = options_.now() - last_commit_;
    work_.wait_for(lock, options_.group_interval - waited, ready);
  }
  return !(stopping_ && queue_.empty() && written_ == committed_);
}

/// The record first: whatever happens next, the rows are computed again.
void DurableWriter::take_back(const std::vector<RowRange>& rows) {
  if (!pending_done_.empty() || !pending_failed_.empty()) commit();
  const JournalRecord record = TakenBackRecord{rows};
  log_.append({&record, 1});
  rows_recorded_.fetch_sub(count_rows(rows), std::memory_order_relaxed);
  for (const RowRange& range : rows) sink_.write_status(range, RowStatus::kNotDone);
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
         options_.now() - last_commit_ >= options_.group_interval;
}

void DurableWriter::commit() {
  sink_.sync();
  std::vector<JournalRecord> records;
  std::int64_t rows = pending_done_.count();
  if (!pending_done_.empty()) records.emplace_back(RowsRecord{pending_done_.ranges()});
  for (FailedRecord& failed : pending_failed_) {
    rows += failed.rows.count;
    records.emplace_back(std::move(failed));
  }
  log_.append(records);
  rows_recorded_.fetch_add(rows, std::memory_order_relaxed);
  pending_done_.clear();
  pending_failed_.clear();
  pending_bytes_ = 0;
  last_commit_ = options_.now();
}

}  // namespace widepipe::dataset
