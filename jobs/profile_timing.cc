#include "jobs/profile_timing.h"

#include <chrono>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "device/device_list.h"
#include "jobs/seconds_since.h"

namespace widepipe::jobs {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLeastTimings = 3;

}  // namespace

ProfiledDevice::ProfiledDevice(const std::string& kind, const device::DeviceConfig& config,
                               const std::vector<ProfiledModel>& models)
    : models_(models) {
  device_ = device::make_device(
      kind, config, [this](device::Completion completion) { done_.push(std::move(completion)); });
  for (const ProfiledModel& one : models) {
    if (const auto why = device_->declines(*one.model)) {
      throw_input_error("{}: device {} cannot run it: {}", one.model->label(), device_->info().kind,
                        *why);
    }
    const Clock::time_point start = Clock::now();
    ids_.push_back(device_->load(one.model));
    load_seconds_.push_back(seconds_since(start));
  }
}

std::vector<AlignedBuffer> ProfiledDevice::inputs_of(const Batch& batch) const {
  std::vector<AlignedBuffer> inputs;
  for (const AlignedBuffer& row : models_[batch.model].row.inputs) {
    AlignedBuffer& all = inputs.emplace_back(row.size() * static_cast<std::size_t>(batch.rows));
    for (int i = 0; i < batch.rows; ++i) {
      std::memcpy(all.data() + row.size() * static_cast<std::size_t>(i), row.data(), row.size());
    }
  }
  return inputs;
}

void ProfiledDevice::submit(std::uint64_t id, const Batch& batch,
                            std::vector<AlignedBuffer> inputs) {
  device_->submit({.id = id,
                   .model = ids_[batch.model],
                   .rows = batch.rows,
                   .inputs = std::move(inputs),
                   .outputs = {}});
}

device::Completion ProfiledDevice::run(const Batch& batch, std::vector<AlignedBuffer> inputs) {
  submit(0, batch, std::move(inputs));
  for (;;) {
    wakeup_.wait_for(std::chrono::seconds(1));
    std::vector<device::Completion> done = done_.drain();
    if (done.empty()) continue;
    check(done.front(), batch);
    return std::move(done.front());
  }
}

std::vector<double> ProfiledDevice::alone(const Batch& batch, double seconds) {
  std::vector<AlignedBuffer> inputs = run(batch, inputs_of(batch)).batch.inputs;
  std::vector<double> times;
  std::size_t other = batch.model;
  const Clock::time_point start = Clock::now();
  while (times.size() < kLeastTimings || seconds_since(start) < seconds) {
    other = (other + 1) % models_.size();
    if (other == batch.model) other = (other + 1) % models_.size();
    if (other != batch.model) run({other, 1}, inputs_of({other, 1}));
    device::Completion done = run(batch, std::move(inputs));
    times.push_back(done.busy_seconds);
    inputs = std::move(done.batch.inputs);
  }
  return times;
}

void ProfiledDevice::check(const device::Completion& done, const Batch& batch) const {
  if (done.error.empty()) return;
  throw_run_error("{}: a batch of {} rows failed: {}", models_[batch.model].name, batch.rows,
                  done.error);
}

std::vector<std::vector<double>> ProfiledDevice::together(const std::vector<Batch>& batches,
                                                          double seconds) {
  const Clock::time_point start = Clock::now();
  std::vector<std::vector<double>> times(batches.size());
  std::vector<bool> warm(batches.size());
  std::size_t out = 0;
  for (std::size_t i = 0; i < batches.size(); ++i, ++out) {
    submit(i, batches[i], inputs_of(batches[i]));
  }
  const auto enough = [&] {
    if (seconds_since(start) < seconds) return false;
    for (const std::vector<double>& of_batch : times) {
      if (of_batch.size() < kLeastTimings) return false;
    }
    return true;
  };
  // The last ones end alone: they do not count.
  bool ending = false;
  while (out > 0) {
    wakeup_.wait_for(std::chrono::seconds(1));
    for (device::Completion& done : done_.drain()) {
      --out;
      const std::size_t i = done.batch.id;
      check(done, batches[i]);
      ending = ending || enough();
      if (ending) continue;
      if (warm[i]) times[i].push_back(done.busy_seconds);
      warm[i] = true;
      submit(i, batches[i], std::move(done.batch.inputs));
      ++out;
    }
  }
  return times;
}

}  // namespace widepipe::jobs
