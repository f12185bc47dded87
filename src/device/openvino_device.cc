#include "device/openvino_device.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>
#include <openvino/op/constant.hpp>
#include <openvino/openvino.hpp>
#include <stop_token>
#include <thread>
#include <utility>

#include "core/cpu.h"
#include "core/error.h"
#include "device/instance.h"
#include "device/openvino_model.h"

namespace widepipe::device {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kCpu = "CPU";

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

ov::element::Type precision_type(const std::string& precision) {
  if (precision == "f16") return ov::element::f16;
  if (precision == "bf16") return ov::element::bf16;
  return ov::element::f32;
}

std::string library_version() {
  const std::string build = ov::get_openvino_version().buildNumber;
  return "OpenVINO " + build.substr(0, build.find('-'));
}

/// "CPU" of "CPU", "GPU" of "GPU.1".
std::string family(const std::string& part) { return part.substr(0, part.find('.')); }

/// What OpenVINO finds here, the CPU first. Throws InputError if that is nothing.
std::vector<std::string> all_parts(const ov::Core& core) {
  std::vector<std::string> parts = core.get_available_devices();
  if (parts.empty()) throw_input_error("device openvino: OpenVINO finds no device here");
  std::stable_partition(parts.begin(), parts.end(),
                        [](const std::string& part) { return part == kCpu; });
  return parts;
}

/// Throws InputError if OpenVINO does not find it here.
std::string find_part(const ov::Core& core, const std::string& wanted) {
  const std::vector<std::string> all = all_parts(core);
  std::string part = wanted.empty() ? all.front() : wanted;
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
  if (part == kCpu) {
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
                          library_version()),
              config.instances, config.cores_per_instance},
        sink_(std::move(sink)),
        slots_(static_cast<std::size_t>(config.instances)) {
    for (std::size_t i = slots_.size(); i-- > 0;) idle_.push_back(i);
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }

  ~OpenVinoDevice() override {
    std::unique_lock lock(mutex_);
    waiting_.clear();
    all_idle_.wait(lock, [&] { return idle_.size() == slots_.size(); });
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
    std::vector<ov::InferRequest> requests = compile(*model, prepared.model);
    const std::lock_guard lock(mutex_);
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
      slots_[slot].requests.push_back(std::move(requests[slot]));
    }
    weight_bytes_ += constant_bytes(*prepared.model);
    models_.push_back({std::move(model), prepared.rows});
    return static_cast<ModelId>(models_.size() - 1);
  }

  void submit(Batch batch) override {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(batch));
    }
    changed_.notify_one();
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
    bool ended = false;  ///< the part; the thread has yet to see to it
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

  /// A request for each slot.
  std::vector<ov::InferRequest> compile(const model::Model& model,
                                        const std::shared_ptr<ov::Model>& prepared) {
    try {
      ov::CompiledModel compiled = core_.compile_model(prepared, part_, options_);
      if (config_.precision != "auto") {
        const auto found = compiled.get_property(ov::hint::inference_precision);
        if (found != precision_type(config_.precision)) {
          throw_input_error("precision {}: device {} computes in {} on this machine",
                            config_.precision, info_.kind, found.to_string());
        }
      }
      std::vector<ov::InferRequest> requests;
      for (Slot& slot : slots_) {
        requests.push_back(compiled.create_infer_request());
        requests.back().set_callback(
            [this, &slot](const std::exception_ptr& /*wait() throws it*/) { end_part(slot); });
      }
      return requests;
    } catch (const ov::Exception& error) {
      throw_input_error("{}: OpenVINO cannot compile it for {} at precision {}: {}", model.label(),
                        part_, config_.precision, openvino_text(error));
    }
  }

  /// On a thread of OpenVINO, which must not be kept, nor see an exception.
  void end_part(Slot& slot) noexcept {
    const std::lock_guard lock(mutex_);
    slot.ended = true;
    changed_.notify_one();
  }

  /// The life of the device's thread: begins what waits, goes on with what ended.
  void serve(const std::stop_token& stop) {
    const auto ended = [&] {
      return std::find_if(slots_.begin(), slots_.end(),
                          [](const Slot& slot) { return slot.ended; });
    };
    const auto something_to_do = [&] {
      return ended() != slots_.end() || (!waiting_.empty() && !idle_.empty());
    };
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, something_to_do)) {
      auto slot = ended();
      const bool goes_on = slot != slots_.end();
      if (goes_on) {
        slot->ended = false;
      } else {
        slot = slots_.begin() + static_cast<std::ptrdiff_t>(idle_.back());
        idle_.pop_back();
        take_batch(*slot);
      }
      lock.unlock();
      const bool under_way = goes_on ? next_part(*slot) : begin_batch(*slot);
      if (!under_way) finish(*slot);
      lock.lock();
      if (under_way) continue;
      idle_.push_back(static_cast<std::size_t>(slot - slots_.begin()));
      all_idle_.notify_all();
    }
  }

  void take_batch(Slot& slot) {
    slot.done = Completion{.batch = std::move(waiting_.front())};
    waiting_.pop_front();
    const ModelId id = slot.done.batch.model;
    slot.loaded = id < models_.size() ? models_[id] : Loaded{};
    slot.start = Clock::now();
    slot.first = 0;
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
    try {
      batch.outputs.clear();
      for (const model::Port& port : slot.loaded.model->outputs()) {
        batch.outputs.emplace_back(static_cast<std::size_t>(batch.rows) * port.bytes_per_row);
      }
    } catch (const std::bad_alloc&) {
      slot.done.error = no_memory_text(batch.rows);
      slot.done.no_memory = true;
      return false;
    }
    return begin_part(slot);
  }

  /// The rows are read where they are.
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

  /// False if the batch is done, or has failed.
  static bool next_part(Slot& slot) {
    try {
      // Until the callback has returned, OpenVINO would start the request without one.
      slot.requests[slot.done.batch.model].wait();
      copy_outputs(slot);
    } catch (const std::exception& failure) {
      slot.done.error = openvino_text(failure);
      return false;
    }
    slot.first += slot.count;
    return slot.first < slot.done.batch.rows && begin_part(slot);
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
  std::condition_variable_any changed_;
  std::condition_variable all_idle_;
  std::deque<Batch> waiting_;
  std::vector<Loaded> models_;
  std::vector<std::size_t> idle_;  ///< slots without a batch
  std::size_t weight_bytes_ = 0;

  std::vector<Slot> slots_;  // after what the callbacks use: they have returned before it goes
  std::jthread thread_;      // last: joined before what it uses goes
};

template <typename Work>
auto saying_why(const Work& work) {
  try {
    return work();
  } catch (const ov::Exception& error) {
    throw_input_error("device openvino: {}", openvino_text(error));
  }
}

}  // namespace

std::unique_ptr<Device> make_openvino_device(const DeviceConfig& config, CompletionSink sink) {
  return saying_why([&] { return std::make_unique<OpenVinoDevice>(config, std::move(sink)); });
}

std::vector<std::string> openvino_parts() {
  return saying_why([] { return all_parts(ov::Core()); });
}

std::string openvino_versions(const std::string& part) {
  if (part.empty() || part == kCpu) return library_version();
  return saying_why([&] {
    const ov::Core core;
    return fmt::format("{} on {}", library_version(),
                       core.get_property(find_part(core, part), ov::device::full_name));
  });
}

std::vector<model::RowType> openvino_outputs(const model::Model& model,
                                             const std::vector<std::string>& names) {
  return saying_why([&] {
    ov::Core core;
    return openvino_row_types(core, model, names);
  });
}

}  // namespace widepipe::device
