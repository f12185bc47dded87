#pragma once
// What tests of devices share: a collector of completions, small models, rows for them.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "device/device.h"
#include "tests/unit/onnx_builder.h"

namespace widepipe::device {

/// Collects completions from the device's threads.
class Collector {
 public:
  CompletionSink sink();
  /// Those that came, once there are `count`, or after a minute.
  std::vector<Completion> wait_for(std::size_t count);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Completion> done_;
};

/// A small network and what it is for.
struct NamedModel {
  std::string name;
  std::vector<std::byte> bytes;
  model::Binding binding = {};
};

/// Networks of the forms that a device meets: images, tables, several inputs and outputs, rows on
/// another axis, whole numbers, a constant input, chosen outputs, rows one at a time.
std::vector<NamedModel> conformance_models();

/// Of one operator that the built-in import does not know: com.microsoft.BiasGelu.
std::vector<std::byte> foreign_model();

/// A batch of rows `first` to `first + rows` of an endless random data set, the same for each call.
Batch make_batch(const model::Model& model, ModelId id, std::uint64_t batch, std::int64_t first,
                 std::int64_t rows);

/// What the reference computes for the rows: one buffer an output.
std::vector<AlignedBuffer> expected_outputs(const std::shared_ptr<const model::Model>& model,
                                            const Batch& batch);

/// The largest difference of elements as a share of the largest expected one, over all outputs.
/// Whole numbers that differ at all are 1. Infinite if sizes differ.
double largest_error(const model::Model& model, const std::vector<AlignedBuffer>& expected,
                     const std::vector<AlignedBuffer>& found);

}  // namespace widepipe::device
