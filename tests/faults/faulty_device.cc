#include "tests/faults/faulty_device.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <limits>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"
#include "device/cpu_device.h"
#include "tests/faults/faults.h"

namespace widepipe::device {
namespace {

using faults::Fault;

class FaultyDevice final : public Device {
 public:
  FaultyDevice(const DeviceConfig& config, CompletionSink sink)
      : faults_(faults::faults_of_this_rank()), sink_(std::move(sink)) {
    for (const Fault& fault : faults_) {
      if (fault.what == "absent") throw_input_error("device faulty: there is none");
    }
    device_ = make_cpu_device(config, [this](Completion done) { give_back(std::move(done)); });
  }

  const DeviceInfo& info() const override { return device_->info(); }
  std::optional<std::string> declines(const model::Model& model) const override {
    return device_->declines(model);
  }
  ModelId load(std::shared_ptr<const model::Model> model) override {
    for (const Fault& fault : faults_) {
      if (fault.what != "load") continue;
      faults::give_sign();
      std::this_thread::sleep_for(std::chrono::seconds(fault.from));
    }
    return device_->load(std::move(model));
  }
  void submit(Batch batch) override { device_->submit(std::move(batch)); }
  std::size_t memory_bytes() const override { return device_->memory_bytes(); }

 private:
  bool has(const char* what, std::int64_t batch) const {
    for (const Fault& fault : faults_) {
      if (fault.what == what && batch >= fault.from) return true;
    }
    return false;
  }

  void give_back(Completion done) {
    const std::int64_t batch = batches_++;
    if (has("hang", batch)) {
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
    if (has("slow", batch)) {
      const std::chrono::duration<double> more(9 * done.busy_seconds);
      std::this_thread::sleep_for(more);
      done.busy_seconds += more.count();
      done.finished_at_seconds += more.count();
    }
    for (const Fault& fault : faults_) {
      if (fault.what == "memory" && done.batch.rows > fault.from) {
        done.error = no_memory_text(done.batch.rows);
        done.no_memory = true;
      }
    }
    if (has("fail", batch)) done.error = "the device reports error 7";
    if (has("wrong", batch)) add(1, done.batch);
    if (has("nan", batch)) add(std::numeric_limits<float>::quiet_NaN(), done.batch);
    sink_(std::move(done));
  }

  void add(float more, Batch& batch) const {
    for (AlignedBuffer& output : batch.outputs) {
      const std::size_t per_row = output.size() / static_cast<std::size_t>(batch.rows);
      for (std::int64_t row = 0; row < batch.rows; ++row) {
        std::byte* first = output.data() + static_cast<std::size_t>(row) * per_row;
        float value = 0;
        std::memcpy(&value, first, sizeof(value));
        value += more;
        std::memcpy(first, &value, sizeof(value));
      }
    }
  }

  const std::vector<Fault> faults_;
  const CompletionSink sink_;
  std::atomic<std::int64_t> batches_ = 0;
  std::unique_ptr<Device> device_;  // last: gone before what it reports to
};

}  // namespace

std::unique_ptr<Device> make_faulty_device(const DeviceConfig& config, CompletionSink sink) {
  return std::make_unique<FaultyDevice>(config, std::move(sink));
}

}  // namespace widepipe::device
