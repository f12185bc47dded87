#include "jobs/plan.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <utility>

#include "core/console.h"
#include "core/cpu.h"
#include "core/error.h"
#include "core/units.h"
#include "dataset/posix_file.h"
#include "jobs/allocation.h"
#include "jobs/exit_codes.h"
#include "jobs/plan_estimate.h"
#include "jobs/plan_text.h"
#include "jobs/plan_timing.h"
#include "jobs/ready_job.h"
#include "jobs/schedule_specs.h"
#include "jobs/seconds_since.h"
#include "mpi_runtime/serial_collectives.h"
#include "report/run_report.h"

namespace widepipe::jobs {
namespace {

using Clock = std::chrono::steady_clock;

/// The job on this machine, timed.
class Planner {
 public:
  explicit Planner(const PlanCommand& command);

  bool nothing_to_do() const { return job_.complete(); }
  bool quiet() const { return job_.settings().quiet; }
  const std::string& report_file() const { return job_.settings().report_file; }
  Plan plan();

 private:
  struct Tried {
    Layout layout;
    std::vector<StreamTiming> streams;

    double seconds() const;  ///< of the whole job on a node
    std::int64_t rows() const;
  };

  ScoreCommand only_looking(ScoreCommand score);
  bool chooses_layout() const;
  std::vector<Layout> layouts() const;
  Tried try_layout(const Layout& layout, double seconds, const Tried* before);
  std::optional<Layout> more_ranks(const Tried& tried) const;
  Plan describe(const std::vector<Tried>& all, double startup_seconds) const;

  const PlanCommand& command_;
  const Clock::time_point start_ = Clock::now();
  const std::unique_ptr<mpi_runtime::Collectives> alone_ = mpi_runtime::make_serial_collectives();
  bool dedicated_scheduler_ = false;  // of the job; here rank 0 is alone
  ReadyJob job_;
  std::optional<mpi_runtime::WorkerConfig> worker_;
  double loading_seconds_ = 0;  // of the models, on the device
};

ScoreCommand Planner::only_looking(ScoreCommand score) {
  score.overrides.emplace_back([this](JobSettings& settings) {
    settings.dry_run = true;
    dedicated_scheduler_ = std::exchange(settings.dedicated_scheduler, false);
  });
  return score;
}

Planner::Planner(const PlanCommand& command)
    : command_(command), job_(only_looking(command.score), *alone_) {
  if (!job_.complete()) worker_ = job_.worker_config();
}

double Planner::Tried::seconds() const {
  return estimate({.streams = streams, .ranks_per_node = layout.ranks}, 1).seconds;
}

std::int64_t Planner::Tried::rows() const {
  std::int64_t rows = 0;
  for (const StreamTiming& stream : streams) rows += stream.rows;
  return rows;
}

bool Planner::chooses_layout() const {
  return job_.settings().instances == 0 && job_.settings().cores == 0;
}

/// As the user says, or all ways to cut the cores into equal instances of a power of two.
std::vector<Layout> Planner::layouts() const {
  const device::DeviceConfig& asked = job_.fleet().devices.front();
  if (!chooses_layout()) return {{1, asked.instances, asked.cores_per_instance}};
  constexpr int kMostCores = 16;
  const int cores = job_.fleet().shares.front().cores;
  std::vector<Layout> layouts;
  for (int each = 1; each <= std::min(cores, kMostCores); each *= 2) {
    layouts.push_back({1, cores / each, each});
  }
  return layouts;
}

/// All streams, one after the other. Rows from the whole of the data where it is known how many are
/// computed in the time; otherwise the first.
Planner::Tried Planner::try_layout(const Layout& layout, double seconds, const Tried* before) {
  constexpr std::int64_t kStretches = 16;
  constexpr double kEnough = 1.5;  // times the rows that the earlier rate lets expect
  const Clock::time_point start = Clock::now();
  LayoutTimer timer(job_, *worker_, layout, *alone_);
  if (loading_seconds_ == 0) loading_seconds_ = seconds_since(start);
  Tried tried{.layout = layout, .streams = {}};
  const double each = seconds / static_cast<double>(job_.active().size());
  for (schedule::StreamId id = 0; id < job_.active().size(); ++id) {
    const StreamSetup& setup = job_.setup().stream(job_.active()[id]);
    std::vector<RowRange> rows = setup.rows_to_compute();
    const schedule::StreamSpec spec = stream_spec(setup, job_.settings());
    StreamTiming stream{.rows = count_rows(rows),
                        .bytes_out = static_cast<double>(spec.bytes_out_per_row),
                        .timing = {}};
    if (before != nullptr) {
      const double expected = before->streams[id].timing.rows_per_second * each;
      rows = spread_rows(rows, kStretches, std::llround(kEnough * expected / kStretches) + 1);
    }
    stream.timing = timer.time(id, rows, each);
    stream.timing.whole = stream.timing.rows == stream.rows;
    tried.streams.push_back(stream);
  }
  return tried;
}

/// Where devices wait for a rank's rows, several ranks with fewer instances each may do better.
std::optional<Layout> Planner::more_ranks(const Tried& tried) const {
  constexpr double kWaiting = 0.85;
  double least = 1;
  for (const StreamTiming& stream : tried.streams) {
    least = std::min(least, stream.timing.busy_share);
  }
  const int ranks = std::min(tried.layout.instances, static_cast<int>(std::ceil(1 / least)));
  if (least > kWaiting || ranks < 2) return std::nullopt;
  return Layout{ranks, tried.layout.instances / ranks, tried.layout.cores};
}

Plan Planner::plan() {
  constexpr double kChoosing = 0.4;  // of the time
  const double to_ready = seconds_since(start_);
  const std::vector<Layout> layouts = this->layouts();
  std::vector<Tried> all;
  for (const Layout& layout : layouts) {
    const double share = layouts.size() > 1 ? kChoosing : kChoosing / 2;
    all.push_back(try_layout(layout, command_.seconds * share / static_cast<double>(layouts.size()),
                             nullptr));
  }
  const auto faster = [](const Tried& a, const Tried& b) { return a.seconds() < b.seconds(); };
  std::iter_swap(all.begin(), std::min_element(all.begin(), all.end(), faster));
  all.front() = try_layout(all.front().layout, command_.seconds * (1 - kChoosing), &all.front());
  if (const auto ranks = more_ranks(all.front()); ranks) {
    all.push_back(try_layout(*ranks, command_.seconds * (1 - kChoosing), &all.front()));
    std::iter_swap(all.begin(), std::min_element(all.begin(), all.end(), faster));
  }
  return describe(all, to_ready + loading_seconds_);
}

Plan Planner::describe(const std::vector<Tried>& all, double startup_seconds) const {
  const Tried& best = all.front();
  const mpi_runtime::RankPlace& here = job_.fleet().places.front();
  Plan plan;
  plan.input = {.streams = best.streams,
                .startup_seconds = startup_seconds,
                .ranks_per_node = best.layout.ranks,
                .dedicated_scheduler = dedicated_scheduler_,
                .write_via_ranks = job_.settings().write_via_ranks};
  plan.host = here.host;
  plan.isa = job_.isa();
  plan.cores = job_.fleet().shares.front().cores;
  plan.layout = best.layout;
  for (const Tried& tried : all) {
    plan.tried.push_back({tried.layout, static_cast<double>(tried.rows()) / tried.seconds()});
  }
  plan.timing_seconds = seconds_since(start_) - startup_seconds;
  plan.memory_bytes = peak_process_bytes();
  for (const std::size_t index : job_.active()) {
    const StreamSetup& setup = job_.setup().stream(index);
    plan.streams.push_back({.name = setup.stream().name,
                            .model = setup.model().label(),
                            .input = setup.input_text(),
                            .output = dataset::to_string(setup.spec().target),
                            .rows_total = setup.rows()});
    if (setup.decision().kind == dataset::ResumeKind::kFresh) {
      plan.disk_bytes += dataset::raw_bytes(setup.spec());
    }
  }
  std::error_code unknown;
  const auto space = std::filesystem::space(
      dataset::folder_of(job_.setup().stream(job_.active().front()).output_file()), unknown);
  if (!unknown) plan.disk_free = space.available;
  plan.within_seconds = *parse_time_limit(command_.within);
  std::vector<int> nodes = command_.nodes;
  if (nodes.empty()) nodes = {1, 2, 4, 8, 16, 32, 64};
  std::sort(nodes.begin(), nodes.end());
  for (const int count : nodes) plan.estimates.push_back(estimate(plan.input, count));
  plan.suggestion = fewest_within(plan.estimates, plan.within_seconds);
  plan.arguments = command_.arguments;
  plan.layout_chosen = chooses_layout();
  return plan;
}

}  // namespace

int run_plan(const PlanCommand& command) {
  if (!parse_time_limit(command.within)) {
    throw_input_error(
        "--within: expected a time as Slurm writes it: minutes, MM:SS, HH:MM:SS or D-HH:MM:SS; "
        "found '{}'",
        command.within);
  }
  Planner planner(command);
  if (planner.nothing_to_do()) {
    say(stdout, "the job is complete: nothing to do\n");
    return kDone;
  }
  if (!planner.quiet()) {
    say(stderr,
        fmt::format("widepipe: timing the job for about {}\n", duration_text(command.seconds)));
  }
  const Plan plan = planner.plan();
  if (!planner.report_file().empty()) {
    report::write_report(plan_json(plan), planner.report_file());
  }
  if (!planner.quiet()) say(stdout, plan_text(plan));
  return kDone;
}

}  // namespace widepipe::jobs
