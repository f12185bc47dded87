#include "device/auto_device.h"

#include <array>
#include <chrono>
#include <mutex>
#include <utility>

#include "device/device_list.h"

namespace widepipe::device {
namespace {

using Clock = std::chrono::steady_clock;

class AutoDevice final : public Device {
 public:
  AutoDevice(const DeviceKind& first, const DeviceKind* second, DeviceConfig config,
             CompletionSink sink)
      : kinds_{&first, second},
        config_(std::move(config)),
        sink_(std::move(sink)),
        info_{std::string(kAutoDevice), "the built-in device, or another for what it cannot run",
              config_.instances, config_.cores_per_instance} {
    device_for(0);  // so that what is wrong with the configuration is said at once
  }

  const DeviceInfo& info() const override { return info_; }

  std::optional<std::string> declines(const model::Model& model) const override {
    return device_for(side_of(model)).declines(model);
  }

  ModelId load(std::shared_ptr<const model::Model> model) override {
    const std::size_t side = side_of(*model);
    const ModelId id = device_for(side).load(std::move(model));
    const std::lock_guard lock(mutex_);
    places_.push_back({side, id});
    return static_cast<ModelId>(places_.size() - 1);
  }

  void submit(Batch batch) override {
    Place place{0, batch.model};  // of no model: the device will say so
    {
      const std::lock_guard lock(mutex_);
      if (batch.model < places_.size()) place = places_[batch.model];
    }
    batch.model = place.id;
    device_for(place.side).submit(std::move(batch));
  }

  std::size_t memory_bytes() const override {
    std::size_t total = 0;
    for (const Side& side : sides_) total += side.device ? side.device->memory_bytes() : 0;
    return total;
  }

 private:
  struct Place {
    std::size_t side = 0;
    ModelId id = 0;  ///< there
  };
  struct Side {
    double made_at_seconds = 0;
    std::unique_ptr<Device> device;
  };

  std::size_t side_of(const model::Model& model) const {
    return kinds_[1] != nullptr && !model.onnx().empty() ? 1 : 0;
  }

  Device& device_for(std::size_t index) const {
    Side& side = sides_[index];
    if (!side.device) {
      side.made_at_seconds = std::chrono::duration<double>(Clock::now() - made_at_).count();
      DeviceConfig config = config_;
      if (index == 0) config.precision = "f32";  // what it has; the choice is the second's
      side.device = kinds_[index]->make(
          config, [this, index](Completion done) { give_back(index, std::move(done)); });
    }
    return *side.device;
  }

  void give_back(std::size_t index, Completion done) const {
    {
      const std::lock_guard lock(mutex_);
      for (std::size_t id = 0; id < places_.size(); ++id) {
        if (places_[id].side == index && places_[id].id == done.batch.model) {
          done.batch.model = static_cast<ModelId>(id);
          break;
        }
      }
    }
    done.finished_at_seconds += sides_[index].made_at_seconds;
    sink_(std::move(done));
  }

  const std::array<const DeviceKind*, 2> kinds_;
  const DeviceConfig config_;
  const CompletionSink sink_;
  const DeviceInfo info_;
  const Clock::time_point made_at_ = Clock::now();
  mutable std::mutex mutex_;
  std::vector<Place> places_;          ///< by model
  mutable std::array<Side, 2> sides_;  // last: gone before what they report to
};

}  // namespace

std::unique_ptr<Device> make_auto_device(const DeviceKind& first, const DeviceKind* second,
                                         DeviceConfig config, CompletionSink sink) {
  return std::make_unique<AutoDevice>(first, second, std::move(config), std::move(sink));
}

}  // namespace widepipe::device
