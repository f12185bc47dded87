#pragma once

#include <memory>
#include <string>

#include "jobs/policy_file.h"
#include "jobs/simulated_policies.h"
#include "schedule/learned_policy.h"

namespace widepipe::jobs {

/// `--learn FILE.toml`: a learned policy goes on learning in a run, and what it comes to is kept.
class LearnOn {
 public:
  /// Throws InputError: the policy is not a learned one, or without a part.
  LearnOn(const SimulatedPolicy& policy, std::string file);

  /// For one policy.
  schedule::PolicyMaker maker() const;
  /// Behind the run and its report. Throws RunError if the file cannot be written.
  void write() const;

 private:
  const std::shared_ptr<const schedule::LearnedParameters> parameters_;
  const std::string file_;
  TrainingRecipe recipe_;
  const std::shared_ptr<schedule::OnlineResult> result_ =
      std::make_shared<schedule::OnlineResult>();
};

}  // namespace widepipe::jobs
