#include "device/openvino_device.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <openvino/op/constant.hpp>
#include <openvino/openvino.hpp>
#include <utility>

#include "core/cpu.h"
#include "core/error.h"
#include "device/instance.h"
#include "device/openvino_model.h"

namespace widepipe::device {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

ov::element::Type precision_type(const std::string& precision) {
  if (precision == "f16") return ov::element::f16;
  if (precision == "bf16") return ov::element::bf16;
  return ov::element::f32;
}

/// "CPU" of "CPU", "GPU" of "GPU.1".
std::string family(const std::string& part) { return part.substr(0, part.find('.')); }

/// Throws InputError if OpenVINO does not find it here.
std::string find_part(const ov::Core& core, const std::string& wanted) {
  const std::string part = wanted.empty() ? "CPU" : wanted;
  const std::vector<std::string> all = core.get_available_devices();
  const bool found = std::any_of(all.begin(), all.end(), [&](const std::string& one) {
    return one == part || family(one) == part;
  });
  if (!found) {
    throw_input_error("device 'openvino:{}' is not there; OpenVINO finds here: {}", part,
                      fmt::join(all, ", "));
  }
  return part;
}

ov::AnyMap compile_options(const std::string& part, const DeviceConfig& config) {
  ov::AnyMap options;
  if (config.precision != "auto") {
    options.insert(ov::hint::inference_precision(precision_type(config.precision)));
  }
  if (family(part) == "NPU") return options;  // decides on its streams itself
  options.insert(ov::num_streams(config.instances));
  if (part == "CPU") {
    options.insert(ov::inference_num_threads(config.instances * config.cores_per_instance));
    // The launcher or Slurm binds a rank; ranks that pin on their own would meet on one core.
    options.insert(ov::hint::enable_cpu_pinning(false));
  }
  return options;
}

std::size_t constant_bytes(const ov::Model& model) {
  std::size_t total = 0;
  for (const auto& node : model.get_ordered_ops()) {
    const auto constant = ov::as_type_ptr<ov::op::v0::Constant>(node);
    if (constant) total += constant->get_byte_size();
  }
  return total;
}

class OpenVinoDevice final : public Device {
 public:
  OpenVinoDevice(const DeviceConfig& config, CompletionSink sink)
      : config_(config),
        part_(find_part(core_, config.part)),
        options_(compile_options(part_, config)),
        info_{"openvino:" + part_,
              fmt::format("{} ({})", core_.get_property(part_, ov::device::full_name),
                          openvino_versions()),
              config.instances, config.cores_per_instance},
        sink_(std::move(sink)),
        slots_(static_cast<std::size_t>(config.instances)) {
    for (std::size_t i = slots_.size(); i-- > 0;) idle_.push_back(i);
  }

  ~OpenVinoDevice() override {
    std::unique_lock lock(mutex_);
    waiting_.clear();
    all_idle_.wait(lock, [&] { return idle_.size() == slots_.size(); });
    // What destroys the requests waits until their callbacks have returned.
  }

  const DeviceInfo& info() const override { return info_; }

  std::optional<std::string> declines(const model::Model& model) const override {
    try {
      prepare(model);
      return std::nullopt;
    } catch (const InputError& error) {
      return error.what();
    }
  }

  ModelId load(std::shared_ptr<const model::Model> model) override {
    const Prepared prepared = prepare(*model);
    ov::CompiledModel compiled = compile(*model, prepared.model);
    std::vector<ov::InferRequest> requests;
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
      requests.push_back(compiled.create_infer_request());
      requests.back().set_callback(
          [this, slot](const std::exception_ptr& error) { on_part_done(slot, error); });
    }
    const std::lock_guard lock(mutex_);
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
      slots_[slot].requests.push_back(std::move(requests[slot]));
    }
    weight_bytes_ += constant_bytes(*prepared.model);
    models_.push_back({std::move(model), prepared.rows});
    return static_cast<ModelId>(models_.size() - 1);
  }

  void submit(Batch batch) override {
    std::size_t slot = 0;
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(batch));
      if (idle_.empty()) return;
      slot = idle_.back();
      idle_.pop_back();
    }
    work(slot);
  }

  std::size_t memory_bytes() const override {
    const std::lock_guard lock(mutex_);
    return weight_bytes_;
  }

 private:
  struct Prepared {
    std::shared_ptr<ov::Model> model;
    std::int64_t rows = 1;  ///< at a time
  };
  struct Loaded {
    std::shared_ptr<const model::Model> model;
    std::int64_t rows = 1;
  };
  /// An instance: one batch at a time, a part of its rows after the other.
  struct Slot {
    std::vector<ov::InferRequest> requests;  ///< by model
    Completion done;
    Loaded loaded;
    Clock::time_point start;
    std::int64_t first = 0;  ///< row of the part that is being computed
    std::int64_t count = 0;
  };

  /// The model for as many rows at a time as suit it. Throws InputError.
  Prepared prepare(const model::Model& model) const {
    const std::size_t row_bytes =
        model::bytes_per_row(model.inputs()) + model::bytes_per_row(model.outputs());
    std::int64_t rows = config_.micro_batch > 0 ? config_.micro_batch
                                                : choose_micro_batch(row_bytes, l2_cache_bytes());
    if (family(part_) == "NPU") rows = 1;  // it takes fixed shapes alone
    rows = std::min(rows, model.max_batch());
    if (rows > 1) {
      try {
        return {to_openvino(core_, model, rows), rows};
      } catch (const InputError&) {
        // OpenVINO may see less of its shapes than we do: a single row has fixed ones.
      }
    }
    return {to_openvino(core_, model, 1), 1};
  }

  ov::CompiledModel compile(const model::Model& model, const std::shared_ptr<ov::Model>& prepared) {
    ov::CompiledModel compiled;
    try {
      compiled = core_.compile_model(prepared, part_, options_);
    } catch (const ov::Exception& error) {
      throw_input_error("{}: OpenVINO cannot compile it for {} at precision {}: {}", model.label(),
                        part_, config_.precision, openvino_text(error));
    }
    if (config_.precision == "auto") return compiled;
    const auto found = compiled.get_property(ov::hint::inference_precision);
    if (found != precision_type(config_.precision)) {
      throw_input_error("precision {}: device {} computes in {} on this machine", config_.precision,
                        info_.kind, found.to_string());
    }
    return compiled;
  }

  /// Begins waiting batches until one is under way or none is left.
  void work(std::size_t index) {
    Slot& slot = slots_[index];
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty()) {
          idle_.push_back(index);
          all_idle_.notify_all();
          return;
        }
        slot.done = Completion{.batch = std::move(waiting_.front())};
        waiting_.pop_front();
        const ModelId id = slot.done.batch.model;
        slot.loaded = id < models_.size() ? models_[id] : Loaded{};
      }
      slot.start = Clock::now();
      slot.first = 0;
      if (begin_batch(slot)) return;
      finish(slot);
    }
  }

  /// False, with the reason in slot.done.error, if the batch cannot be run.
  static bool begin_batch(Slot& slot) {
    Batch& batch = slot.done.batch;
    if (!slot.loaded.model) {
      slot.done.error = fmt::format("model {} is not loaded", batch.model);
      return false;
    }
    slot.done.error = why_unfit(batch, *slot.loaded.model);
    if (!slot.done.error.empty()) return false;
    batch.outputs.clear();
    for (const model::Port& port : slot.loaded.model->outputs()) {
      batch.outputs.emplace_back(static_cast<std::size_t>(batch.rows) * port.bytes_per_row);
    }
    return begin_part(slot);
  }

  /// The rows are read and written where they are. After true, another thread may have the slot.
  static bool begin_part(Slot& slot) {
    Batch& batch = slot.done.batch;
    const model::Model& model = *slot.loaded.model;
    ov::InferRequest& request = slot.requests[batch.model];
    slot.count = std::min(slot.loaded.rows, batch.rows - slot.first);
    try {
      for (std::size_t i = 0; i < batch.inputs.size(); ++i) {
        request.set_input_tensor(i, input_view(slot, model.inputs()[i], batch.inputs[i]));
      }
      request.start_async();
      return true;
    } catch (const std::exception& error) {
      slot.done.error = openvino_text(error);
      return false;
    }
  }

  static ov::Tensor input_view(const Slot& slot, const model::Port& port, AlignedBuffer& buffer) {
    ov::Shape shape(port.row_shape.begin(), port.row_shape.end());
    // A model of single rows keeps its batch axis where it is; the bytes are the same.
    const std::size_t axis = slot.loaded.rows == 1 ? port.batch_axis : 0;
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis),
                 static_cast<std::size_t>(slot.count));
    return {openvino_type(port.dtype), shape,
            buffer.data() + static_cast<std::size_t>(slot.first) * port.bytes_per_row};
  }

  /// On a thread of OpenVINO.
  void on_part_done(std::size_t index, const std::exception_ptr& error) {
    Slot& slot = slots_[index];
    try {
      if (error) std::rethrow_exception(error);
      copy_outputs(slot);
    } catch (const std::exception& failure) {
      slot.done.error = openvino_text(failure);
    }
    slot.first += slot.count;
    const bool more = slot.done.error.empty() && slot.first < slot.done.batch.rows;
    if (more && begin_part(slot)) return;
    finish(slot);
    work(index);
  }

  static void copy_outputs(Slot& slot) {
    Batch& batch = slot.done.batch;
    const std::vector<model::Port>& ports = slot.loaded.model->outputs();
    for (std::size_t i = 0; i < ports.size(); ++i) {
      const ov::Tensor made = slot.requests[batch.model].get_output_tensor(i);
      const std::size_t bytes = static_cast<std::size_t>(slot.count) * ports[i].bytes_per_row;
      if (made.get_byte_size() != bytes) {
        throw_run_error("output '{}': expected {} bytes for {} rows, OpenVINO made {}",
                        ports[i].name, bytes, slot.count, made.get_byte_size());
      }
      std::memcpy(
          batch.outputs[i].data() + static_cast<std::size_t>(slot.first) * ports[i].bytes_per_row,
          made.data(), bytes);
    }
  }

  void finish(Slot& slot) {
    const Clock::time_point end = Clock::now();
    slot.done.busy_seconds = seconds_between(slot.start, end);
    slot.done.finished_at_seconds = seconds_between(made_at_, end);
    sink_(std::move(slot.done));
  }

  mutable ov::Core core_;  // importing a model does not change what it knows
  const DeviceConfig config_;
  const std::string part_;
  const ov::AnyMap options_;
  const DeviceInfo info_;
  const CompletionSink sink_;
  const Clock::time_point made_at_ = Clock::now();

  mutable std::mutex mutex_;
  std::condition_variable all_idle_;
  std::deque<Batch> waiting_;
  std::vector<Loaded> models_;
  std::vector<std::size_t> idle_;  ///< slots without a batch
  std::size_t weight_bytes_ = 0;

  std::vector<Slot> slots_;  // last: its requests end before what their callbacks use goes
};

}  // namespace

std::unique_ptr<Device> make_openvino_device(const DeviceConfig& config, CompletionSink sink) {
  try {
    return std::make_unique<OpenVinoDevice>(config, std::move(sink));
  } catch (const ov::Exception& error) {
    throw_input_error("device openvino: {}", openvino_text(error));
  }
}

std::vector<std::string> openvino_parts() {
  std::vector<std::string> parts = ov::Core().get_available_devices();
  std::stable_partition(parts.begin(), parts.end(),
                        [](const std::string& part) { return part == "CPU"; });
  return parts;
}

std::string openvino_versions() {
  const std::string build = ov::get_openvino_version().buildNumber;
  return "OpenVINO " + build.substr(0, build.find('-'));
}

std::vector<model::RowType> openvino_outputs(const model::Model& model,
                                             const std::vector<std::string>& names) {
  ov::Core core;
  return openvino_row_types(core, model, names);
}

}  // namespace widepipe::device
