#include "npu_model/equations.h"

#include <algorithm>
#include <cmath>

namespace widepipe::npu_model {
namespace {

constexpr double kSingleBytes = 4;  // features are given in fp32
constexpr double kFlopsPerMac = 2;

Bytes weight_bytes(const DeviceConstants& device, const Network& network) {
  return device.bytes_per_value * network.parameters;
}

Bytes feature_bytes(const DeviceConstants& device, const Network& network) {
  return network.features * (device.bytes_per_value / kSingleBytes);
}

}  // namespace

Bytes moved_bytes(const DeviceConstants& device, const Network& network, int batch) {
  return weight_bytes(device, network) + batch * feature_bytes(device, network);
}

Seconds compute_seconds(const DeviceConstants& device, const Network& network, int cores,
                        int batch) {
  const double eta = device.batch_gain * batch / (batch + device.batch_half);
  const double one_core =
      batch * kFlopsPerMac * network.macs / (device.flops_per_core * network.efficiency * eta);
  const double loss = network.sharing_loss * (cores - 1) / std::pow(batch, device.scaling_exponent);
  return one_core * (1 + loss) / cores;
}

Seconds solo_seconds(const DeviceConstants& device, const Network& network, int cores, int batch) {
  return device.launch + network.launch +
         std::max(compute_seconds(device, network, cores, batch),
                  moved_bytes(device, network, batch) / device.bytes_per_second);
}

double bandwidth_demand(const DeviceConstants& device, const Network& network, int cores,
                        int batch) {
  return moved_bytes(device, network, batch) /
         (solo_seconds(device, network, cores, batch) * device.bytes_per_second);
}

Seconds alone_seconds(const DeviceConstants& device, const Network& network, int cores, int batch) {
  return solo_seconds(device, network, cores, batch) /
         progress_rate(1, bandwidth_demand(device, network, cores, batch));
}

double progress_rate(double speed, double demand) {
  const double contention = speed * demand;
  return speed / std::sqrt(1 + contention * contention);
}

Bytes instance_memory(const DeviceConstants& device, const Network& network, int max_batch) {
  return weight_bytes(device, network) + device.instance_overhead +
         max_batch * feature_bytes(device, network);
}

Seconds load_seconds(const DeviceConstants& device, const Network& network) {
  return device.load + weight_bytes(device, network) / device.load_bytes_per_second;
}

}  // namespace widepipe::npu_model
