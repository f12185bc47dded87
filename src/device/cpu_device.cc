#include "device/cpu_device.h"

#include <fmt/format.h>
#include <omp.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <new>
#include <stop_token>
#include <thread>
#include <utility>

#include "core/cpu.h"
#include "core/error.h"
#include "device/instance.h"
#include "device/instance_thread.h"
#include "kernels/isa.h"

namespace widepipe::device {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

class CpuDevice final : public Device {
 public:
  CpuDevice(const DeviceConfig& config, CompletionSink sink)
      : config_(config),
        info_{"cpu", fmt::format("{} ({})", cpu_model_name(), kernels::effective_isa()),
              config.instances, config.cores_per_instance},
        sink_(std::move(sink)) {
    for (int i = 0; i < config.instances; ++i) {
      threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
  }

  ~CpuDevice() override {
    for (std::jthread& thread : threads_) thread.request_stop();
  }

  const DeviceInfo& info() const override { return info_; }

  std::optional<std::string> declines(const model::Model& model) const override {
    return cpu_declines(model);
  }

  ModelId load(std::shared_ptr<const model::Model> model) override {
    const std::int64_t micro_batch = config_.micro_batch > 0
                                         ? std::min(model->max_batch(), config_.micro_batch)
                                         : usual_micro_batch(model);
    std::unique_lock lock(mutex_);
    models_.push_back({std::move(model), micro_batch});
    arrived_.notify_all();
    const std::size_t wanted = models_.size() * threads_.size();
    prepared_.wait(lock, [&] { return instances_prepared_ == wanted; });
    if (!prepare_error_.empty()) throw InputError(prepare_error_);
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
    std::size_t total = arena_bytes_;
    for (const LoadedModel& loaded : models_) total += loaded.model->packed_weights()->bytes();
    return total;
  }

 private:
  /// An instance's life: prepare what was loaded, run what was submitted.
  void work(const std::stop_token& stop) {
    omp_set_num_threads(config_.cores_per_instance);
    std::vector<std::unique_ptr<ModelInstance>> instances;  // by model
    const auto something_to_do = [&] {
      return !waiting_.empty() || instances.size() < models_.size();
    };
    std::unique_lock lock(mutex_);
    while (arrived_.wait(lock, stop, something_to_do)) {
      if (stop.stop_requested()) return;
      if (instances.size() < models_.size()) {
        prepare_next(instances, lock);
        continue;
      }
      Completion done{.batch = std::move(waiting_.front())};
      waiting_.pop_front();
      const bool loaded = done.batch.model < models_.size();
      const auto model = loaded ? models_[done.batch.model].model : nullptr;
      lock.unlock();
      const Clock::time_point start = Clock::now();
      try {
        if (!loaded) throw_input_error("model {} is not loaded", done.batch.model);
        if (const std::string unfit = why_unfit(done.batch, *model); !unfit.empty()) {
          throw InputError(unfit);
        }
        run_batch(*instances[done.batch.model], *model, done.batch);
      } catch (const std::bad_alloc&) {
        done.error = no_memory_text(done.batch.rows);
        done.no_memory = true;
      } catch (const std::exception& error) {
        done.error = error.what();
      }
      const Clock::time_point end = Clock::now();
      done.busy_seconds = seconds_between(start, end);
      done.finished_at_seconds = seconds_between(made_at_, end);
      sink_(std::move(done));
      lock.lock();
    }
  }

  void prepare_next(std::vector<std::unique_ptr<ModelInstance>>& instances,
                    std::unique_lock<std::mutex>& lock) {
    const LoadedModel loaded = models_[instances.size()];
    lock.unlock();
    std::unique_ptr<ModelInstance> instance;
    std::string error;
    try {
      instance = std::make_unique<ModelInstance>(loaded, config_.cores_per_instance);
    } catch (const std::exception& failure) {
      error = failure.what();
    }
    lock.lock();
    if (instance) arena_bytes_ += instance->arena_bytes();
    if (!error.empty()) prepare_error_ = error;
    instances.push_back(std::move(instance));
    ++instances_prepared_;
    prepared_.notify_all();
  }

  const DeviceConfig config_;
  const DeviceInfo info_;
  const CompletionSink sink_;
  const Clock::time_point made_at_ = Clock::now();

  mutable std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::condition_variable prepared_;
  std::deque<Batch> waiting_;
  std::vector<LoadedModel> models_;
  std::size_t instances_prepared_ = 0;
  std::string prepare_error_;
  std::size_t arena_bytes_ = 0;

  std::vector<std::jthread> threads_;  // last: joined before what they use goes
};

}  // namespace

std::optional<std::string> cpu_declines(const model::Model& model) {
  try {
    const std::shared_ptr<const model::Model> borrowed(std::shared_ptr<const void>{}, &model);
    // Planning one row asks every kernel; the plan is thrown away, but not what it packed, unless
    // another device will run the model.
    const auto weights =
        model.onnx().empty() ? model.packed_weights() : std::make_shared<kernels::WeightStore>();
    const model::Plan probe(borrowed, weights, 1, 1);
    return std::nullopt;
  } catch (const InputError& error) {
    return error.what();
  }
}

std::unique_ptr<Device> make_cpu_device(const DeviceConfig& config, CompletionSink sink) {
  if (config.precision != "f32" && config.precision != "auto") {
    throw_input_error("precision {}: device cpu computes in f32 alone; leave it out",
                      config.precision);
  }
  return std::make_unique<CpuDevice>(config, std::move(sink));
}

}  // namespace widepipe::device
