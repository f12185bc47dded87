#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/surroundings.h"
#include "device/device.h"
#include "device/device_list.h"
#include "mpi_runtime/row_reader.h"
#include "mpi_runtime/row_writer.h"
#include "mpi_runtime/rows_done.h"
#include "mpi_runtime/stored_columns.h"
#include "mpi_runtime/wakeup.h"
#include "mpi_runtime/wire.h"

namespace widepipe::mpi_runtime {

struct WorkerConfig {
  std::string device_kind = "cpu";  ///< as make_device takes it
  device::DeviceConfig device;
  /// One a stream; streams may share a model, which is then loaded once.
  std::vector<std::shared_ptr<const model::Model>> models;
  /// One a stream: rows are read here. Empty when rank 0 scatters the rows.
  std::vector<StreamSource> sources;
  /// One a stream; empty when all streams store every output, raw.
  std::vector<StreamOutputs> outputs;
  /// One a stream, or empty: rows with a NaN or an infinity in an output fail.
  std::vector<bool> fail_nonfinite;
  bool digests = false;               ///< of all results: rows are rechecked
  std::size_t max_payload_bytes = 0;  ///< of results, in one round
  std::function<std::unique_ptr<device::Device>(
      const std::string& kind, const device::DeviceConfig& config, device::CompletionSink sink)>
      make_device = &device::make_device;
  Surroundings surroundings;
};

/// The work of one rank, without MPI: dispatches and rows go in, slots and payloads come out.
/// All calls from the MPI thread.
class Worker {
 public:
  /// Makes the device and loads the models. Throws InputError if the device declines one.
  Worker(const WorkerConfig& config, Wakeup& wakeup);

  const device::Device& device() const { return *device_; }

  /// From now on results are written here, one output a stream, and only announced to rank 0.
  /// Before the first dispatch.
  void write_to(RowWriter::Outputs outputs);

  /// Before the first dispatch: the device runs one row of a stream. Nothing if it does not bring
  /// it back within `limit`; this worker can then neither be used nor destroyed.
  std::optional<device::Completion> try_row(std::uint32_t stream, std::vector<AlignedBuffer> inputs,
                                            std::chrono::milliseconds limit);

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
    std::vector<AlignedBuffer> columns;
    std::string text;
  };

  void load_models();
  void submit(const DispatchWire& dispatch, std::vector<AlignedBuffer> inputs);
  void take(device::Completion completion);
  void finish(RowsDone done);

  Mailbox<RowsDone> done_;
  std::size_t max_payload_bytes_;
  std::vector<std::shared_ptr<const model::Model>> models_;  ///< by stream
  std::vector<device::ModelId> model_ids_;                   ///< by stream, on the device
  std::vector<StreamOutputs> outputs_;                       ///< by stream, or empty
  std::vector<bool> fail_nonfinite_;                         ///< by stream, or empty
  const bool digests_;
  const Surroundings surroundings_;
  std::promise<device::Completion> tried_;           ///< of try_row()
  std::mutex mutex_;                                 ///< of on_device_
  std::map<std::uint64_t, DispatchWire> on_device_;  ///< by batch
  std::vector<Finished> finished_;                   ///< not yet announced, oldest first
  std::map<std::uint32_t, AlignedBuffer> payloads_;  ///< announced, by round
  std::optional<RowWriter> writer_;                  // after the mailbox that it reports to
  std::unique_ptr<device::Device> device_;           // after those that it reports to
  std::optional<RowReader> reader_;                  // after the device that it feeds
};

}  // namespace widepipe::mpi_runtime
