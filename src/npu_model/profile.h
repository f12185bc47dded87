#pragma once
// What the model of an NPU is made of: constants of a device, and of each network on it. Profile
// files hold them (docs/npu-profiles.md); other NPUs are other files.

#include <string>
#include <string_view>
#include <vector>

namespace widepipe::npu_model {

/// Seconds, bytes and counts are doubles: they meet in products.
using Seconds = double;
using Bytes = double;

/// A kind of device, as its maker would describe it.
struct DeviceConstants {
  int cores = 0;
  double flops_per_core = 0;    ///< peak, per second
  double bytes_per_second = 0;  ///< of its memory
  Bytes memory = 0;
  Seconds launch = 0;           ///< of a batch, whatever its size
  double batch_gain = 1;        ///< eta(b) = batch_gain * b / (b + batch_half)
  double batch_half = 0;        ///< samples
  double scaling_exponent = 0;  ///< of the batch size, in what more cores are worth
  Bytes instance_overhead = 0;  ///< memory of an instance beside weights and features
  Seconds load = 0;             ///< of an instance, whatever its size
  double load_bytes_per_second = 0;
  double bytes_per_value = 2;  ///< of weights and features: 2 in fp16, 4 in fp32
  double jitter = 0;           ///< work takes (1 + jitter * Exp(1)) times as long
  int max_batch = 0;
  std::vector<int> core_choices;  ///< of an instance, ascending

  bool operator==(const DeviceConstants&) const = default;
};

/// A network as the device sees it.
struct Network {
  std::string name;
  double macs = 0;  ///< multiply-accumulates a sample
  double parameters = 0;
  Bytes features = 0;       ///< of a sample, in fp32
  double efficiency = 0;    ///< of one core, as a share of its peak
  double sharing_loss = 0;  ///< what a further core adds to the work of a batch of one, as a share
  int reference_cores = 0;
  Seconds slo_base = 0;  ///< the SLO of a workload is a multiple of it
  Seconds launch = 0;    ///< of a batch, beside the device's

  bool operator==(const Network&) const = default;
};

struct Profile {
  std::string name;
  std::string measured_on;  ///< the device, for people; empty if it was not measured
  DeviceConstants device;
  std::vector<Network> networks;

  bool operator==(const Profile&) const = default;
};

/// What is impossible in the profile, as "network 'alexnet': macs is 0, expected more than 0";
/// empty if nothing is.
std::string problem_of(const Profile& profile);

/// The index of a network, or -1.
int find_network(const Profile& profile, std::string_view name);

}  // namespace widepipe::npu_model
