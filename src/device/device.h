#pragma once
// The one interface between widepipe and a processor that runs models. A new device is two files
// and one line in device_kinds.cc: docs/adding-a-device.md.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/aligned_buffer.h"
#include "model/model.h"

namespace widepipe::device {

/// Index of a model on a device, in the order of load().
using ModelId = std::uint32_t;

/// Rows to run together, with the buffers they are read from and written to. The batch owns its
/// buffers: it is moved into the device and comes back moved into a Completion.
struct Batch {
  std::uint64_t id = 0;  ///< the caller's
  ModelId model = 0;
  std::int64_t rows = 0;
  std::vector<AlignedBuffer> inputs;   ///< one a model input, rows x Port::bytes_per_row
  std::vector<AlignedBuffer> outputs;  ///< one a model output, filled by the device
};

/// A failed batch is a value: `error` says why, and the outputs are then undefined.
struct Completion {
  Batch batch;
  std::string error;               ///< empty when the batch is done
  bool no_memory = false;          ///< the error is one that fewer rows may not have
  double busy_seconds = 0;         ///< time an instance worked on it
  double finished_at_seconds = 0;  ///< on the device's own clock, since it was made
};

/// Called for each submitted batch exactly once, from a thread of the device; only batches that are
/// not begun when the device is destroyed never come back.
using CompletionSink = std::function<void(Completion)>;

struct DeviceConfig {
  int instances = 1;
  int cores_per_instance = 1;
  /// Rows an instance computes at a time; 0 lets the device choose what suits its caches.
  std::int64_t micro_batch = 0;
  /// Of several processors of a kind, as "GPU" in "openvino:GPU"; empty for the kind's usual one.
  std::string part;
  /// In which elements are multiplied: "f32", "f16", "bf16", or "auto" for the device's fastest.
  std::string precision = "f32";
};

struct DeviceInfo {
  std::string kind;         ///< "cpu", "openvino:GPU"
  std::string description;  ///< processor and instruction set, for people
  int instances = 0;
  int cores_per_instance = 0;
};

/// Models are loaded first; then batches are submitted. All calls from one thread.
class Device {
 public:
  /// Waits for the batches that are being computed and drops those that are not begun.
  virtual ~Device() = default;
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  virtual const DeviceInfo& info() const = 0;

  /// Why the device cannot run this model, or nothing if it can.
  virtual std::optional<std::string> declines(const model::Model& model) const = 0;

  /// Makes a model that the device does not decline ready on all instances. Throws InputError if
  /// that shows a reason against it which declines() could not see.
  virtual ModelId load(std::shared_ptr<const model::Model> model) = 0;

  /// Takes a batch and returns at once. Batches may finish in any order. One that does not fit a
  /// loaded model (why_unfit()) fails as a value.
  virtual void submit(Batch batch) = 0;

  /// Bytes of packed weights and of activations now held, as far as the device knows.
  virtual std::size_t memory_bytes() const = 0;
};

/// Why a batch cannot be run with this model: rows, or a buffer of another size; empty if it can.
std::string why_unfit(const Batch& batch, const model::Model& model);

/// The error of a batch of so many rows for which there was no memory.
std::string no_memory_text(std::int64_t rows);

/// A kind of device that this build knows.
struct DeviceKind {
  std::string_view name;
  /// Results are those of the built-in kernels, bit for bit; otherwise within a tolerance.
  bool same_bits = false;
  /// Throws InputError: a part or precision that is not there.
  std::unique_ptr<Device> (*make)(const DeviceConfig& config, CompletionSink sink);
  /// The processors of this kind on this machine, the usual one first; null if it has no parts.
  std::vector<std::string> (*parts)() = nullptr;
  /// What results depend on beside the model: names and versions of libraries and, where a part is
  /// more than this machine's processor, what it is. Null if that is the kernels' library alone.
  std::string (*versions)(const std::string& part) = nullptr;
  /// Set if the device imports ONNX models itself (Model::onnx()), and so may know more operators.
  std::vector<model::RowType> (*outputs)(const model::Model&,
                                         const std::vector<std::string>& names) = nullptr;
};

std::span<const DeviceKind> device_kinds();

}  // namespace widepipe::device
