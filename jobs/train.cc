#include "jobs/train.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <sstream>
#include <utility>
#include <vector>

#include "core/console.h"
#include "core/cpu.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/version.h"
#include "jobs/built_in_files.h"
#include "jobs/exit_codes.h"
#include "jobs/policy_file.h"
#include "jobs/profile_file.h"
#include "jobs/report_file.h"
#include "jobs/seconds_since.h"
#include "jobs/stop_signal.h"
#include "mpi_runtime/agreement.h"
#include "mpi_runtime/fleet.h"
#include "report/run_report.h"
#include "rl/training.h"
#include "schedule/greedy_policy.h"
#include "schedule/learned_parameters.h"
#include "schedule/learned_policy.h"

namespace widepipe::jobs {
namespace {

using Json = nlohmann::ordered_json;
using schedule::LearnedParameters;

constexpr double kMinute = 60;
/// So often progress is told, and what there is so far is kept.
constexpr int kPeriod = 10;
/// Counts up when the search, the scenarios or the layout change.
constexpr std::string_view kCheckpoint = "widepipe-training 4";

class CollectivesReducer final : public rl::Reducer {
 public:
  explicit CollectivesReducer(mpi_runtime::Collectives& collectives) : collectives_(collectives) {}
  int rank() const override { return collectives_.rank(); }
  int size() const override { return collectives_.size(); }
  void sum(std::span<double> values) override { collectives_.sum(values); }

 private:
  mpi_runtime::Collectives& collectives_;
};

schedule::PolicyMaker unguarded(std::span<const double> values) {
  return [parameters = LearnedParameters::of(values)] {
    return std::make_unique<schedule::LearnedPolicy>(parameters, false);
  };
}

class Train {
 public:
  Train(const TrainCommand& command, mpi_runtime::Collectives& collectives)
      : command_(command),
        collectives_(collectives),
        root_(collectives.rank() == 0),
        reducer_(collectives) {}

  void prepare();
  int run();

 private:
  std::string checkpoint_file() const { return command_.save + ".checkpoint"; }
  std::string task_of(const std::string& profile_text) const;
  std::string read_checkpoint() const;
  void restore(const std::string& saved);
  void write_files() const;
  void keep();
  LearnedFile learned() const;
  bool over();
  void tell(const rl::Training::Progress& progress);
  double minutes() const { return minutes_before_ + seconds_since(start_) / kMinute; }

  const TrainCommand& command_;
  mpi_runtime::Collectives& collectives_;
  const bool root_;
  CollectivesReducer reducer_;
  const StopSignal signal_;
  npu_model::Profile profile_;
  TrainingRecipe recipe_;
  std::string task_;  ///< task_of()
  std::optional<rl::Training> training_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double minutes_before_ = 0;  ///< of the runs that this one goes on from
  bool stopped_ = false;
  Json curve_ = Json::array();
};

/// [collective] Finds bad input; goes on from a checkpoint, if there is one.
void Train::prepare() {
  std::vector<double> begin(LearnedParameters::kCount, 0.0);
  std::string saved;
  mpi_runtime::agree(collectives_, [&] {
    if (command_.scenarios > command_.pool) {
      throw_input_error("--scenarios {} are more than there are in the pool, {}",
                        command_.scenarios, command_.pool);
    }
    const NamedText text = text_of(kProfile, command_.profile);
    profile_ = parse_profile(text.text, text.file);
    recipe_ = {.version = std::string(kVersion),
               .profile = profile_.name,
               .seed = command_.seed,
               .candidates = command_.candidates,
               .scenarios = command_.scenarios,
               .pool = command_.pool,
               .plain = command_.plain,
               .step = command_.step};
    if (!command_.start.empty()) {
      const LearnedFile from = load_policy(command_.start);
      begin = from.parameters.values();
      recipe_.start = policy_hash(from.parameters);
    }
    task_ = task_of(text.text);
    if (!root_) return;
    check_report_file(command_.save, {command_.profile, command_.start}, "--save");
    check_report_file(checkpoint_file(), {command_.profile, command_.start}, "--save");
    check_report_file(command_.report,
                      {command_.profile, command_.start, command_.save, checkpoint_file()});
    if (std::filesystem::path(command_.save).extension() != ".toml") {
      throw_input_error("--save '{}': expected the name of a policy file, NAME.toml",
                        command_.save);
    }
    saved = read_checkpoint();
  });
  const mpi_runtime::RankShare share = mpi_runtime::share_cores(
      exchange_places(collectives_, "", ""))[static_cast<std::size_t>(collectives_.rank())];
  training_.emplace(
      profile_, unguarded, [] { return schedule::make_greedy_policy(); }, std::move(begin),
      rl::TrainingSettings{.scenarios = command_.scenarios,
                           .pool = command_.pool,
                           .plain = command_.plain,
                           .held_out = command_.held_out,
                           .few_parameters = schedule::DialWeights::kCount,
                           .evolution = {.candidates = command_.candidates,
                                         .step = command_.step,
                                         .seed = command_.seed},
                           .cores = share.cores},
      reducer_);
  std::vector<std::byte> bytes(saved.size());
  std::transform(saved.begin(), saved.end(), bytes.begin(),
                 [](char one) { return static_cast<std::byte>(one); });
  collectives_.broadcast(bytes);
  saved.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  mpi_runtime::agree(collectives_, [&] {
    if (!saved.empty()) restore(saved);
  });
}

/// What a checkpoint is of: all that its generations depend on.
std::string Train::task_of(const std::string& profile_text) const {
  std::string names;
  for (const char* name : LearnedParameters::kFeatureNames) names += name;
  for (const char* name : LearnedParameters::kSharedFeatureNames) names += name;
  for (const schedule::DialSpec& dial : schedule::kModelDials) names += dial.name;
  for (const schedule::DialSpec& dial : schedule::kSharedDials) names += dial.name;
  return hash_hex(fmt::format("{} {} {} {} {} {} {} {} {} {} {}", kVersion, names, profile_text,
                              recipe_.seed, recipe_.candidates, recipe_.scenarios, recipe_.pool,
                              command_.held_out, recipe_.plain, recipe_.step, recipe_.start));
}

/// Empty if there is none.
std::string Train::read_checkpoint() const {
  std::error_code ignored;
  if (!std::filesystem::exists(checkpoint_file(), ignored)) return "";
  std::ifstream file(checkpoint_file());
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (text.empty()) {
    throw_input_error("checkpoint '{}': empty, or it cannot be read: move it away to begin anew",
                      checkpoint_file());
  }
  return text;
}

void Train::restore(const std::string& saved) {
  std::istringstream text(saved);
  std::string first;
  std::string checksum;
  std::getline(text, first);
  std::getline(text, checksum);
  const std::string rest(std::istreambuf_iterator<char>(text), {});
  if (first != fmt::format("{} {}", kCheckpoint, task_)) {
    throw_input_error(
        "checkpoint '{}': of another training (seed, settings, profile, start or "
        "version): move it away, or give --save another name",
        checkpoint_file());
  }
  if (checksum != hash_hex(rest)) {
    throw_input_error("checkpoint '{}': damaged: its checksum is {}, not {}", checkpoint_file(),
                      hash_hex(rest), checksum);
  }
  std::istringstream body(rest);
  std::string curve;
  body >> recipe_.generations >> minutes_before_;
  std::getline(body, curve);
  std::getline(body, curve);
  curve_ = Json::parse(curve);
  training_->restore(std::string(std::istreambuf_iterator<char>(body), {}));
}

void Train::write_files() const {
  const std::string rest = fmt::format("{} {}\n{}\n{}", recipe_.generations, minutes(),
                                       curve_.dump(), training_->save());
  report::write_report(fmt::format("{} {}\n{}\n{}", kCheckpoint, task_, hash_hex(rest), rest),
                       checkpoint_file());
  report::write_report(policy_toml(learned()), command_.save);
  if (command_.report.empty()) return;
  const Json report = {{"version", kVersion},
                       {"policy", policy_hash(learned().parameters)},
                       {"profile", recipe_.profile},
                       {"seed", recipe_.seed},
                       {"parameters", LearnedParameters::kCount},
                       {"ranks", collectives_.size()},
                       {"generations", curve_}};
  report::write_report(report.dump(2) + "\n", command_.report);
}

LearnedFile Train::learned() const {
  LearnedFile file{LearnedParameters::of(training_->parameters()), recipe_};
  file.recipe.minutes = minutes();
  return file;
}

/// [collective]
bool Train::over() {
  const bool enough = command_.generations > 0 ? recipe_.generations >= command_.generations
                                               : minutes() >= command_.minutes;
  std::array<double, 2> votes = {root_ && enough ? 1.0 : 0.0, signal_.received() ? 1.0 : 0.0};
  collectives_.sum(votes);
  stopped_ = votes[1] > 0;
  return stopped_ || votes[0] > 0;
}

void Train::tell(const rl::Training::Progress& progress) {
  Json& point = curve_.emplace_back(Json{{"generation", progress.generation},
                                         {"minutes", minutes()},
                                         {"load", progress.load},
                                         {"mean", progress.mean},
                                         {"best", progress.best}});
  if (progress.generation % kPeriod != 0) return;
  point["gain"] = recipe_.gain;
  say(stdout,
      fmt::format("generation {:4}: {:6.1f} minutes, asked for {:.3f} times what greedy bears; "
                  "score on scenarios that it does not learn from {:+.3f} beside it\n",
                  progress.generation, minutes(), progress.load, recipe_.gain));
}

/// [collective] What there is so far, into files.
void Train::keep() {
  mpi_runtime::agree(collectives_, [this] {
    if (root_) write_files();
  });
}

int Train::run() {
  bool kept = recipe_.generations == 0;  // what a checkpoint has come to is kept anew
  while (!over()) {
    const rl::Training::Progress progress = training_->advance();
    recipe_.generations = progress.generation;
    kept = progress.generation % kPeriod == 0;
    if (kept) recipe_.gain = training_->gain();
    if (root_) tell(progress);
    if (kept) keep();
  }
  if (!kept) {
    keep();  // at once: who stops it may not wait for long
    recipe_.gain = training_->gain();
    keep();
  }
  if (root_ && recipe_.generations > 0) {
    say(stdout, fmt::format("policy {}: {} generations, {:.1f} minutes, {:+.3f} beside greedy; for "
                            "--policy {}\n",
                            policy_hash(learned().parameters), recipe_.generations, minutes(),
                            recipe_.gain, command_.save));
  }
  return stopped_ ? kStopped : kDone;
}

}  // namespace

int run_train(const TrainCommand& command, mpi_runtime::Collectives& collectives) {
  Train train(command, collectives);
  train.prepare();
  return train.run();
}

}  // namespace widepipe::jobs
