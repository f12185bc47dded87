#pragma once
// A device of one layout, timed: batches alone, and beside others.

#include <memory>
#include <string>
#include <vector>

#include "device/device.h"
#include "jobs/self_check.h"
#include "model/model.h"
#include "mpi_runtime/wakeup.h"

namespace widepipe::jobs {

/// A model, and a row that all its batches are made of.
struct ProfiledModel {
  std::string name;
  std::shared_ptr<const model::Model> model;
  KnownRow row;
};

class ProfiledDevice {
 public:
  /// Makes the device and loads the models, which outlive this. Throws InputError if it declines.
  ProfiledDevice(const std::string& kind, const device::DeviceConfig& config,
                 const std::vector<ProfiledModel>& models);

  /// How long loading took, by model.
  const std::vector<double>& load_seconds() const { return load_seconds_; }

  struct Batch {
    std::size_t model = 0;
    int rows = 1;
  };
  /// Times that an instance worked on such batches, for about so long: at least three, after one
  /// that does not count. As in service, there is a row of another model, if there is any, before
  /// each, so that its own weights are out of the caches. Throws RunError if one fails.
  std::vector<double> alone(const Batch& batch, double seconds);
  /// Likewise of several at a time, each over and over beside the others, with nothing in between;
  /// by batch.
  std::vector<std::vector<double>> together(const std::vector<Batch>& batches, double seconds);

 private:
  /// Gives the inputs back, to be used again.
  device::Completion run(const Batch& batch, std::vector<AlignedBuffer> inputs);
  void check(const device::Completion& done, const Batch& batch) const;
  void submit(std::uint64_t id, const Batch& batch, std::vector<AlignedBuffer> inputs);
  std::vector<AlignedBuffer> inputs_of(const Batch& batch) const;

  const std::vector<ProfiledModel>& models_;
  mpi_runtime::Wakeup wakeup_;
  mpi_runtime::Mailbox<device::Completion> done_{wakeup_};
  std::unique_ptr<device::Device> device_;  // after what it reports to
  std::vector<device::ModelId> ids_;
  std::vector<double> load_seconds_;
};

}  // namespace widepipe::jobs
