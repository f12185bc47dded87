#include "tests/unit/device_fake.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "device/cpu_device.h"
#include "tests/unit/device_harness.h"

namespace widepipe::device {
namespace {

using Clock = std::chrono::steady_clock;

class FakeDevice final : public Device {
 public:
  explicit FakeDevice(CompletionSink sink) : sink_(std::move(sink)), thread_([this] { work(); }) {}

  ~FakeDevice() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    arrived_.notify_one();
    thread_.join();
  }

  const DeviceInfo& info() const override { return info_; }

  std::optional<std::string> declines(const model::Model& model) const override {
    return cpu_declines(model);
  }

  ModelId load(std::shared_ptr<const model::Model> model) override {
    const std::lock_guard lock(mutex_);
    models_.push_back(std::move(model));
    return static_cast<ModelId>(models_.size() - 1);
  }

  void submit(Batch batch) override {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(batch));
    }
    arrived_.notify_one();
  }

  std::size_t memory_bytes() const override {
    const std::lock_guard lock(mutex_);
    std::size_t total = 0;
    for (const auto& model : models_) {
      total += static_cast<std::size_t>(model->parameter_count()) * sizeof(float);
    }
    return total;
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      arrived_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      Completion done{.batch = std::move(waiting_.back())};
      waiting_.pop_back();
      const auto model = done.batch.model < models_.size() ? models_[done.batch.model] : nullptr;
      lock.unlock();
      const Clock::time_point start = Clock::now();
      done.error = model ? why_unfit(done.batch, *model)
                         : "model " + std::to_string(done.batch.model) + " is not loaded";
      if (done.error.empty()) done.batch.outputs = expected_outputs(model, done.batch);
      const Clock::time_point end = Clock::now();
      done.busy_seconds = std::chrono::duration<double>(end - start).count();
      done.finished_at_seconds = std::chrono::duration<double>(end - made_at_).count();
      sink_(std::move(done));
      lock.lock();
    }
  }

  const DeviceInfo info_{"fake", "one thread, newest batch first", 1, 1};
  const CompletionSink sink_;
  const Clock::time_point made_at_ = Clock::now();
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  bool stopping_ = false;
  std::vector<Batch> waiting_;
  std::vector<std::shared_ptr<const model::Model>> models_;
  std::thread thread_;  // last: begins when all else is there
};

}  // namespace

std::unique_ptr<Device> make_fake_device(const DeviceConfig& /*config*/, CompletionSink sink) {
  return std::make_unique<FakeDevice>(std::move(sink));
}

}  // namespace widepipe::device
