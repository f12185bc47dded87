#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "schedule/request_policy.h"

namespace widepipe::schedule {

/// What a Q-learner has learned: by model, state and action, what it expects to come of it.
using QTable = std::vector<double>;

/// Of zeros, for these models.
QTable empty_q_table(const Cluster& cluster);

/// How it learns, while it does.
struct QLearning {
  double explore = 0;  ///< the share of decisions that are drawn
  double rate = 0;     ///< of learning
  std::uint64_t seed = 1;
};

/// Tabular Q-learning (Watkins 1989) of the allocation. Every few plans it decides for one model
/// after the other. The state: how much memory, and how many cores, the models before it have left
/// of a device, and what share of the model's requests missed their SLO of late. An action: the
/// cores of an instance, how many instances each device has, and their largest batch. The reward:
/// the share of requests in time until the next decision, the mean of the model's and of all. It
/// writes to the table only if its `rate` is more than 0. Throws std::logic_error for a table of
/// another cluster.
std::unique_ptr<RequestPolicy> make_qlearning_policy(std::shared_ptr<QTable> table,
                                                     const QLearning& learning = {});

}  // namespace widepipe::schedule
