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
  /// Of all requests: what the model is provided for where models are packed (packing.h), and not
  /// on every device; `instances` is not used then. 0 for all models: they are not packed.
  double share = 0;

  bool operator==(const StaticSetting&) const = default;
};

/// Each model has its setting on every device; nothing changes, whatever arrives. One central queue
/// a model, from which devices take what is due. `settings`: by model; a device holds as many
/// instances as its memory allows, one of each model first, and where not all have room others than
/// its neighbours.
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

/// Where the tuner starts: as if each model had a fair share of a device, and what greedy would
/// plan. Where most devices have no room for that, models are packed by `shares`, of all requests.
std::vector<StaticSetting> first_static_settings(const Cluster& cluster,
                                                 std::span<const double> shares);

}  // namespace widepipe::schedule
