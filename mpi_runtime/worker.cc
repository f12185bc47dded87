#include "mpi_runtime/worker.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace widepipe::mpi_runtime {
namespace {

/// Reasons travel with the results and stand in the journal: the beginning says enough.
constexpr std::size_t kLongestError = 1000;

}  // namespace

std::vector<std::size_t> column_bytes(const model::Model& model, const StreamOutputs& outputs) {
  std::vector<std::size_t> bytes;
  if (outputs.empty()) {
    for (const model::Port& port : model.outputs()) bytes.push_back(port.bytes_per_row);
  }
  for (const StoredOutput& stored : outputs) {
    const std::vector<std::size_t> more = stored.transform.column_bytes();
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  return bytes;
}

Worker::Worker(const WorkerConfig& config, Wakeup& wakeup)
    : completions_(wakeup),
      unreadable_(wakeup),
      max_payload_bytes_(config.max_payload_bytes),
      models_(config.models),
      outputs_(config.outputs),
      device_(
          device::make_device(config.device_kind, config.device, [this](device::Completion done) {
            transform(done);
            completions_.push(std::move(done));
          })) {
  load_models();
  if (!config.sources.empty()) {
    reader_.emplace(config.sources, [this](RowsRead rows) {
      if (rows.error.empty()) {
        device_->submit(make_batch(rows.dispatch, std::move(rows.inputs)));
      } else {
        unreadable_.push(std::move(rows));
      }
    });
  }
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

device::Batch Worker::make_batch(const DispatchWire& dispatch, std::vector<AlignedBuffer> inputs) {
  if (!outputs_.empty()) {
    const std::lock_guard lock(mutex_);
    stream_of_.emplace(dispatch.batch, dispatch.stream);
  }
  return {.id = dispatch.batch,
          .model = model_ids_.at(dispatch.stream),
          .rows = dispatch.row_count,
          .inputs = std::move(inputs),
          .outputs = {}};
}

/// On the device's thread, so that the MPI thread never computes.
void Worker::transform(device::Completion& done) {
  if (outputs_.empty()) return;
  std::uint32_t stream = 0;
  {
    const std::lock_guard lock(mutex_);
    stream = stream_of_.extract(done.batch.id).mapped();
  }
  const StreamOutputs& wanted = outputs_.at(stream);
  if (!done.error.empty() || wanted.empty()) return;
  const auto rows = static_cast<std::size_t>(done.batch.rows);
  std::vector<AlignedBuffer> columns;
  for (const StoredOutput& stored : wanted) {
    const std::size_t first = columns.size();
    for (const std::size_t bytes : stored.transform.column_bytes()) {
      columns.emplace_back(rows * bytes);
    }
    std::vector<std::span<std::byte>> outs;
    for (std::size_t i = first; i < columns.size(); ++i) outs.push_back(columns[i].span());
    stored.transform.apply(done.batch.rows, done.batch.outputs.at(stored.output).span(), outs);
  }
  done.batch.outputs = std::move(columns);
}

void Worker::accept(const DispatchWire& dispatch) { reader_->request(dispatch); }

void Worker::accept(const DispatchWire& dispatch, std::vector<AlignedBuffer> inputs) {
  device_->submit(make_batch(dispatch, std::move(inputs)));
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

void Worker::finish(const ResultWire& result, std::vector<AlignedBuffer> outputs,
                    std::string error) {
  Finished done{result, {}, std::move(error)};
  if (done.error.empty()) {
    done.outputs = std::move(outputs);
    for (const AlignedBuffer& output : done.outputs) done.result.output_bytes += output.size();
  } else {
    done.error.resize(std::min(done.error.size(), kLongestError));
    done.result.failed = 1;
    done.result.error_bytes = static_cast<std::uint32_t>(done.error.size());
  }
  finished_.push_back(std::move(done));
}

bool Worker::pump() {
  const std::size_t before = finished_.size();
  for (device::Completion& done : completions_.drain()) {
    finish({.batch = done.batch.id,
            .busy_seconds = done.busy_seconds,
            .finished_at_seconds = done.finished_at_seconds},
           std::move(done.batch.outputs), std::move(done.error));
  }
  for (RowsRead& rows : unreadable_.drain()) {
    finish({.batch = rows.dispatch.batch}, {}, std::move(rows.error));
  }
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
    for (const AlignedBuffer& output : finished_[i].outputs) append(output.data(), output.size());
    append(finished_[i].error.data(), finished_[i].error.size());
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
