#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

namespace widepipe::mpi_runtime {

/// Lets other threads wake the MPI thread from its pause.
class Wakeup {
 public:
  /// Any thread.
  void notify() {
    {
      const std::lock_guard lock(mutex_);
      pending_ = true;
    }
    changed_.notify_one();
  }

  /// Returns after `limit`, or at once when notify() was called since the last return.
  void wait_for(std::chrono::microseconds limit) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [this] { return pending_; });
    pending_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool pending_ = false;
};

/// Items on their way from any thread to the MPI thread, which is woken by each.
template <typename T>
class Mailbox {
 public:
  explicit Mailbox(Wakeup& wakeup) : wakeup_(wakeup) {}

  /// Any thread.
  void push(T item) {
    {
      const std::lock_guard lock(mutex_);
      items_.push_back(std::move(item));
    }
    wakeup_.notify();
  }

  /// Everything that has arrived, oldest first; never blocks.
  std::vector<T> drain() {
    const std::lock_guard lock(mutex_);
    return std::exchange(items_, {});
  }

 private:
  Wakeup& wakeup_;
  std::mutex mutex_;
  std::vector<T> items_;
};

}  // namespace widepipe::mpi_runtime
