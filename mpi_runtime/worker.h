#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "dataset/row_transform.h"
#include "device/device.h"
#include "mpi_runtime/row_reader.h"
#include "mpi_runtime/wakeup.h"
#include "mpi_runtime/wire.h"

namespace widepipe::mpi_runtime {

/// A model output as it is stored.
struct StoredOutput {
  std::size_t output = 0;  ///< index in model.outputs()
  dataset::RowTransform transform;
};

/// What a stream stores, in the order of its result columns. Empty: every output, raw.
using StreamOutputs = std::vector<StoredOutput>;

/// Bytes of each result column in a row.
std::vector<std::size_t> column_bytes(const model::Model& model, const StreamOutputs& outputs);

struct WorkerConfig {
  std::string device_kind = "cpu";
  device::DeviceConfig device;
  /// One a stream; streams may share a model, which is then loaded once.
  std::vector<std::shared_ptr<const model::Model>> models;
  /// One a stream: rows are read here. Empty when rank 0 scatters the rows.
  std::vector<StreamSource> sources;
  /// One a stream; empty when all streams store every output, raw.
  std::vector<StreamOutputs> outputs;
  std::size_t max_payload_bytes = 0;  ///< of results, in one round
};

/// The work of one rank, without MPI: dispatches and rows go in, slots and payloads come out.
/// All calls from the MPI thread.
class Worker {
 public:
  /// Makes the device and loads the models. Throws InputError if the device declines one.
  Worker(const WorkerConfig& config, Wakeup& wakeup);

  const device::Device& device() const { return *device_; }

  /// Takes a dispatch whose rows this rank reads itself.
  void accept(const DispatchWire& dispatch);
  /// Takes a dispatch with its rows, one buffer a model input.
  void accept(const DispatchWire& dispatch, std::vector<AlignedBuffer> inputs);
  /// Likewise, with the rows of all inputs one after the other; returns the bytes consumed.
  std::size_t accept(const DispatchWire& dispatch, std::span<const std::byte> rows);

  /// Takes what the device has finished; true if there was anything.
  bool pump();
  /// Results wait for a slot.
  bool has_results() const { return !finished_.empty(); }

  /// The results that fit in the slot of `round`; their payload waits for take_payload(round).
  UpSlot make_slot(std::uint32_t round);
  /// The payload announced in the slot of `round`; empty if it announced none.
  AlignedBuffer take_payload(std::uint32_t round);

 private:
  struct Finished {
    ResultWire result;
    std::vector<AlignedBuffer> outputs;
    std::string error;
  };

  void load_models();
  device::Batch make_batch(const DispatchWire& dispatch, std::vector<AlignedBuffer> inputs);
  void transform(device::Completion& done);
  void finish(const ResultWire& result, std::vector<AlignedBuffer> outputs, std::string error);

  Mailbox<device::Completion> completions_;
  Mailbox<RowsRead> unreadable_;
  std::size_t max_payload_bytes_;
  std::vector<std::shared_ptr<const model::Model>> models_;  ///< by stream
  std::vector<device::ModelId> model_ids_;                   ///< by stream, on the device
  std::vector<StreamOutputs> outputs_;                       ///< by stream, or empty
  std::mutex mutex_;                                         ///< of stream_of_
  std::map<std::uint64_t, std::uint32_t> stream_of_;         ///< batches on the device
  std::vector<Finished> finished_;                           ///< not yet announced, oldest first
  std::map<std::uint32_t, AlignedBuffer> payloads_;          ///< announced, by round
  std::unique_ptr<device::Device> device_;                   // after the mailbox that it reports to
  std::optional<RowReader> reader_;                          // after the device that it feeds
};

}  // namespace widepipe::mpi_runtime
