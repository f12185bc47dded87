#include "schedule/static_policy.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "schedule/greedy_policy.h"
#include "schedule/serving_plans.h"

namespace widepipe::schedule {
namespace {

/// One of each model first. Where not all have room, other devices begin with other ones.
std::vector<InstanceSpec> instances_on(const Cluster& cluster, const ServingDevice& device,
                                       const std::vector<StaticSetting>& settings) {
  const std::size_t models = settings.size();
  const auto spec_of = [&](std::size_t model) {
    return fitted({static_cast<ModelId>(model), settings[model].choice, settings[model].batch},
                  *cluster.models[model].costs, device.cores);
  };
  const auto bytes_of = [&](const InstanceSpec& spec) {
    return cluster.models[spec.model].costs->instance_bytes(spec.max_batch);
  };
  double all = 0;
  for (std::size_t model = 0; model < models; ++model) all += bytes_of(spec_of(model));
  const std::size_t first = all > device.memory ? device.number : 0;
  std::vector<InstanceSpec> instances;
  double left = device.memory;
  for (int round = 0;; ++round) {
    bool more = false;
    for (std::size_t step = 0; step < models; ++step) {
      const std::size_t model = (first + step) % models;
      if (round >= settings[model].instances) continue;
      more = true;
      const InstanceSpec spec = spec_of(model);
      if (bytes_of(spec) > left) continue;
      left -= bytes_of(spec);
      instances.push_back(spec);
    }
    if (!more) return instances;
  }
}

class StaticPolicy final : public RequestPolicy {
 public:
  explicit StaticPolicy(std::vector<StaticSetting> settings) : settings_(std::move(settings)) {}

  std::string_view name() const override { return "static-central"; }

  void plan(const ServingObservation& seen, ServingPlan& plan) override {
    if (!std::exchange(planned_, true)) apply_settings(*seen.cluster, settings_, plan);
  }

  std::optional<Choice> choose(const Offer& offer) override { return choose_most(offer); }

 private:
  const std::vector<StaticSetting> settings_;
  bool planned_ = false;
};

class UniformPolicy final : public RequestPolicy {
 public:
  UniformPolicy(int cores, const StaticSetting& setting) : cores_(cores), setting_(setting) {}

  std::string_view name() const override { return "fixed"; }

  void plan(const ServingObservation& seen, ServingPlan& plan) override {
    if (std::exchange(planned_, true)) return;
    std::vector<StaticSetting> settings;
    for (const ServedModel& model : seen.cluster->models) {
      StaticSetting& setting = settings.emplace_back(setting_);
      const std::vector<int>& choices = model.costs->core_choices();
      while (setting.choice + 1 < choices.size() && choices[setting.choice + 1] <= cores_) {
        ++setting.choice;
      }
      setting.batch = std::min(setting.batch, model.costs->max_batch());
    }
    apply_settings(*seen.cluster, settings, plan);
  }

  std::optional<Choice> choose(const Offer& offer) override { return choose_most(offer); }

 private:
  const int cores_;
  const StaticSetting setting_;
  bool planned_ = false;
};

}  // namespace

void apply_settings(const Cluster& cluster, const std::vector<StaticSetting>& settings,
                    ServingPlan& plan) {
  if (settings.size() != cluster.models.size()) {
    throw std::logic_error("static settings for other models");
  }
  for (StreamId id = 0; id < cluster.streams.size(); ++id) {
    const StaticSetting& setting = settings[cluster.streams[id].model];
    plan.rules[id] = {.full = setting.batch, .hold = setting.timeout};
  }
  for (DeviceId id = 0; id < cluster.devices.size(); ++id) {
    plan.instances[id] = instances_on(cluster, cluster.devices[id], settings);
  }
}

std::optional<Choice> choose_most(const Offer& offer) {
  for (std::uint32_t choice = 0; choice < offer.idle.size(); ++choice) {
    if (offer.idle[choice] == 0) continue;
    const int batch = static_cast<int>(
        std::min<std::size_t>(offer.waiting, static_cast<std::size_t>(offer.idle[choice])));
    return Choice{choice, batch,
                  batch == offer.idle[choice] ? CloseReason::kFull : CloseReason::kTimeout};
  }
  return std::nullopt;
}

std::unique_ptr<RequestPolicy> make_static_policy(std::vector<StaticSetting> settings) {
  return std::make_unique<StaticPolicy>(std::move(settings));
}

std::unique_ptr<RequestPolicy> make_uniform_policy(int cores, int batch, Seconds timeout,
                                                   int instances) {
  return std::make_unique<UniformPolicy>(
      cores, StaticSetting{.batch = batch, .timeout = timeout, .instances = instances});
}

std::vector<StaticSetting> first_static_settings(const Cluster& cluster) {
  constexpr int kInstances = 2;
  constexpr int kBulkCores = 4;
  const GreedySettings greedy;
  const int cores = most_cores(cluster);
  const std::vector<Seconds> slo = tightest_slo(cluster);
  std::vector<StaticSetting> settings;
  for (ModelId model = 0; model < cluster.models.size(); ++model) {
    const NetworkCosts& costs = *cluster.models[model].costs;
    const OperatingPoint point =
        std::isinf(slo[model])
            ? largest_point(costs, kBulkCores, kBulkCores * least_memory_per_core(cluster))
            : cheapest_point(costs, cores, greedy.budget * slo[model]);
    const Seconds timeout =
        std::isinf(slo[model]) ? 0 : std::max(slo[model] - greedy.stretch * point.solo, 0.0);
    settings.push_back({point.choice, point.batch, timeout, kInstances});
  }
  return settings;
}

}  // namespace widepipe::schedule
