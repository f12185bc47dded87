#include "schedule/static_policy.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "schedule/greedy_policy.h"
#include "schedule/packing.h"
#include "schedule/serving_plans.h"

namespace widepipe::schedule {
namespace {

InstanceSpec spec_on(const Cluster& cluster, const ServingDevice& device, ModelId model,
                     const StaticSetting& setting) {
  return fitted({model, setting.choice, setting.batch}, *cluster.models[model].costs, device.cores);
}

double bytes_of(const Cluster& cluster, const InstanceSpec& spec) {
  return cluster.models[spec.model].costs->instance_bytes(spec.max_batch);
}

/// Of an instance of each model.
double bytes_of_all(const Cluster& cluster, const std::vector<StaticSetting>& settings) {
  double all = 0;
  for (ModelId model = 0; model < settings.size(); ++model) {
    all += cluster.models[model].costs->instance_bytes(settings[model].batch);
  }
  return all;
}

/// Where not all models have room: each device begins with the first that its neighbour, if that is
/// like it, has no room for.
std::size_t first_model_on(const Cluster& cluster, const ServingDevice& device,
                           const std::vector<StaticSetting>& settings) {
  if (bytes_of_all(cluster, settings) <= device.memory) return 0;
  std::size_t first = 0;
  for (std::uint32_t neighbour = 0; neighbour < device.number; ++neighbour) {
    double left = device.memory;
    for (std::size_t seen = 0; seen < settings.size(); ++seen) {
      const double bytes =
          bytes_of(cluster, spec_on(cluster, device, static_cast<ModelId>(first), settings[first]));
      if (bytes <= device.memory) left -= bytes;  // else no device like this one takes it
      if (left < 0) break;
      first = (first + 1) % settings.size();
    }
  }
  return first;
}

/// One of each model first.
std::vector<InstanceSpec> instances_on(const Cluster& cluster, const ServingDevice& device,
                                       const std::vector<StaticSetting>& settings) {
  const std::size_t models = settings.size();
  const std::size_t first = first_model_on(cluster, device, settings);
  std::vector<InstanceSpec> instances;
  double left = device.memory;
  for (int round = 0;; ++round) {
    bool more = false;
    for (std::size_t step = 0; step < models; ++step) {
      const std::size_t model = (first + step) % models;
      if (round >= settings[model].instances) continue;
      more = true;
      const InstanceSpec spec =
          spec_on(cluster, device, static_cast<ModelId>(model), settings[model]);
      if (bytes_of(cluster, spec) > left) continue;
      left -= bytes_of(cluster, spec);
      instances.push_back(spec);
    }
    if (!more) return instances;
  }
}

Instances packed(const Cluster& cluster, const std::vector<StaticSetting>& settings) {
  std::vector<double> shares;
  std::vector<ModelWay> ways;
  for (ModelId model = 0; model < settings.size(); ++model) {
    const StaticSetting& setting = settings[model];
    const Seconds solo = cluster.models[model].costs->at(setting.choice, setting.batch).solo;
    shares.push_back(setting.share);
    ways.push_back({.point = {setting.choice, setting.batch, solo},
                    .largest = setting.batch,
                    .usual = setting.batch});
  }
  const std::vector<double> rates = moderate_rates(cluster, shares, ways);
  std::vector<PackedModel> models;
  for (ModelId model = 0; model < settings.size(); ++model) {
    models.push_back({rates[model], ways[model]});
  }
  Instances instances;
  const std::vector<DeviceState> devices(cluster.devices.size());
  pack(cluster, models, devices, {}, instances);
  return instances;
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
  const bool shared = std::any_of(settings.begin(), settings.end(),
                                  [](const StaticSetting& setting) { return setting.share > 0; });
  if (shared) {
    plan.instances = packed(cluster, settings);
    return;
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

std::vector<StaticSetting> first_static_settings(const Cluster& cluster,
                                                 std::span<const double> shares) {
  constexpr int kInstances = 2;
  constexpr int kBulkCores = 4;
  const GreedySettings greedy;
  const int cores = most_cores(cluster);
  const std::vector<Seconds> slo = tightest_slo(cluster);
  std::vector<StaticSetting> settings;
  const auto timeout = [&](ModelId model, Seconds solo) {
    return std::isinf(slo[model]) ? 0 : std::max(slo[model] - greedy.stretch * solo, 0.0);
  };
  for (ModelId model = 0; model < cluster.models.size(); ++model) {
    const NetworkCosts& costs = *cluster.models[model].costs;
    const OperatingPoint point =
        std::isinf(slo[model])
            ? largest_point(costs, kBulkCores, kBulkCores * least_memory_per_core(cluster))
            : cheapest_point(costs, cores, greedy.budget * slo[model]);
    settings.push_back({point.choice, point.batch, timeout(model, point.solo), kInstances});
  }
  const bool deadlines =
      std::all_of(slo.begin(), slo.end(), [](Seconds limit) { return std::isfinite(limit); });
  if (!deadlines || !most_have_less_than(bytes_of_all(cluster, settings), cluster)) {
    return settings;
  }
  std::vector<std::vector<ModelWay>> ways;
  std::vector<ModelWay> smallest;
  for (ModelId model = 0; model < cluster.models.size(); ++model) {
    const NetworkCosts& costs = *cluster.models[model].costs;
    ways.push_back(ways_by_size(costs, most_memory(cluster), [&](double bytes, int /*limit*/) {
      const OperatingPoint point = cheapest_point(costs, cores, greedy.budget * slo[model], bytes);
      return ModelWay{.point = point, .largest = point.batch, .usual = point.batch};
    }));
    smallest.push_back(ways.back().front());
  }
  const std::vector<double> rates =
      moderate_rates(cluster, {shares.begin(), shares.end()}, smallest);
  std::vector<ModelDemand> demands;
  for (ModelId model = 0; model < cluster.models.size(); ++model) {
    demands.push_back({rates[model], timeout(model, smallest[model].point.solo), ways[model]});
  }
  const std::vector<DeviceState> devices(cluster.devices.size());
  const std::vector<ModelWay> chosen = choose_ways(cluster, devices, demands);
  for (ModelId model = 0; model < cluster.models.size(); ++model) {
    const OperatingPoint& point = chosen[model].point;
    settings[model] = {.choice = point.choice,
                       .batch = point.batch,
                       .timeout = timeout(model, point.solo),
                       .share = shares[model]};
  }
  return settings;
}

}  // namespace widepipe::schedule
