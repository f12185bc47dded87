#include "jobs/evaluate.h"

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "core/console.h"
#include "core/cpu.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/in_parallel.h"
#include "jobs/built_in_files.h"
#include "jobs/evaluation.h"
#include "jobs/exit_codes.h"
#include "jobs/policy_file.h"
#include "jobs/profile_file.h"
#include "jobs/refuse_doubles.h"
#include "jobs/report_file.h"
#include "jobs/simulated_policies.h"
#include "jobs/stop_signal.h"
#include "jobs/tuning_record.h"
#include "jobs/workload_file.h"
#include "report/run_report.h"
#include "rl/goodput.h"

namespace widepipe::jobs {
namespace {

constexpr double kMilli = 1e-3;

/// A workload with the fleet that it asks for.
struct Case {
  rl::WorkloadSpec workload;
  npu_model::FleetSpec fleet;
  std::string inputs;  ///< a hash of them, and of the profile
};

/// A run that has to be made.
struct Task {
  const Case* where = nullptr;
  SimulatedPolicy policy;
  EvaluatedRun run;
};

std::string hash_of(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += fmt::format("{} {}", text.size(), text);
  return hash_hex(all);
}

/// As EvaluatedRun::learned.
std::string learned_by(const SimulatedPolicy& policy) {
  return policy.parameters ? policy_hash(*policy.parameters) : "";
}

class Evaluation {
 public:
  explicit Evaluation(const EvaluateCommand& command)
      : command_(command), profile_(load_profile(command.profile)) {
    refuse_doubles("--policies", command.policies);
    std::vector<std::string> names;
    for (const int devices : command.devices) names.push_back(std::to_string(devices));
    refuse_doubles("--devices", std::exchange(names, {}));
    settings_ = {.profile = profile_.name,
                 .seconds = command.seconds,
                 .precision = command.precision,
                 .round_period = command.round_period_ms * kMilli,
                 .round_delay = command.round_delay_ms * kMilli,
                 .evaluations = command.evaluations};
    const int fewest = *std::min_element(command.devices.begin(), command.devices.end());
    for (const std::string& name : command.workloads) {
      rl::WorkloadSpec workload = load_workload(name, profile_);
      npu_model::FleetSpec fleet = load_fleet(workload.fleet, profile_, fewest);
      std::string inputs = hash_of({text_of(kProfile, command.profile).text,
                                    workload_identity(name), text_of(kFleet, workload.fleet).text});
      names.push_back(workload.name);
      cases_.push_back({std::move(workload), std::move(fleet), std::move(inputs)});
    }
    refuse_doubles("--workloads", names);
    for (const std::string& name : command.policies) policies_.push_back(simulated_policy(name));
    std::vector<std::string> files = command.workloads;
    for (const SimulatedPolicy& policy : policies_) files.push_back(policy.base);
    check_report_file(command.report, files);
    std::vector<Tuning> tunings;
    if (!command.report.empty()) {
      EvaluationRecord record = read_evaluation(command.report, settings_);
      done_ = std::move(record.runs);
      tunings = std::move(record.tunings);
    }
    for (const Case& one : cases_) check_tunings(one, tunings);
    tuner_.emplace(profile_, command.evaluations, std::move(tunings));
    // Of files that have changed since.
    for (const Case& one : cases_) {
      std::erase_if(done_, [&](const EvaluatedRun& run) {
        return run.workload == one.workload.name && run.inputs != one.inputs;
      });
    }
    for (const SimulatedPolicy& policy : policies_) {
      std::erase_if(done_, [&](const EvaluatedRun& run) {
        return run.policy == policy.name && run.learned != learned_by(policy);
      });
    }
    list_tasks();
  }

  int run();

 private:
  void check_tunings(const Case& where, const std::vector<Tuning>& tunings) const;
  void list_tasks();
  void make(Task& task);
  void write_report() const;
  std::vector<EvaluatedRun> wanted() const;

  const EvaluateCommand& command_;
  const npu_model::Profile profile_;
  EvaluationSettings settings_;
  std::vector<Case> cases_;
  std::vector<SimulatedPolicy> policies_;
  std::vector<EvaluatedRun> done_;   ///< of this evaluation and of the report's others
  std::vector<EvaluatedRun> order_;  ///< all that were asked for
  std::vector<Task> tasks_;          ///< of these, what is missing
  std::size_t made_ = 0;             ///< of the tasks
  std::optional<PolicyTuner> tuner_;
  std::mutex mutex_;
};

/// That those of the case can be what was found for its models.
void Evaluation::check_tunings(const Case& where, const std::vector<Tuning>& tunings) const {
  const schedule::Cluster models =
      make_cluster(profile_, streams_of(where.workload, profile_, 0), npu_model::Fleet());
  for (std::size_t i = 0; i < tunings.size(); ++i) {
    const Tuning& tuning = tunings[i];
    if (tuning.workload != where.workload.name || tuning.inputs != where.inputs) continue;
    const std::string problem = problem_of(tuning, models);
    if (problem.empty()) continue;
    throw_input_error("report '{}': tunings[{}], of '{}': {}", command_.report, i, tuning.policy,
                      problem);
  }
}

void Evaluation::list_tasks() {
  for (const int devices : command_.devices) {
    for (const Case& one : cases_) {
      for (int i = 0; i < command_.seeds; ++i) {
        for (const SimulatedPolicy& policy : policies_) {
          const EvaluatedRun run{.workload = one.workload.name,
                                 .policy = policy.name,
                                 .devices = devices,
                                 .seed = command_.seed_base + static_cast<std::uint64_t>(i),
                                 .inputs = one.inputs,
                                 .learned = learned_by(policy)};
          order_.push_back(run);
          const bool known = std::any_of(done_.begin(), done_.end(),
                                         [&](const auto& other) { return other.same_task(run); });
          if (!known) tasks_.push_back({&one, policy, run});
        }
      }
    }
  }
}

void Evaluation::make(Task& task) {
  rl::SimulationSettings settings{.duration = settings_.seconds,
                                  .devices = task.run.devices,
                                  .seed = task.run.seed,
                                  .rounds = {settings_.round_period, settings_.round_delay}};
  task.policy.set(settings);
  const Case& where = *task.where;
  const schedule::PolicyMaker make =
      tuner_->maker(task.policy, where.workload, where.fleet, where.inputs, settings);
  const rl::Goodput found =
      find_goodput(profile_, where.workload, where.fleet, settings, make, settings_.precision);
  if (!(found.bound > 0)) {
    throw_input_error(
        "workload '{}' on {} devices, seed {}: its bound is 0: such devices cannot serve it",
        task.run.workload, task.run.devices, task.run.seed);
  }
  task.run.goodput = found.rate;
  task.run.bound = found.bound;
  if (found.rate > 0) task.run.attainment = found.measures.all().attainment();
  const std::lock_guard lock(mutex_);
  done_.push_back(task.run);
  if (!command_.report.empty()) write_report();
  if (!command_.quiet) {
    say(stderr, fmt::format("{} of {}: {} {} {} devices, seed {}: {:.3f} of the bound\n", ++made_,
                            tasks_.size(), task.run.workload, task.run.policy, task.run.devices,
                            task.run.seed, found.share()));
  }
}

void Evaluation::write_report() const {
  report::write_report(
      evaluation_json(settings_, {done_, tuner_->tunings()}, command_.policies.front()),
      command_.report);
}

/// In the order that was asked for, of whichever run.
std::vector<EvaluatedRun> Evaluation::wanted() const {
  std::vector<EvaluatedRun> runs;
  for (const EvaluatedRun& asked : order_) {
    const auto found = std::find_if(done_.begin(), done_.end(),
                                    [&](const auto& run) { return run.same_task(asked); });
    if (found != done_.end()) runs.push_back(*found);
  }
  return runs;
}

int Evaluation::run() {
  const StopSignal signal;
  in_parallel(tasks_.size(), read_cpu_budget().usable(), [&](std::size_t i) {
    if (!signal.received()) make(tasks_[i]);
  });
  const std::vector<EvaluatedRun> runs = wanted();
  const std::string& reference = command_.policies.front();
  say(stdout, evaluation_text(results_of(runs, reference), reference));
  if (!command_.report.empty()) write_report();
  if (runs.size() == order_.size()) return kDone;
  say(stderr, fmt::format("stopped: {} of {} runs are made{}\n", runs.size(), order_.size(),
                          command_.report.empty() ? "" : "; the same command goes on"));
  return kStopped;
}

}  // namespace

int run_evaluate(const EvaluateCommand& command) { return Evaluation(command).run(); }

}  // namespace widepipe::jobs
