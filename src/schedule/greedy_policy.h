#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "schedule/bulk_rules.h"
#include "schedule/one_kind_policy.h"
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
  /// Of an instance: at most so many times as large as what the plan is made for, as far as that
  /// pays.
  double spare_batch = 2;
  /// Models must be scarcer than others by so many times to be worth loading.
  double hysteresis = kUsualHysteresis;
};

/// For each batch, of what the device has idle, the cheapest cores and size that answer the first
/// request in time. Requests are held back for a fuller batch while their deadline allows it,
/// unless a device has nothing to do. Where devices are short, the first are given up for the sake
/// of fuller batches: some at the cost of a batch, others because smaller batches have lost as many
/// since the shortage began, which would go on. Instances follow the rates at which requests
/// arrive. Its constants may be others for each model, and change from plan to plan, for those who
/// derive.
class GreedyPolicy : public OneKindPolicy {
 public:
  explicit GreedyPolicy(const GreedySettings& settings = {});

  std::string_view name() const override { return "greedy"; }
  std::optional<Choice> choose(const Offer& offer) override;

 protected:
  /// Constants of one model.
  struct Dials {
    double budget = 0;
    double stretch = 0;
    double spare_batch = 0;
    double cores_count = kCoresCount;  ///< as of cost_per_request()
    double caution = 1;  ///< batches are taken to be out for so many times as long as expected
    double drift = 0;    ///< what runs beside them, as of Offer::takes()
    double lead = 0;     ///< of SLOs: their turn comes as if deadlines were so much sooner
    double slow = 0;     ///< as of StreamRule
    double pays = kWorthBlocking;  ///< as of no_larger_than_pays()
  };
  /// Constants of all.
  struct SharedDials {
    double sacrifice = 0;
    double idle_share = 0;
  };

  void look_at(const Cluster& cluster) override;
  bool adapt(const ServingObservation& seen) override;
  OperatingPoint point_of(ModelId model, const NetworkCosts& costs, Seconds slo,
                          double instance_bytes) const override;
  StreamRule rule_of(ModelId model, const OperatingPoint& point, Seconds slo) const override;
  int largest_batch(ModelId model, const OperatingPoint& point, const NetworkCosts& costs,
                    Seconds slo) const override;

  const Dials& usual_dials() const { return usual_; }
  const SharedDials& usual_shared() const { return usual_shared_; }

  std::vector<Dials> dials_;  ///< by model
  SharedDials shared_;

 private:
  /// Of a stream that waits for devices, since it does.
  struct Shortage {
    double lost = 0;      ///< requests: expired, and those that full batches would have served more
    bool strict = false;  ///< requests may be given up for nothing, so that batches are large
    std::uint64_t expired = 0;  ///< Offer's, the last time
    std::uint64_t number = 0;   ///< likewise
  };
  double worth(const Offer& offer, const Choice& choice, double sacrifice) const;
  Choice without_the_first(const Offer& offer, const Choice& choice, int limit,
                           double sacrifice) const;
  Seconds end_of(const Offer& offer, std::uint32_t choice, int batch) const;
  bool fast(const Offer& offer) const;
  bool strict(const Offer& offer) const { return shortage_[offer.stream].strict && fast(offer); }
  void follow_shortage(const Offer& offer);
  void count_loss(const Offer& offer, const Choice& choice);

  const Dials usual_;
  const SharedDials usual_shared_;
  std::vector<ModelId> model_of_;   ///< by stream
  std::vector<Shortage> shortage_;  ///< by stream
  double usual_speed_ = 1;          ///< of devices: the median
  BulkRules bulk_;                  ///< without deadlines
};

std::unique_ptr<RequestPolicy> make_greedy_policy(const GreedySettings& settings = {});

}  // namespace widepipe::schedule
