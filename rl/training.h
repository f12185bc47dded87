#pragma once
// Learning by simulation: parameters of a policy that serve best what may come, drawn at random.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "rl/evolution.h"
#include "rl/measures.h"
#include "rl/reducer.h"
#include "rl/scenarios.h"

namespace widepipe::rl {

/// How well a run went: 0 where the pass rule is just met, more if less was missed.
double score_of(const Measures& measures, const PassRule& rule);

/// How good each candidate is beside the others. `scores`: of all candidates on a scenario, then on
/// the next; candidates are compared on each by how far scores are apart there, so that all
/// scenarios count alike. What is no number leaves its candidate without one.
std::vector<double> compared(std::span<const double> scores, std::size_t candidates);

/// Makes the policy of some parameters.
using ParameterMaker = std::function<schedule::PolicyMaker(std::span<const double>)>;

struct TrainingSettings {
  int scenarios = 12;  ///< that all candidates of a generation run
  int pool = 400;      ///< of different ones, over and over; one in three is plain
  int plain = 0;       ///< generations that run these alone, at first
  int held_out = 24;   ///< others, to see how it goes
  /// So many parameters, the last ones, are for devices that run few batches at a time: every other
  /// generation, after the plain ones, searches for them alone, on a pool of scenarios of its own.
  int few_parameters = 0;
  Evolution::Settings evolution;
  int cores = 1;  ///< of this process
};

/// A search for parameters, generation by generation. Each rank runs some of the simulations; what
/// comes of it does not depend on how many ranks and cores there are.
class Training {
 public:
  /// Profile and reducer outlive this.
  Training(const npu_model::Profile& profile, ParameterMaker make, schedule::PolicyMaker opponent,
           std::vector<double> start, const TrainingSettings& settings, Reducer& reducer);

  struct Progress {
    int generation = 0;
    double best = 0;  ///< score of the best candidate of the last generation
    double mean = 0;  ///< of all of them
    double load = 0;  ///< that is asked for, beside what the opponent bears: geometric mean of all
                      ///< scenarios that were run so far
  };
  /// [collective] One generation.
  Progress advance();
  /// [collective] On scenarios that no generation runs: the mean score of parameters(), less the
  /// opponent's. 0 if all are left out.
  double gain();

  /// What the search has come to: the mean of its centers, the last quarter or so of them.
  std::vector<double> parameters() const;

  /// All that the next generations depend on, exactly, as text.
  std::string save() const;
  /// Throws InputError: that is not what save() gave, for these settings.
  void restore(const std::string& saved);

 private:
  /// For some of the parameters.
  struct Search {
    Evolution evolution;
    std::vector<double> average;  ///< its part of parameters()
    void follow_center();
  };

  bool is_held_out(std::uint64_t number) const;
  Scenario scenario(std::uint64_t number) const;
  double rate(std::uint64_t number) const { return loads_[number] * harder_[number]; }
  int generation() const;
  bool few_are_next() const;
  std::vector<std::uint64_t> next_scenarios(bool few) const;
  std::vector<double> with(const Search& search, std::span<const double> candidate) const;
  void find_loads(std::vector<std::uint64_t>& numbers);
  double run(const Scenario& scenario, const schedule::PolicyMaker& policy) const;
  double load_for_opponent(const Scenario& scenario) const;
  bool is_mine(std::size_t task) const;
  void follow_scores(std::uint64_t number, std::span<const double> scores);
  double load() const;

  const npu_model::Profile& profile_;
  const ParameterMaker make_;
  const schedule::PolicyMaker opponent_;
  const TrainingSettings settings_;
  Reducer& reducer_;
  std::vector<Search> searches_;  ///< the second, if there is one, for few batches at a time
  // Scenarios: of the pool, of that of few batches at a time, and those that are held out.
  const std::uint64_t pool_;
  const std::uint64_t few_pool_;
  const std::uint64_t first_held_out_;
  /// By number of a scenario: the opponent's goodput; 0: not known yet, -1: it is left out.
  std::vector<double> loads_;
  std::vector<double> harder_;     ///< by number: what it is served at, beside that
  std::vector<double> opponents_;  ///< by number, of others than the pool: its score there
};

}  // namespace widepipe::rl
