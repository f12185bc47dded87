#include "npu_model/equations.h"

#include <algorithm>
#include <cmath>

namespace widepipe::npu_model {
namespace {

constexpr double kHalfPrecisionBytes = 2;
constexpr double kHalfOfSingle = 0.5;  // fp16 features, of their size in fp32
constexpr double kFlopsPerMac = 2;

}  // namespace

Bytes moved_bytes(const Network& network, int batch) {
  return kHalfPrecisionBytes * network.parameters + batch * network.features * kHalfOfSingle;
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
  return device.launch + std::max(compute_seconds(device, network, cores, batch),
                                  moved_bytes(network, batch) / device.bytes_per_second);
}

double bandwidth_demand(const DeviceConstants& device, const Network& network, int cores,
                        int batch) {
  return moved_bytes(network, batch) /
         (solo_seconds(device, network, cores, batch) * device.bytes_per_second);
}

double progress_rate(double speed, double demand) {
  const double contention = speed * demand;
  return speed / std::sqrt(1 + contention * contention);
}

Bytes instance_memory(const DeviceConstants& device, const Network& network, int max_batch) {
  return kHalfPrecisionBytes * network.parameters + device.instance_overhead +
         max_batch * network.features * kHalfOfSingle;
}

Seconds load_seconds(const DeviceConstants& device, const Network& network) {
  return device.load + kHalfPrecisionBytes * network.parameters / device.load_bytes_per_second;
}

}  // namespace widepipe::npu_model
