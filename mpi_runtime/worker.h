#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device/device.h"
#include "mpi_runtime/row_reader.h"
#include "mpi_runtime/wakeup.h"
#include "mpi_runtime/wire.h"

namespace widepipe::mpi_runtime {

struct WorkerConfig {
  std::string device_kind = "cpu";
  device::DeviceConfig device;
  /// One a stream; streams may share a model, which is then loaded once.
  std::vector<std::shared_ptr<const model::Model>> models;
  /// One a stream: rows are read here. Empty when rank 0 scatters the rows.
  std::vector<StreamSource> sources;
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
  device::Batch make_batch(const DispatchWire& dispatch, std::vector<AlignedBuffer> inputs) const;
  void finish(const ResultWire& result, std::vector<AlignedBuffer> outputs, std::string error);

  Mailbox<device::Completion> completions_;
  Mailbox<RowsRead> unreadable_;
  std::size_t max_payload_bytes_;
  std::vector<std::shared_ptr<const model::Model>> models_;  ///< by stream
  std::vector<device::ModelId> model_ids_;                   ///< by stream, on the device
  std::vector<Finished> finished_;                           ///< not yet announced, oldest first
  std::map<std::uint32_t, AlignedBuffer> payloads_;          ///< announced, by round
  std::unique_ptr<device::Device> device_;                   // after the mailbox that it reports to
  std::optional<RowReader> reader_;                          // after the device that it feeds
};

}  // namespace widepipe::mpi_runtime
