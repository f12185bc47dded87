#pragma once

#include <vector>

#include "schedule/packing.h"
#include "schedule/placement.h"
#include "schedule/request_policy.h"
#include "schedule/serving_plans.h"

namespace widepipe::schedule {

/// The plan of policies that run each model in one way: instances of one kind, in proportion to
/// what arrives, and rules that never change. Where devices have no room for all models, the way
/// and the rules follow what arrives, too. Policies differ in the way, and in what they choose of
/// an offer.
class OneKindPolicy : public RequestPolicy {
 public:
  void plan(const ServingObservation& seen, ServingPlan& plan) override;

 protected:
  /// As of rebalance().
  explicit OneKindPolicy(double hysteresis = kUsualHysteresis) { packing_.hysteresis = hysteresis; }

  /// Before all else.
  virtual void look_at(const Cluster& /*cluster*/) {}
  /// Before each plan. True if points and rules may be others than they were.
  virtual bool adapt(const ServingObservation& /*seen*/) { return false; }
  /// How a model is run, for the tightest SLO of its streams, in instances of at most so many
  /// bytes, if there are such.
  virtual OperatingPoint point_of(ModelId model, const NetworkCosts& costs, Seconds slo,
                                  double instance_bytes) const = 0;
  virtual StreamRule rule_of(ModelId model, const OperatingPoint& point, Seconds slo) const = 0;
  /// Of an instance.
  virtual int largest_batch(ModelId model, const OperatingPoint& point, const NetworkCosts& costs,
                            Seconds slo) const = 0;
  /// How much of a model there should be, as a multiple of its part of what is asked for.
  virtual double wanted(ModelId /*model*/) const { return 1; }

  int cores() const { return cores_; }  ///< of the largest device
  /// How models are run, by model, as of the last plan; empty before the first.
  const std::vector<OperatingPoint>& points() const { return points_; }
  /// Of the stream's rule.
  int full(StreamId stream) const { return full_[stream]; }
  /// Whether devices have no room for all models, as of the last plan.
  bool packed() const { return packed_; }

  PackingSettings packing_;  ///< its hysteresis is that of rebalance(), too

 private:
  void decide(const Cluster& cluster, ServingPlan& plan);
  void choose_points(const Cluster& cluster);
  double points_with(const Cluster& cluster, double instance_bytes);
  void set_rules(const Cluster& cluster, ServingPlan& plan);
  void find_ways(const Cluster& cluster);
  void plan_packed(const ServingObservation& seen, ServingPlan& plan);
  std::vector<ModelNeed> needs_of(const ServingObservation& seen) const;

  int cores_ = 1;
  std::vector<OperatingPoint> points_;       ///< by model
  std::vector<int> largest_;                 ///< batch of an instance, by model
  std::vector<int> full_;                    ///< by stream
  std::vector<std::vector<ModelWay>> ways_;  ///< by model, where devices have no room for all
  bool placed_ = false;
  bool packed_ = false;
};

}  // namespace widepipe::schedule
