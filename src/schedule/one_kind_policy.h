#pragma once

#include <vector>

#include "schedule/request_policy.h"
#include "schedule/serving_plans.h"

namespace widepipe::schedule {

/// The plan of policies that run each model in one way: instances of one kind, in proportion to
/// what arrives, and rules that never change. They differ in the way, and in what they choose of an
/// offer.
class OneKindPolicy : public RequestPolicy {
 public:
  void plan(const ServingObservation& seen, ServingPlan& plan) override;

 protected:
  /// As of StickyPlanner.
  explicit OneKindPolicy(double hysteresis = kUsualHysteresis) : planner_(hysteresis) {}

  /// Before all else.
  virtual void look_at(const Cluster& /*cluster*/) {}
  /// How a model is run, for the tightest SLO of its streams.
  virtual OperatingPoint point_of(const NetworkCosts& costs, Seconds slo) const = 0;
  virtual StreamRule rule_of(const OperatingPoint& point, Seconds slo) const = 0;
  /// Of an instance.
  virtual int largest_batch(const OperatingPoint& point, const NetworkCosts& costs,
                            Seconds slo) const = 0;

  int cores() const { return cores_; }  ///< of the largest device
  /// Of the stream's rule.
  int full(StreamId stream) const { return full_[stream]; }

 private:
  void decide(const Cluster& cluster, ServingPlan& plan);
  std::vector<ModelNeed> needs_of(const ServingObservation& seen) const;

  int cores_ = 1;
  std::vector<Seconds> slo_;            ///< by model, the tightest
  std::vector<OperatingPoint> points_;  ///< by model
  std::vector<int> full_;               ///< by stream
  StickyPlanner planner_;
};

}  // namespace widepipe::schedule
