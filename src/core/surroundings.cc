#include "core/surroundings.h"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace widepipe {
namespace {

class ThreadStrand final : public Strand {
 public:
  ThreadStrand() {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  ~ThreadStrand() override { end(stopping_); }

  void post(Task task) override { post_at(TimePoint::min(), std::move(task)); }

  void post_at(TimePoint time, Task task) override {
    {
      const std::lock_guard lock(mutex_);
      tasks_.emplace(time, std::move(task));
    }
    changed_.notify_one();
  }

  void finish() override { end(finishing_); }

 private:
  void end(bool& flag) {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      flag = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (tasks_.empty()) {
        if (finishing_) return;
        changed_.wait(lock);
        continue;
      }
      const TimePoint due = tasks_.begin()->first;
      if (!finishing_ && due > std::chrono::steady_clock::now()) {
        changed_.wait_until(lock, due);
        continue;
      }
      auto next = tasks_.extract(tasks_.begin());
      lock.unlock();
      next.mapped()();
      next = {};  // what the task holds goes before the next one runs, and without the lock
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<TimePoint, Strand::Task> tasks_;  ///< by time; of one time, as they were posted
  bool finishing_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Strand> make_thread_strand() { return std::make_unique<ThreadStrand>(); }

}  // namespace widepipe
