#include "mpi_runtime/worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "mpi_runtime/nonfinite_rows.h"

namespace widepipe::mpi_runtime {
namespace {

/// Reasons travel with the results and stand in the journal: the beginning says enough.
constexpr std::size_t kLongestError = 1000;

constexpr std::uint64_t kTrial = 0;  // batches of the scheduler count from 1

ResultState failed_state(bool no_memory) {
  return no_memory ? ResultState::kNoMemory : ResultState::kFailed;
}

std::uint64_t digest_of(const RowsDone& done) {
  std::string digests = pack(done.failures);
  for (const AlignedBuffer& column : done.columns) {
    const std::string_view bytes(reinterpret_cast<const char*>(column.data()), column.size());
    digests += fmt::format("{:016x}", checksum64(bytes));
  }
  return checksum64(digests);
}

}  // namespace

Worker::Worker(const WorkerConfig& config, Wakeup& wakeup)
    : done_(wakeup),
      max_payload_bytes_(config.max_payload_bytes),
      models_(config.models),
      outputs_(config.outputs),
      fail_nonfinite_(config.fail_nonfinite),
      digests_(config.digests),
      surroundings_(config.surroundings),
      device_(config.make_device(config.device_kind, config.device,
                                 [this](device::Completion done) { take(std::move(done)); })) {
  load_models();
  if (!config.sources.empty()) {
    reader_.emplace(
        config.sources,
        [this](RowsRead rows) {
          if (rows.error.empty()) {
            submit(rows.dispatch, std::move(rows.inputs));
          } else {
            done_.push({.dispatch = rows.dispatch,
                        .state = failed_state(rows.no_memory),
                        .error = std::move(rows.error)});
          }
        },
        surroundings_);
  }
}

void Worker::write_to(RowWriter::Outputs outputs) {
  writer_.emplace(
      std::move(outputs), [this](RowsDone done) { done_.push(std::move(done)); }, surroundings_);
}

void Worker::load_models() {
  std::map<const model::Model*, device::ModelId> loaded;
  for (const auto& model : models_) {
    auto found = loaded.find(model.get());
    if (found == loaded.end()) {
      if (const auto reason = device_->declines(*model)) {
        throw_input_error("device {} cannot run {}: {}", device_->info().kind, model->label(),
                          *reason);
      }
      found = loaded.emplace(model.get(), device_->load(model)).first;
    }
    model_ids_.push_back(found->second);
  }
}

std::optional<device::Completion> Worker::try_row(std::uint32_t stream,
                                                  std::vector<AlignedBuffer> inputs,
                                                  std::chrono::milliseconds limit) {
  tried_ = {};
  std::future<device::Completion> tried = tried_.get_future();
  device_->submit({.id = kTrial,
                   .model = model_ids_.at(stream),
                   .rows = 1,
                   .inputs = std::move(inputs),
                   .outputs = {}});
  if (tried.wait_for(limit) != std::future_status::ready) return std::nullopt;
  return tried.get();
}

void Worker::submit(const DispatchWire& dispatch, std::vector<AlignedBuffer> inputs) {
  {
    const std::lock_guard lock(mutex_);
    on_device_.emplace(dispatch.batch, dispatch);
  }
  device_->submit({.id = dispatch.batch,
                   .model = model_ids_.at(dispatch.stream),
                   .rows = dispatch.row_count,
                   .inputs = std::move(inputs),
                   .outputs = {}});
}

/// On the device's thread, so that the MPI thread never computes.
void Worker::take(device::Completion completion) {
  if (completion.batch.id == kTrial) {
    tried_.set_value(std::move(completion));
    return;
  }
  RowsDone done{.busy_seconds = completion.busy_seconds,
                .finished_at_seconds = completion.finished_at_seconds};
  {
    const std::lock_guard lock(mutex_);
    done.dispatch = on_device_.extract(completion.batch.id).mapped();
  }
  if (!completion.error.empty()) {
    done.state = failed_state(completion.no_memory);
    done.error = std::move(completion.error);
    done_.push(std::move(done));
    return;
  }
  const std::uint32_t stream = done.dispatch.stream;
  const RowRange rows{done.dispatch.first_row, done.dispatch.row_count};
  std::vector<AlignedBuffer>& outputs = completion.batch.outputs;
  if (!fail_nonfinite_.empty() && fail_nonfinite_[stream]) {
    done.failures = nonfinite_rows(*models_[stream], outputs, rows);
  }
  try {
    done.columns = outputs_.empty()
                       ? std::move(outputs)
                       : stored_columns(outputs_[stream], rows.count, std::move(outputs));
  } catch (const std::bad_alloc&) {
    done.state = ResultState::kNoMemory;
    done.error = device::no_memory_text(rows.count);
    done_.push(std::move(done));
    return;
  }
  if (digests_) done.digest = digest_of(done);
  if (done.dispatch.check != 0) {
    done.columns.clear();
    done.failures.clear();
    done_.push(std::move(done));
  } else if (writer_) {
    writer_->write(std::move(done));
  } else {
    done_.push(std::move(done));
  }
}

void Worker::accept(const DispatchWire& dispatch) { reader_->request(dispatch); }

void Worker::accept(const DispatchWire& dispatch, std::vector<AlignedBuffer> inputs) {
  submit(dispatch, std::move(inputs));
}

std::size_t Worker::accept(const DispatchWire& dispatch, std::span<const std::byte> rows) {
  std::vector<AlignedBuffer> inputs;
  std::size_t used = 0;
  for (const model::Port& port : models_.at(dispatch.stream)->inputs()) {
    AlignedBuffer input(static_cast<std::size_t>(dispatch.row_count) * port.bytes_per_row);
    std::memcpy(input.data(), rows.data() + used, input.size());
    used += input.size();
    inputs.push_back(std::move(input));
  }
  accept(dispatch, std::move(inputs));
  return used;
}

void Worker::finish(RowsDone done) {
  Finished finished{{.batch = done.dispatch.batch,
                     .busy_seconds = done.busy_seconds,
                     .finished_at_seconds = done.finished_at_seconds,
                     .state = done.state,
                     .digest = done.digest},
                    std::move(done.columns),
                    done.state == ResultState::kDone ? pack(done.failures) : std::move(done.error)};
  for (const AlignedBuffer& column : finished.columns) {
    finished.result.output_bytes += column.size();
  }
  if (done.state != ResultState::kDone) {
    finished.text.resize(std::min(finished.text.size(), kLongestError));
  }
  finished.result.error_bytes = static_cast<std::uint32_t>(finished.text.size());
  finished_.push_back(std::move(finished));
}

bool Worker::pump() {
  const std::size_t before = finished_.size();
  for (RowsDone& done : done_.drain()) finish(std::move(done));
  return finished_.size() > before;
}

UpSlot Worker::make_slot(std::uint32_t round) {
  UpSlot slot{.round = round};
  std::size_t taken = 0;
  for (; taken < std::min(finished_.size(), kResultsPerSlot); ++taken) {
    const ResultWire& result = finished_[taken].result;
    const std::size_t bytes = result.output_bytes + result.error_bytes;
    if (taken > 0 && slot.payload_bytes + bytes > max_payload_bytes_) break;
    slot.payload_bytes += bytes;
    slot.results[taken] = result;
  }
  slot.result_count = taken;
  if (taken == 0) return slot;

  AlignedBuffer payload(slot.payload_bytes);
  std::byte* to = payload.data();
  const auto append = [&to](const void* from, std::size_t bytes) {
    if (bytes > 0) std::memcpy(to, from, bytes);
    to += bytes;
  };
  for (std::size_t i = 0; i < taken; ++i) {
    for (const AlignedBuffer& column : finished_[i].columns) append(column.data(), column.size());
    append(finished_[i].text.data(), finished_[i].text.size());
  }
  payloads_.emplace(round, std::move(payload));
  finished_.erase(finished_.begin(), finished_.begin() + static_cast<std::ptrdiff_t>(taken));
  return slot;
}

AlignedBuffer Worker::take_payload(std::uint32_t round) {
  auto node = payloads_.extract(round);
  return node.empty() ? AlignedBuffer{} : std::move(node.mapped());
}

}  // namespace widepipe::mpi_runtime
