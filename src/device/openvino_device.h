#pragma once
// Intel NPUs, GPUs and CPUs through OpenVINO. Compiled where OpenVINO is found.

#include <memory>
#include <string>
#include <vector>

#include "device/device.h"

namespace widepipe::device {

/// One of OpenVINO's devices, config.part ("CPU" if empty). An instance is a stream of it with an
/// inference request of its own; on the CPU a stream has cores_per_instance threads. Rows go in
/// parts of at most config.micro_batch. Results agree within the precision, and are not promised
/// to have the same bits for any batch (docs/openvino.md). Throws InputError: a part that is not
/// there, a precision that it does not have.
std::unique_ptr<Device> make_openvino_device(const DeviceConfig& config, CompletionSink sink);

/// "CPU", "GPU", "NPU": what OpenVINO finds on this machine, the CPU first.
std::vector<std::string> openvino_parts();

/// "OpenVINO 2026.4.1"; of a part other than the CPU with the processor's name: "OpenVINO 2026.4.1
/// on Intel(R) Arc(TM) A770". Throws InputError: a part that is not there.
std::string openvino_versions(const std::string& part);

/// The outputs of a model that only OpenVINO imports (model::OutputsElsewhere).
std::vector<model::RowType> openvino_outputs(const model::Model& model,
                                             const std::vector<std::string>& names);

}  // namespace widepipe::device
