#include "jobs/run_logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/console.h"
#include "core/error.h"
#include "jobs/simulate_text.h"

namespace widepipe::jobs {
namespace {

constexpr double kMilli = 1e-3;

constexpr const char* kPlanHeader =
    "at_s,stream,arrivals_per_s,in_time,missed,full,hold_ms,instances,cores,largest_batch,"
    "fallback_s\n";

/// Of a model, on all devices.
struct Held {
  double instances = 0;
  double cores = 0;
  double batch = 0;
};

std::vector<Held> held_by_model(const schedule::Cluster& cluster,
                                const schedule::ServingPlan& plan) {
  std::vector<Held> held(cluster.models.size());
  for (const std::vector<schedule::InstanceSpec>& device : plan.instances) {
    for (const schedule::InstanceSpec& spec : device) {
      Held& model = held[spec.model];
      ++model.instances;
      model.cores += cluster.models[spec.model].costs->core_choices()[spec.choice];
      model.batch += spec.max_batch;
    }
  }
  return held;
}

/// A policy whose plans are looked at.
class WatchedPolicy : public schedule::RequestPolicy {
 public:
  explicit WatchedPolicy(std::unique_ptr<schedule::RequestPolicy> policy)
      : policy_(std::move(policy)) {}

  std::string_view name() const final { return policy_->name(); }
  schedule::PolicyCounts counts() const final { return policy_->counts(); }
  std::optional<schedule::Choice> choose(const schedule::Offer& offer) final {
    return policy_->choose(offer);
  }
  void plan(const schedule::ServingObservation& seen, schedule::ServingPlan& plan) final {
    policy_->plan(seen, plan);
    look(seen, plan);
  }

 private:
  virtual void look(const schedule::ServingObservation& seen,
                    const schedule::ServingPlan& plan) = 0;

  const std::unique_ptr<schedule::RequestPolicy> policy_;
};

class LoggedPolicy final : public WatchedPolicy {
 public:
  LoggedPolicy(std::unique_ptr<schedule::RequestPolicy> policy, LogFile& file,
               const std::vector<rl::WorkloadStream>& streams)
      : WatchedPolicy(std::move(policy)), file_(file), streams_(streams) {}

 private:
  void look(const schedule::ServingObservation& seen, const schedule::ServingPlan& plan) override {
    const std::vector<Held> held = held_by_model(*seen.cluster, plan);
    for (schedule::StreamId id = 0; id < streams_.size(); ++id) {
      const schedule::StreamState& stream = seen.streams[id];
      const Held& of = held[seen.cluster->streams[id].model];
      const double each = std::max(of.instances, 1.0);
      file_.put(fmt::format("{:.6f},{},{:.3f},{},{},{},{:.4f},{},{:.3f},{:.3f},{:.3f}\n", seen.now,
                            streams_[id].name, stream.arrivals_per_second, stream.in_time,
                            stream.missed, plan.rules[id].full, plan.rules[id].hold / kMilli,
                            of.instances, of.cores / each, of.batch / each,
                            counts().fallback_seconds));
    }
  }

  LogFile& file_;
  const std::vector<rl::WorkloadStream>& streams_;
};

class ToldPolicy final : public WatchedPolicy {
 public:
  using WatchedPolicy::WatchedPolicy;

 private:
  void look(const schedule::ServingObservation& seen, const schedule::ServingPlan&) override {
    if (counts().fallbacks == fallbacks_) return;
    fallbacks_ = counts().fallbacks;
    say(stderr, fmt::format("at {:.2f} s: the guard of policy '{}' falls back: greedy-estimated "
                            "decides in its place\n",
                            seen.now, name()));
  }

  std::int64_t fallbacks_ = 0;
};

}  // namespace

LogFile::LogFile(const std::string& path, const std::string& header)
    : path_(path), file_(std::fopen(path.c_str(), "w")) {
  if (!file_) throw_input_error("log '{}' cannot be written: {}", path, errno_text());
  put(header);
}

void LogFile::put(const std::string& line) {
  if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size()) failed_ = true;
}

void LogFile::finish() {
  if (std::fclose(file_.release()) != 0) failed_ = true;
  if (failed_) throw_run_error("log '{}' cannot be written: {}", path_, errno_text());
}

BatchLogFile::BatchLogFile(const std::string& path, std::vector<rl::WorkloadStream> streams)
    : file_(path, log_header()), streams_(std::move(streams)) {}

void BatchLogFile::add(const schedule::ClosedBatch& batch) {
  file_.put(log_line(batch, streams_[batch.stream].name));
}

PlanLogFile::PlanLogFile(const std::string& path, std::vector<rl::WorkloadStream> streams)
    : file_(path, kPlanHeader), streams_(std::move(streams)) {}

std::unique_ptr<schedule::RequestPolicy> told_of_fallbacks(
    std::unique_ptr<schedule::RequestPolicy> policy) {
  return std::make_unique<ToldPolicy>(std::move(policy));
}

std::unique_ptr<schedule::RequestPolicy> PlanLogFile::logged(
    std::unique_ptr<schedule::RequestPolicy> policy) {
  return std::make_unique<LoggedPolicy>(std::move(policy), file_, streams_);
}

}  // namespace widepipe::jobs
