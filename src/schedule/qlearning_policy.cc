#include "schedule/qlearning_policy.h"

#include <algorithm>
#include <array>
#include <random>
#include <stdexcept>
#include <utility>

#include "schedule/serving_plans.h"
#include "schedule/static_policy.h"

namespace widepipe::schedule {
namespace {

/// A decision for so many plans: loading models takes about as long as one.
constexpr int kPlansPerDecision = 2;
/// What the next decision is worth beside the reward.
constexpr double kDiscount = 0.6;

constexpr std::array kInstances = {1, 2, 4};
constexpr std::array kBatches = {4, 8, 16, 32};
// Borders of classes: shares of a device's memory and cores that are left, and of missed requests.
constexpr std::array kMemoryLeft = {0.2, 0.5};
constexpr std::array kCoresLeft = {0.01, 0.5};
constexpr std::array kMissed = {0.01, 0.1};
constexpr std::size_t kClasses = 3;
constexpr std::size_t kStates = kClasses * kClasses * kClasses;

std::size_t class_of(double value, const std::array<double, kClasses - 1>& borders) {
  return static_cast<std::size_t>(
      std::count_if(borders.begin(), borders.end(), [&](double b) { return value >= b; }));
}

std::size_t actions_of(const NetworkCosts& costs) {
  return costs.core_choices().size() * kInstances.size() * kBatches.size();
}

double share_in_time(std::int64_t in_time, std::int64_t missed) {
  const std::int64_t all = in_time + missed;
  return all == 0 ? 1 : static_cast<double>(in_time) / static_cast<double>(all);
}

class QLearningPolicy final : public RequestPolicy {
 public:
  QLearningPolicy(std::shared_ptr<QTable> table, const QLearning& learning)
      : table_(std::move(table)), learning_(learning), random_(learning.seed) {}

  std::string_view name() const override { return "qlearning"; }

  void plan(const ServingObservation& seen, ServingPlan& plan) override {
    if (models_.empty()) begin(*seen.cluster);
    count(seen);
    if (plans_++ % kPlansPerDecision != 0) return;
    decide(*seen.cluster);
    apply_settings(*seen.cluster, settings_, plan);
    for (Model& model : models_) model.in_time = model.missed = 0;
  }

  std::optional<Choice> choose(const Offer& offer) override { return choose_most(offer); }

 private:
  struct Model {
    std::size_t first = 0;  ///< in the table
    std::size_t actions = 0;
    bool decided = false;
    std::size_t cell = 0;  ///< of the last decision
    std::int64_t in_time = 0;
    std::int64_t missed = 0;
  };

  void begin(const Cluster& cluster) {
    std::size_t first = 0;
    for (const ServedModel& model : cluster.models) {
      models_.push_back({.first = first, .actions = actions_of(*model.costs)});
      first += kStates * models_.back().actions;
    }
    if (first != table_->size()) throw std::logic_error("a Q-table of other models");
    settings_.resize(models_.size());
    for (const ServingDevice& device : cluster.devices) {
      cores_ = std::max(cores_, static_cast<double>(device.cores));
      memory_ = std::max(memory_, device.memory);
    }
    slo_ = tightest_slo(cluster);
  }

  void count(const ServingObservation& seen) {
    for (StreamId id = 0; id < seen.streams.size(); ++id) {
      Model& model = models_[seen.cluster->streams[id].model];
      model.in_time += seen.streams[id].in_time;
      model.missed += seen.streams[id].missed;
    }
  }

  StaticSetting setting_of(std::size_t action, const NetworkCosts& costs, Seconds slo) const {
    const int batch = std::min(kBatches[action % kBatches.size()], costs.max_batch());
    action /= kBatches.size();
    const int instances = kInstances[action % kInstances.size()];
    const auto choice = static_cast<std::uint32_t>(action / kInstances.size());
    // As long as its deadline allows, if batches take twice as long as alone.
    const Seconds hold = std::max(slo - 2 * costs.at(choice, batch).solo, 0.0);
    return {choice, batch, hold, instances};
  }

  void decide(const Cluster& cluster) {
    std::int64_t in_time = 0;
    std::int64_t missed = 0;
    for (const Model& model : models_) {
      in_time += model.in_time;
      missed += model.missed;
    }
    const double all_in_time = share_in_time(in_time, missed);
    double memory = memory_;
    double cores = cores_;
    for (ModelId id = 0; id < models_.size(); ++id) {
      Model& model = models_[id];
      const NetworkCosts& costs = *cluster.models[id].costs;
      const double mine = share_in_time(model.in_time, model.missed);
      const std::size_t state = (class_of(memory / memory_, kMemoryLeft) * kClasses +
                                 class_of(cores / cores_, kCoresLeft)) *
                                    kClasses +
                                class_of(1 - mine, kMissed);
      const std::size_t row = model.first + state * model.actions;
      const std::size_t best = best_action(row, id, costs, memory);
      if (model.decided && learning_.rate > 0) {
        double& value = (*table_)[model.cell];
        const double reward = (mine + all_in_time) / 2;
        value += learning_.rate * (reward + kDiscount * (*table_)[row + best] - value);
      }
      const std::size_t action = explores() ? random_() % model.actions : best;
      model.cell = row + action;
      model.decided = true;
      settings_[id] = setting_of(action, costs, slo_[id]);
      memory -= settings_[id].instances * costs.instance_bytes(settings_[id].batch);
      cores -= settings_[id].instances * costs.core_choices()[settings_[id].choice];
    }
  }

  bool explores() {
    return learning_.explore > 0 &&
           std::uniform_real_distribution<double>()(random_) < learning_.explore;
  }

  /// Of those for which there is memory left; the first if there is none.
  std::size_t best_action(std::size_t row, ModelId id, const NetworkCosts& costs,
                          double memory) const {
    std::size_t best = 0;
    bool found = false;
    for (std::size_t action = 0; action < models_[id].actions; ++action) {
      const StaticSetting setting = setting_of(action, costs, slo_[id]);
      if (setting.instances * costs.instance_bytes(setting.batch) > memory) continue;
      if (found && (*table_)[row + action] <= (*table_)[row + best]) continue;
      best = action;
      found = true;
    }
    return best;
  }

  const std::shared_ptr<QTable> table_;
  const QLearning learning_;
  std::mt19937_64 random_;
  std::vector<Model> models_;
  std::vector<StaticSetting> settings_;
  std::vector<Seconds> slo_;
  double cores_ = 0;   ///< of the largest device
  double memory_ = 0;  ///< likewise
  int plans_ = 0;
};

}  // namespace

QTable empty_q_table(const Cluster& cluster) {
  std::size_t cells = 0;
  for (const ServedModel& model : cluster.models) cells += kStates * actions_of(*model.costs);
  return QTable(cells, 0);
}

std::unique_ptr<RequestPolicy> make_qlearning_policy(std::shared_ptr<QTable> table,
                                                     const QLearning& learning) {
  return std::make_unique<QLearningPolicy>(std::move(table), learning);
}

}  // namespace widepipe::schedule
