#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "device/core_gate.h"
#include "device/device.h"
#include "device/instance.h"

namespace widepipe::device {

/// One instance of one model, on a thread of its own with some cores: what a scheduler loads and
/// unloads while others run. Batches are done in the order in which they come, each when its cores
/// are free: several instances share those of a device.
class InstanceThread {
 public:
  /// Called on the thread: gives the batch that is to be run; what it throws fails the batch.
  using Fetch = std::function<Batch()>;
  /// Called on the thread when the instance is ready, with why it is not; empty if it is.
  using Ready = std::function<void(const std::string& error)>;

  /// Returns at once. All instances of a device have one gate.
  InstanceThread(std::shared_ptr<const model::Model> model, int cores,
                 std::shared_ptr<CoreGate> gate, Ready ready);
  /// Waits for the batch that is being computed; those that are not begun come back failed.
  ~InstanceThread();
  InstanceThread(const InstanceThread&) = delete;
  InstanceThread& operator=(const InstanceThread&) = delete;

  /// Any thread; returns at once. Fetching counts as work on the batch. `done` is called on the
  /// instance's thread, however the batch ends.
  void submit(std::uint64_t id, Fetch fetch, CompletionSink done);
  /// Returns at once: what the destructor waits for begins. Nothing may be submitted any more.
  void stop() { thread_.request_stop(); }
  /// The destructor will not wait.
  bool ended() const { return ended_; }

 private:
  struct Task {
    std::uint64_t id;
    std::uint64_t ticket;  ///< of the gate
    Fetch fetch;
    CompletionSink done;
  };

  void work(const std::stop_token& stop);
  void run_in_turn(ModelInstance& instance, Task& task, const std::stop_token& stop);
  Completion run(ModelInstance& instance, Task& task) const;

  const std::shared_ptr<const model::Model> model_;
  const int cores_;
  const std::shared_ptr<CoreGate> gate_;
  const Ready ready_;
  std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::deque<Task> waiting_;
  std::atomic<bool> ended_ = false;
  std::jthread thread_;  // last: joined before what it uses goes
};

/// What becomes of a batch of an instance that is gone before it is begun.
Completion given_up(std::uint64_t id);

/// Runs a batch whose buffers fit; makes its outputs.
void run_batch(ModelInstance& instance, const model::Model& model, Batch& batch);

/// Rows that an instance of this model computes at a time.
std::int64_t usual_micro_batch(const std::shared_ptr<const model::Model>& model);

}  // namespace widepipe::device
