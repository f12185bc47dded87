// Whatever policies plan and choose, and whatever becomes of batches: no request is lost or
// doubled, no device has more than its cores and memory.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "request_fixture.h"
#include "schedule/greedy_policy.h"
#include "schedule/load_balancer.h"
#include "schedule/request_scheduler.h"

namespace widepipe::schedule {
namespace {

/// Devices as they would be, from nothing but orders; says what was broken.
class DeviceOracle {
 public:
  /// `ahead`: a batch may wait on an instance for the one before, or for cores.
  DeviceOracle(const Cluster& cluster, const RequestDispatcher& scheduler, bool ahead)
      : cluster_(cluster), ahead_(ahead) {
    for (DeviceId id = 0; id < cluster_.devices.size(); ++id) {
      Device& device = devices_.emplace_back();
      for (const auto& instance : scheduler.device(id).instances()) {
        device.instances[instance.id] = {instance.spec, true, {}};
      }
    }
    check();
  }

  void take(const Order& order) {
    Device& device = devices_.at(order.device);
    if (order.kind == Order::Kind::kLoad) {
      RC_ASSERT(!device.instances.contains(order.instance));
      device.instances[order.instance] = {order.spec, false, {}};
    } else if (order.kind == Order::Kind::kUnload) {
      RC_ASSERT(device.instances.at(order.instance).loaded);
      RC_ASSERT(device.instances.at(order.instance).out.empty());
      device.instances.erase(order.instance);
    } else {
      Instance& instance = device.instances.at(order.instance);
      RC_ASSERT(instance.loaded && instance.out.size() < (ahead_ ? 2U : 1U));
      RC_ASSERT(order.size >= 1 && order.size <= instance.spec.max_batch);
      RC_ASSERT(cluster_.streams[order.stream].model == instance.spec.model);
      instance.out.insert(order.batch);
    }
    check();
  }
  void loaded(DeviceId device, InstanceId id) {
    devices_.at(device).instances.at(id).loaded = true;
  }
  void ended(const Order& order) {
    const auto found = devices_.at(order.device).instances.find(order.instance);
    if (found != devices_.at(order.device).instances.end()) found->second.out.erase(order.batch);
  }
  void cleared(DeviceId device) {
    std::erase_if(devices_.at(device).instances,
                  [](const auto& entry) { return !entry.second.loaded; });
    for (auto& [id, instance] : devices_.at(device).instances) instance.out.clear();
  }

 private:
  struct Instance {
    InstanceSpec spec;
    bool loaded = false;
    std::set<BatchId> out;
  };
  struct Device {
    std::map<InstanceId, Instance> instances;
  };

  void check() const {
    for (std::size_t id = 0; id < devices_.size(); ++id) {
      double bytes = 0;
      int cores = 0;
      for (const auto& [key, instance] : devices_[id].instances) {
        const NetworkCosts& costs = *cluster_.models[instance.spec.model].costs;
        bytes += costs.instance_bytes(instance.spec.max_batch);
        if (!instance.out.empty()) cores += costs.core_choices()[instance.spec.choice];
      }
      RC_ASSERT(bytes <= cluster_.devices[id].memory);
      if (!ahead_) RC_ASSERT(cores <= cluster_.devices[id].cores);
    }
  }

  const Cluster& cluster_;
  const bool ahead_;
  std::vector<Device> devices_;
};

/// Plans and chooses at random, also what cannot be.
class RandomPolicy final : public RequestPolicy {
 public:
  explicit RandomPolicy(std::uint64_t seed) : random_(seed) {}
  std::string_view name() const override { return "random"; }

  void plan(const ServingObservation& seen, ServingPlan& plan) override {
    for (StreamRule& rule : plan.rules) rule = {below(6) + 1, 1e-3 * below(20), 0.25 * below(5)};
    for (auto& instances : plan.instances) {
      if (below(2) == 0) continue;
      instances.clear();
      for (int i = below(9); i > 0; --i) {
        instances.push_back(
            {static_cast<ModelId>(below(static_cast<int>(seen.cluster->models.size()) + 1)),
             static_cast<std::uint32_t>(below(4)), below(10)});
      }
    }
  }
  std::optional<Choice> choose(const Offer& offer) override {
    if (below(5) == 0) return std::nullopt;
    if (below(5) == 0) {
      return Choice{static_cast<std::uint32_t>(below(5)), below(12) - 1, CloseReason::kFull,
                    below(8) - 1};
    }
    return all_that_wait(offer);
  }

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<std::uint64_t>(limit)); }
  std::mt19937_64 random_;
};

void run_at_random(std::uint64_t seed, bool balanced) {
  std::mt19937_64 random(seed);
  const auto below = [&](int limit) {
    return static_cast<int>(random() % static_cast<std::uint64_t>(limit));
  };
  const Cluster cluster =
      cluster_of(1 + below(4), 1 + below(4), 0.005 * (1 + below(10)), 200.0 * (1 + below(5)));
  Ledger ledger;
  const PolicyMaker make = [&]() -> std::unique_ptr<RequestPolicy> {
    if (below(3) == 0) return make_greedy_policy();
    return std::make_unique<RandomPolicy>(random());
  };
  const RequestSettings settings{
      .plan_period = 0.02, .most_waiting = 0.1 * (1 + below(20)), .order_ahead = below(2) == 0};
  std::unique_ptr<RequestDispatcher> made;
  if (balanced) {
    made = std::make_unique<LoadBalancer>(cluster, make, ledger, settings);
  } else {
    made = std::make_unique<RequestScheduler>(cluster, make(), ledger, settings);
  }
  RequestDispatcher& scheduler = *made;
  DeviceOracle oracle(cluster, scheduler, settings.order_ahead);
  std::vector<Order> out;
  std::vector<Order> loading;
  std::vector<Order> orders;
  std::vector<bool> ejected(cluster.devices.size());
  const auto take_orders = [&] {
    // Ejections happened before the orders that are new.
    for (DeviceId id = 0; id < cluster.devices.size(); ++id) {
      if (scheduler.device(id).ejected && !ejected[id]) {
        oracle.cleared(id);
        std::erase_if(loading, [id](const Order& order) { return order.device == id; });
      }
      ejected[id] = scheduler.device(id).ejected;
    }
    for (const Order& order : orders) {
      oracle.take(order);
      if (order.kind == Order::Kind::kRun) out.push_back(order);
      if (order.kind == Order::Kind::kLoad) loading.push_back(order);
    }
    orders.clear();
  };
  Seconds now = 0;
  RequestId next = 0;
  for (int step = 0; step < 400; ++step) {
    now += 1e-3 * below(4);
    switch (below(5)) {
      case 0:
      case 1:
        scheduler.add(static_cast<StreamId>(below(static_cast<int>(cluster.streams.size()))),
                      {next++, now}, now);
        break;
      case 2:
        scheduler.dispatch(now, orders);
        break;
      case 3:
        if (!out.empty()) {
          // An instance works on its batches one after the other.
          const Order& any = out[static_cast<std::size_t>(below(static_cast<int>(out.size())))];
          const auto first = std::find_if(out.begin(), out.end(), [&](const Order& one) {
            return one.device == any.device && one.instance == any.instance;
          });
          const Order order = *first;
          out.erase(first);
          oracle.ended(order);
          scheduler.complete(order.batch, below(20) != 0, 1e-3 * (1 + below(5)), now, orders);
        }
        break;
      default:
        if (!loading.empty()) {
          const Order order = loading.back();
          loading.pop_back();
          oracle.loaded(order.device, order.instance);
          scheduler.loaded(order.device, order.instance, now, orders);
        }
    }
    take_orders();
  }
  // Whatever is out comes back in the end, and what waits is given up.
  scheduler.drain();
  for (const Order& order : std::exchange(out, {})) {
    orders.clear();
    scheduler.complete(order.batch, true, 1e-3, now, orders);
    for (const Order& more : orders) {
      if (more.kind == Order::Kind::kRun) out.push_back(more);
    }
  }
  while (!out.empty()) {
    const Order order = out.front();
    out.erase(out.begin());
    orders.clear();
    scheduler.complete(order.batch, true, 1e-3, now, orders);
    for (const Order& more : orders) {
      if (more.kind == Order::Kind::kRun) out.push_back(more);
    }
  }
  scheduler.drop_all(now);
  RC_ASSERT(scheduler.drained());
  RC_ASSERT(ledger.answers.size() + ledger.drops.size() == next);
  for (const ClosedBatch& batch : ledger.batches) RC_ASSERT(batch.size >= 1);
}

TEST(RequestScheduler, LosesAndDoublesNothingAndKeepsToCoresAndMemoryWhateverHappens) {
  EXPECT_TRUE(rc::check("any policy, any fate of batches",
                        [](std::uint64_t seed) { run_at_random(seed, false); }));
}

TEST(LoadBalancer, LosesAndDoublesNothingAndKeepsToCoresAndMemoryWhateverHappens) {
  EXPECT_TRUE(rc::check("any policy, any fate of batches",
                        [](std::uint64_t seed) { run_at_random(seed, true); }));
}

}  // namespace
}  // namespace widepipe::schedule
