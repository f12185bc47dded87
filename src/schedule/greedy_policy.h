#pragma once

#include <memory>

#include "schedule/placement.h"
#include "schedule/request_policy.h"

namespace widepipe::schedule {

struct GreedySettings {
  /// The part of an SLO that a batch may take alone, for the plan.
  double budget = 0.4;
  /// Batches on a device slow each other down: that they take so many times as long as alone, and
  /// the answer is on its way, is reckoned with when the first request of a batch is held back.
  double stretch = 2;
  /// Where devices are short, the first requests are given up if they would make a batch small: as
  /// many as make it most for its cost, when each of them takes so many from what it serves.
  double sacrifice = 0.5;
  /// Requests are not held back while more than this share of devices have nothing to do. If they
  /// took the last ones, fuller batches on many cores would not find any.
  double idle_share = 0.25;
  /// Of an instance: larger than what the plan is made for, by so many times.
  int spare_batch = 2;
  /// Models must be scarcer than others by so many times to be worth loading.
  double hysteresis = kUsualHysteresis;
};

/// For each batch, of what the device has idle, the cheapest cores and size that answer the first
/// request in time. Requests are held back for a fuller batch while their deadline allows it,
/// unless a device has nothing to do. Instances follow the rates at which requests arrive.
std::unique_ptr<RequestPolicy> make_greedy_policy(const GreedySettings& settings = {});

}  // namespace widepipe::schedule
