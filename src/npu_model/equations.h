#pragma once
// The equations of the emulated NPU: pure functions of a profile. docs/npu-profiles.md says where
// each comes from.

#include "npu_model/profile.h"

namespace widepipe::npu_model {

/// Bytes that a batch of b samples moves, of v = bytes_per_value.
///   v * parameters + b * features * v / 4
Bytes moved_bytes(const DeviceConstants& device, const Network& network, int batch);

/// Time that c cores compute on b samples, were the memory infinitely fast.
///   b * 2 * macs / (flops_per_core * e * eta(b)) * (1 + s * (c - 1) / b^x) / c
///   eta(b) = batch_gain * b / (b + batch_half)
Seconds compute_seconds(const DeviceConstants& device, const Network& network, int cores,
                        int batch);

/// Time of a batch alone on a device of speed 1: launches, and whatever takes longer of computing
/// and moving bytes.
Seconds solo_seconds(const DeviceConstants& device, const Network& network, int cores, int batch);

/// The part of the memory's bandwidth that such a batch takes while it runs alone: 0 to 1.
double bandwidth_demand(const DeviceConstants& device, const Network& network, int cores,
                        int batch);

/// Time of a batch alone on a device of speed 1 as a clock shows it: it shares the memory with
/// itself.  solo / progress_rate(1, demand)
Seconds alone_seconds(const DeviceConstants& device, const Network& network, int cores, int batch);

/// How fast all batches of a device advance, 1 being solo at speed 1, when its speed is s and the
/// demands of what runs add up to u:  s / sqrt(1 + (s * u)^2)
double progress_rate(double speed, double demand);

/// Memory of an instance for batches of up to `max_batch` samples: weights, features, and the
/// overhead.
Bytes instance_memory(const DeviceConstants& device, const Network& network, int max_batch);

/// Time until a new instance can run its first batch.
Seconds load_seconds(const DeviceConstants& device, const Network& network);

}  // namespace widepipe::npu_model
