#pragma once
// What tests of the request scheduler share.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "schedule/placement.h"
#include "schedule/request_dispatcher.h"
#include "schedule/request_policy.h"
#include "schedule/request_scheduler.h"

namespace widepipe::schedule {

/// On one core 1 ms and 1 ms a sample; on two cores a little more than half.
inline std::shared_ptr<NetworkCosts> costs(double milliseconds = 1, int max_batch = 8) {
  std::vector<NetworkCosts::Cell> cells;
  for (const double speed : {1.0, 1.8, 3.0}) {
    for (int batch = 1; batch <= max_batch; ++batch) {
      cells.push_back({milliseconds * 1e-3 * (1 + batch) / speed, 0.1});
    }
  }
  auto made = std::make_shared<NetworkCosts>("n", std::vector<int>{1, 2, 4}, max_batch, cells);
  made->weight_bytes = 100;
  made->bytes_per_sample = 10;
  return made;
}

inline Cluster cluster_of(int devices, int models, Seconds slo, double memory = 1000) {
  Cluster cluster;
  for (int i = 0; i < models; ++i) {
    cluster.models.push_back({"m" + std::to_string(i), costs(1 + i)});
    cluster.streams.push_back({"s" + std::to_string(i), static_cast<ModelId>(i), slo});
  }
  cluster.devices.assign(static_cast<std::size_t>(devices), {4, memory});
  return cluster;
}

inline std::vector<int> copies_by_model(const Instances& instances, std::size_t models) {
  std::vector<int> count(models, 0);
  for (const auto& on_device : instances) {
    for (const InstanceSpec& spec : on_device) ++count[spec.model];
  }
  return count;
}

/// Instances that are on a device in one and not in the other.
inline std::size_t moved(const Instances& before, const Instances& after, std::size_t device) {
  std::vector<InstanceSpec> a = before[device];
  std::vector<InstanceSpec> b = after[device];
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  std::vector<InstanceSpec> added;
  std::set_difference(b.begin(), b.end(), a.begin(), a.end(), std::back_inserter(added));
  return added.size();
}

/// As many as wait, on what is idle first.
inline std::optional<Choice> all_that_wait(const Offer& offer) {
  for (std::uint32_t choice = 0; choice < offer.idle.size(); ++choice) {
    if (offer.idle[choice] == 0) continue;
    return Choice{choice,
                  static_cast<int>(std::min<std::size_t>(
                      offer.waiting, static_cast<std::size_t>(offer.idle[choice]))),
                  CloseReason::kFull};
  }
  return std::nullopt;
}

/// What became of requests and batches; fails if one request ends twice.
struct Ledger final : RequestEvents {
  std::map<RequestId, Seconds> answers;
  std::set<RequestId> drops;
  std::vector<ClosedBatch> batches;
  int ejections = 0;
  int readmissions = 0;

  void answered(StreamId, const Request& request, Seconds now) override {
    EXPECT_TRUE(answers.emplace(request.id, now).second) << "answered twice";
    EXPECT_FALSE(drops.contains(request.id)) << "answered, though dropped";
  }
  void dropped(StreamId, const Request& request, Seconds) override {
    EXPECT_TRUE(drops.insert(request.id).second) << "dropped twice";
    EXPECT_FALSE(answers.contains(request.id)) << "dropped, though answered";
  }
  void closed(const ClosedBatch& batch) override { batches.push_back(batch); }
  void ejected(DeviceId, Seconds) override { ++ejections; }
  void readmitted(DeviceId, Seconds) override { ++readmissions; }
};

/// Does as it is told.
class ScriptedPolicy final : public RequestPolicy {
 public:
  using Chooser = std::function<std::optional<Choice>(const Offer&)>;
  ScriptedPolicy(std::vector<InstanceSpec> instances, StreamRule rule, Chooser chooser)
      : instances_(std::move(instances)), rule_(rule), chooser_(std::move(chooser)) {}

  std::string_view name() const override { return "scripted"; }
  void plan(const ServingObservation& seen, ServingPlan& plan) override {
    plan.rules.assign(seen.streams.size(), rule_);
    plan.instances.assign(seen.devices.size(), instances_);
  }
  std::optional<Choice> choose(const Offer& offer) override { return chooser_(offer); }

 private:
  const std::vector<InstanceSpec> instances_;
  const StreamRule rule_;
  const Chooser chooser_;
};

struct Bench {
  Ledger ledger;
  RequestScheduler scheduler;
  std::vector<Order> orders;

  Bench(const Cluster& cluster, std::unique_ptr<RequestPolicy> policy,
        RequestSettings settings = {})
      : scheduler(cluster, std::move(policy), ledger, settings) {}

  void add(RequestId id, Seconds at, StreamId stream = 0) { scheduler.add(stream, {id, at}, at); }
  std::vector<Order> dispatch(Seconds now) {
    orders.clear();
    scheduler.dispatch(now, orders);
    return orders;
  }
  std::vector<Order> complete(const Order& run, Seconds busy, Seconds now, bool done = true) {
    orders.clear();
    scheduler.complete(run.batch, done, busy, now, orders);
    const std::vector<Order> more = orders;
    orders.clear();
    scheduler.dispatch(now, orders);
    orders.insert(orders.begin(), more.begin(), more.end());
    return orders;
  }
};

inline std::unique_ptr<RequestPolicy> plain(StreamRule rule, int max_batch = 4) {
  return std::make_unique<ScriptedPolicy>(std::vector<InstanceSpec>{{0, 0, max_batch}}, rule,
                                          all_that_wait);
}

}  // namespace widepipe::schedule
