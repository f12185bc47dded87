#pragma once
// What the learned policy looks at.

#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "schedule/request_policy.h"
#include "schedule/serving_plans.h"

namespace widepipe::schedule {

/// Smooth, from -most to most.
inline double within(double value, double most) { return most * std::tanh(value / most); }

/// Of one model beside all; numbers about 0, most of them between -1 and 1, however many devices
/// and models there are.
enum ModelFeature {
  kOne,        ///< 1
  kTight,      ///< log of the SLO as a multiple of the shortest batch, about 7
  kLoad,       ///< of all devices: the part that what arrives would take, about 0.6
  kPopular,    ///< log of the model's part of that, beside an equal one
  kGathers,    ///< how long a full batch gathers, beside the SLO
  kGains,      ///< log of what a request costs alone, beside one in a full batch, about 1
  kBandwidth,  ///< of what a batch takes of a device: bandwidth or cores
  kMisses,     ///< log of the share of its requests that missed of late, beside that of all
  kSlowness,   ///< 1 less the mean of devices' estimated speeds
  kLate,       ///< how long batches are on their way, beside the SLO
  kUnsteady,   ///< how far times of batches are from what is expected of their devices
  kSurprise,   ///< by how much its batches took longer of late than was expected when they left
  kWaiting,    ///< log of what waits, beside a batch
  kRising,     ///< log of what has arrived since the last plan, beside what was expected
  kLoaded,     ///< log of its instances, beside those that would be busy all the time
  kCostly,     ///< log of what a request takes of devices, beside the mean of all
  kModelFeatures
};
using ModelFeatures = std::array<double, kModelFeatures>;

/// Of all models and devices together.
enum SharedFeature {
  kAlways,
  kAllLoad,
  kAllMisses,  ///< log of the share of all requests that missed of late, about 1 in 100
  kAllSlowness,
  kAllLate,
  kAllUnsteady,
  kMemory,   ///< log of what one instance of each model would take, beside what a device has
  kChanges,  ///< the part of what arrived since the last plan that was not expected
  kSharedFeatures
};
using SharedFeatures = std::array<double, kSharedFeatures>;

struct Features {
  std::vector<ModelFeatures> models;
  SharedFeatures shared{};
  double few = 0;  ///< 1 where at most four batches run at a time on all devices, 0 from 16 on
};

/// Requests that have ended.
struct Ended {
  double missed = 0;
  double all = 0;
};

/// Makes features of what is seen from plan to plan.
class FeatureWatch {
 public:
  /// Before all else. `cores`: of the largest device.
  void look_at(const Cluster& cluster, int cores);
  /// Behind look_at(). `ways`: how models are run where memory does not matter.
  void expect(const Cluster& cluster, std::span<const OperatingPoint> ways);
  /// Once for each plan; gives what has ended since the last one.
  Ended follow(const ServingObservation& seen);
  /// Behind follow(). `ways`: how models are run.
  Features features(const ServingObservation& seen, std::span<const OperatingPoint> ways) const;
  /// By model.
  const std::vector<Seconds>& slo() const { return slo_; }

 private:
  Ended follow_misses(const ServingObservation& seen, double weight);
  void follow_surprises(const ServingObservation& seen, double weight);
  void follow_arrivals(const ServingObservation& seen);
  /// `memory`: of a device.
  SharedFeatures shared(const std::vector<ModelFeatures>& models, double memory) const;

  int cores_ = 1;
  double bytes_ = 0;               ///< of one instance of each model
  std::vector<Seconds> slo_;       ///< by model: the tightest
  std::vector<Seconds> shortest_;  ///< by model: the shortest batch
  std::vector<double> missed_;     ///< by model, of late: the share of its requests
  double all_missed_ = 0;
  std::vector<double> surprise_;  ///< by model, of late: times by what was expected, less 1
  std::vector<double> expected_;  ///< by model: requests a second, as of the last plan
  std::vector<double> rising_;    ///< by model: the feature
  double changes_ = 0;            ///< the feature
};

}  // namespace widepipe::schedule
