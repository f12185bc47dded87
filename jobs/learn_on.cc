#include "jobs/learn_on.h"

#include <utility>

#include "core/error.h"
#include "core/version.h"
#include "report/run_report.h"

namespace widepipe::jobs {

LearnOn::LearnOn(const SimulatedPolicy& policy, std::string file)
    : parameters_(policy.parameters), file_(std::move(file)) {
  if (policy.learned.empty() || policy.without) {
    throw_input_error(
        "--learn: policy '{}' does not learn: expected 'learned', or the file of a learned policy",
        policy.name);
  }
  if (!file_.ends_with(".toml")) {
    throw_input_error("--learn '{}': expected a name like NAME.toml, as --policy takes it", file_);
  }
  recipe_ = load_policy(policy.learned).recipe;
  recipe_.version = kVersion;
  recipe_.start = policy_hash(*parameters_);
  recipe_.generations = 0;
  recipe_.minutes = recipe_.gain = 0;
  result_->parameters = *parameters_;
}

schedule::PolicyMaker LearnOn::maker() const {
  return [parameters = parameters_, result = result_] {
    return std::make_unique<schedule::LearnedPolicy>(*parameters, true, result);
  };
}

void LearnOn::write() const {
  TrainingRecipe recipe = recipe_;
  recipe.online_steps = static_cast<int>(result_->steps);
  report::write_report(policy_toml({result_->parameters, recipe}), file_);
}

}  // namespace widepipe::jobs
