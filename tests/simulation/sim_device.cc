#include "tests/simulation/sim_device.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "tests/unit/onnx_builder.h"

namespace widepipe::simulation {
namespace {

/// Whole numbers that a float holds.
std::int64_t mixed(std::int64_t row) {
  const std::uint64_t bits = (static_cast<std::uint64_t>(row) + 1) * 0x9E3779B97F4A7C15ULL;
  return static_cast<std::int64_t>(bits >> 44);
}

class SimDevice final : public device::Device {
 public:
  SimDevice(World& world, int process, DeviceTraits traits, DeviceDeeds& deeds,
            device::CompletionSink sink)
      : world_(world),
        process_(process),
        traits_(traits),
        deeds_(deeds),
        sink_(std::make_shared<device::CompletionSink>(std::move(sink))),
        free_at_(static_cast<std::size_t>(traits.instances), Duration(0)),
        info_{"simulated", "", traits.instances, 1} {}

  const device::DeviceInfo& info() const override { return info_; }
  std::optional<std::string> declines(const model::Model&) const override { return std::nullopt; }
  device::ModelId load(std::shared_ptr<const model::Model>) override { return models_++; }
  std::size_t memory_bytes() const override { return 0; }

  void submit(device::Batch batch) override {
    if (traits_.hangs_after >= 0 && batches_++ >= traits_.hangs_after) return;
    const auto instance = std::min_element(free_at_.begin(), free_at_.end());
    const double noise = 0.7 + 0.6 * world_.random().share();
    const Duration busy(static_cast<std::int64_t>(
        static_cast<double>((batch.rows + 1) * traits_.per_row.count()) * noise));
    *instance = std::max(*instance, world_.passed()) + busy;
    auto done = std::make_shared<device::Completion>();
    done->busy_seconds = std::chrono::duration<double>(busy).count();
    done->finished_at_seconds = std::chrono::duration<double>(*instance).count();
    done->batch = std::move(batch);
    run(*done);
    world_.after(*instance - world_.passed(), process_, [done, weak = std::weak_ptr(sink_)] {
      if (const auto sink = weak.lock()) (*sink)(std::move(*done));
    });
  }

 private:
  void run(device::Completion& done) {
    device::Batch& batch = done.batch;
    std::vector<std::int64_t> rows;
    for (std::int64_t i = 0; i < batch.rows; ++i) {
      float row = 0;
      std::memcpy(&row, batch.inputs[0].data() + static_cast<std::size_t>(i) * 2 * sizeof(float),
                  sizeof(row));
      rows.push_back(static_cast<std::int64_t>(row));
    }
    if (batch.rows > traits_.most_rows) {
      done.error = device::no_memory_text(batch.rows);
      done.no_memory = true;
    } else if (std::any_of(rows.begin(), rows.end(), is_poison_row) ||
               world_.random().chance(traits_.failing)) {
      done.error = "the device reports error 7";
    }
    if (!done.error.empty()) {
      if (batch.rows == 1) deeds_.failed_alone.insert(rows[0]);
      return;
    }
    AlignedBuffer output(rows.size() * kOutputsPerRow * sizeof(float));
    auto* to = reinterpret_cast<float*>(output.data());
    for (const std::int64_t row : rows) {
      make_output(row, to);
      if (traits_.wrong) {
        to[1] += 1;
        deeds_.wrong.insert(row);
      }
      to += kOutputsPerRow;
    }
    batch.outputs.push_back(std::move(output));
  }

  World& world_;
  const int process_;
  const DeviceTraits traits_;
  DeviceDeeds& deeds_;
  const std::shared_ptr<device::CompletionSink> sink_;
  std::vector<Duration> free_at_;  ///< by instance
  const device::DeviceInfo info_;
  device::ModelId models_ = 0;
  std::int64_t batches_ = 0;
};

}  // namespace

std::shared_ptr<const model::Model> the_model() {
  static const std::shared_ptr<const model::Model> model = [] {
    testing::OnnxBuilder builder;
    builder.input("x", {"N", "2"})
        .weights("w", {2, 3})
        .node("MatMul", {"x", "w"}, {"y"})
        .output("y", {"N", "3"});
    return model::Model::from_bytes(builder.bytes(), "simulated.onnx");
  }();
  return model;
}

void make_input(std::int64_t row, float* to) {
  to[0] = static_cast<float>(row);
  to[1] = static_cast<float>(mixed(row));
}

void make_output(std::int64_t row, float* to) {
  to[0] = static_cast<float>(row) + 0.5F;
  to[1] = static_cast<float>(mixed(row));
  to[2] = is_nan_row(row) ? std::numeric_limits<float>::quiet_NaN() : 1;
}

bool is_nan_row(std::int64_t row) { return mixed(row) % 61 == 7; }
bool is_poison_row(std::int64_t row) { return mixed(row) % 83 == 5; }

std::unique_ptr<device::Device> make_sim_device(World& world, int process, DeviceTraits traits,
                                                DeviceDeeds& deeds, device::CompletionSink sink) {
  return std::make_unique<SimDevice>(world, process, traits, deeds, std::move(sink));
}

}  // namespace widepipe::simulation
