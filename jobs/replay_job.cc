#include "jobs/replay_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <sstream>
#include <utility>

#include "core/error.h"
#include "core/units.h"
#include "mpi_runtime/agreement.h"

namespace widepipe::jobs {
namespace {

ScoreCommand score_command(const ReplayCommand& command) {
  ScoreCommand score;
  score.job_file = command.job_file;
  score.overrides.emplace_back([&command](JobSettings& settings) {
    settings.without_outputs = !command.write;
    settings.report_file.clear();   // a replay has one of its own
    settings.scatter_rows = false;  // ranks read the rows of their requests
    settings.dedicated_scheduler |= command.dedicated_scheduler;
  });
  return score;
}

}  // namespace

ReplayJob::ReplayJob(const ReplayCommand& command, mpi_runtime::Collectives& collectives)
    : command_(command),
      collectives_(collectives),
      root_(collectives.rank() == 0),
      job_(score_command(command), collectives) {}

RealModels ReplayJob::models() {
  mpi_runtime::agree(collectives_, [&] {
    if (command_.write && job_.settings().write_via_ranks) {
      throw_input_error(
          "{}: write_via is 'ranks', and what requests come to is gathered: leave it out",
          command_.job_file);
    }
    if (job_.settings().device != "cpu") {
      throw_input_error("{}: device is '{}', and requests are served on 'cpu' alone",
                        command_.job_file, job_.settings().device);
    }
  });
  RealModels real;
  for (std::size_t id = 0; id < job_.active().size(); ++id) {
    real.streams.push_back(job_.stream(id).name);
  }
  for (const StreamSpec& stream : job_.job().streams) {
    if (std::find(real.streams.begin(), real.streams.end(), stream.name) == real.streams.end()) {
      real.complete.push_back(stream.name);
    }
  }
  real.device = job_.device_text();
  real.rows = rows_to_compute();
  for (const mpi_runtime::RankShare& share : job_.fleet().shares) {
    real.cores.push_back(share.cores);
  }
  if (job_.fleet().dedicated_scheduler) real.cores.front() = 0;
  for (const mpi_runtime::RankPlace& place : job_.fleet().places) real.hosts.push_back(place.host);
  real.free_memory = mpi_runtime::free_memory_by_host(job_.fleet().places);
  return real;
}

/// Of the job's streams, as rank 0 knows it.
std::vector<std::int64_t> ReplayJob::rows_to_compute() {
  std::string text;
  if (root_) {
    for (const std::size_t stream : job_.active()) {
      text += fmt::format("{} ", count_rows(job_.setup().stream(stream).rows_to_compute()));
    }
  }
  std::istringstream numbers(collectives_.all_texts(text).front());
  std::vector<std::int64_t> rows;
  for (std::int64_t n = 0; numbers >> n;) rows.push_back(n);
  return rows;
}

/// Of a data set those that no earlier run has computed.
void ReplayJob::find_rows(const ReplayPlan& plan) {
  std::vector<std::vector<RowRange>> wanted;
  for (const std::size_t of_job : job_.active()) {
    const StreamSetup& stream = job_.setup().stream(of_job);
    wanted.push_back(plan.workload.bulk ? stream.rows_to_compute()
                                        : std::vector<RowRange>{{0, stream.rows()}});
  }
  rows_ = std::make_unique<RequestRows>(plan.job_stream, std::move(wanted));
  if (plan.workload.trace) check_trace_rows(plan);
  if (command_.write) check_payloads(plan);
}

void ReplayJob::check_trace_rows(const ReplayPlan& plan) const {
  const rl::Trace& trace = *plan.workload.trace;
  for (std::size_t i = 0; i < trace.rows.size(); ++i) {
    const std::size_t of_job = plan.job_stream[trace.stream[i]];
    const std::int64_t rows = job_.setup().stream(job_.active()[of_job]).rows();
    if (trace.rows[i] < rows) continue;
    throw_input_error("{}:/row[{}] is {}: the data of '{}' have rows 0 to {}", command_.workload, i,
                      trace.rows[i], job_.stream(of_job).name, rows - 1);
  }
}

/// Results of a batch are not parted.
void ReplayJob::check_payloads(const ReplayPlan& plan) const {
  const std::size_t limit = payload_limit(collectives_.size());
  for (const std::size_t id : plan.job_stream) {
    const StreamSetup& stream = job_.setup().stream(job_.active()[id]);
    const auto columns = mpi_runtime::column_bytes(stream.model(), stream.outputs());
    const std::size_t row = std::accumulate(columns.begin(), columns.end(), std::size_t{0});
    const std::size_t batch = row * static_cast<std::size_t>(plan.profile.device.max_batch);
    if (batch <= limit) continue;
    throw_input_error(
        "{}: results of {} rows, the largest batch of profile '{}', take {}, and a round carries "
        "at "
        "most {} for each of {} ranks: use fewer ranks, or a profile with a smaller max_batch",
        stream.model().label(), plan.profile.device.max_batch, plan.profile.name,
        bytes_text(static_cast<double>(batch)), bytes_text(static_cast<double>(limit)),
        collectives_.size());
  }
}

void ReplayJob::open_outputs(const std::vector<std::string>& rank_names) {
  if (!command_.write) return;
  mpi_runtime::agree(collectives_, [&] {
    if (root_) job_.setup().create_files();
  });
  mpi_runtime::agree(collectives_, [&] {
    if (!root_) return;
    results_ = std::make_unique<ReplayResults>(job_, collectives_.size(), *rows_, rank_names);
  });
}

std::optional<mpi_runtime::ModelExecutorConfig> ReplayJob::executor(const ReplayPlan& plan) const {
  const auto mine =
      std::find(plan.rank_of_device.begin(), plan.rank_of_device.end(), collectives_.rank());
  if (!worker_ || mine == plan.rank_of_device.end()) return std::nullopt;
  const auto device = static_cast<schedule::DeviceId>(mine - plan.rank_of_device.begin());
  mpi_runtime::ModelExecutorConfig config{
      .device = device,
      .cores = plan.cluster.devices[device].cores,
      .models = std::vector<std::shared_ptr<const model::Model>>(plan.cluster.models.size()),
      .core_choices = plan.profile.device.core_choices,
      .sources = {},
      .stored = {},
      .name = {}};
  for (schedule::StreamId id = 0; id < plan.streams.size(); ++id) {
    const std::size_t of_job = plan.job_stream[id];
    config.models[plan.cluster.streams[id].model] = worker_->models[of_job];
    config.sources.push_back(worker_->sources[of_job]);
    if (!command_.write) continue;
    config.stored.push_back(
        {.outputs = worker_->outputs[of_job], .fail_nonfinite = worker_->fail_nonfinite[of_job]});
  }
  return config;
}

}  // namespace widepipe::jobs
