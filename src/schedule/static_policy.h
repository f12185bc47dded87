#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "schedule/request_policy.h"

namespace widepipe::schedule {

/// What a model's instances are set to, once and for all, as in the configuration of a model
/// server.
struct StaticSetting {
  std::uint32_t choice = 0;  ///< of cores
  int batch = 1;             ///< the largest
  Seconds timeout = 0;       ///< of the first request of a batch, before it leaves without more
  int instances = 1;         ///< on each device
  /// Of all requests: what the model is provided for where devices have no room for all models.
  /// 0 for all models: then each device has what fits, and others than its neighbours.
  double share = 0;

  bool operator==(const StaticSetting&) const = default;
};

/// Each model has its setting on every device; nothing changes, whatever arrives. One central queue
/// a model, from which devices take what is due. `settings`: by model; a device holds as many
/// instances as its memory allows, one of each model first. Where devices have no room for all
/// models, they are packed (packing.h) by the shares that the settings name, if they do.
std::unique_ptr<RequestPolicy> make_static_policy(std::vector<StaticSetting> settings);

/// The same setting for all models, however many there are; instances of so many cores, or of as
/// many as there may be.
std::unique_ptr<RequestPolicy> make_uniform_policy(int cores, int batch, Seconds timeout,
                                                   int instances);

/// What a plan with these settings is: for all devices, and the rules of all streams.
void apply_settings(const Cluster& cluster, const std::vector<StaticSetting>& settings,
                    ServingPlan& plan);
/// As much of what waits as the idle instance on fewest cores takes.
std::optional<Choice> choose_most(const Offer& offer);

/// Devices have no room for an instance of each model.
bool has_no_room(const Cluster& cluster, const std::vector<StaticSetting>& settings);

/// Where the tuner starts: as if each model had a fair share of a device, and what greedy would
/// plan. Where devices have no room for that, what it would plan for these shares of all requests,
/// by model.
std::vector<StaticSetting> first_static_settings(const Cluster& cluster,
                                                 std::span<const double> shares);

}  // namespace widepipe::schedule
