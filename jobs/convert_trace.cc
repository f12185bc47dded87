#include "jobs/convert_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <random>
#include <utility>

#include "core/console.h"
#include "core/error.h"
#include "core/units.h"
#include "dataset/request_trace.h"
#include "jobs/azure_trace.h"
#include "jobs/exit_codes.h"
#include "jobs/profile_file.h"
#include "jobs/refuse_doubles.h"
#include "jobs/report_file.h"
#include "jobs/trace_workload.h"

namespace widepipe::jobs {
namespace {

std::vector<std::string> models_of(const TraceCommand& command, const npu_model::Profile& profile) {
  std::vector<std::string> models = command.models;
  if (models.empty()) {
    for (const npu_model::Network& network : profile.networks) models.push_back(network.name);
  }
  for (const std::string& model : models) {
    if (find_network(profile, model) < 0) {
      throw_input_error("--models: '{}' is not in the profile '{}'", model, profile.name);
    }
  }
  refuse_doubles("--models", models);
  return models;
}

}  // namespace

int run_trace(const TraceCommand& command) {
  const npu_model::Profile profile = load_profile(command.profile);
  dataset::RequestTrace trace;
  trace.models = models_of(command, profile);
  for (const std::string& model : trace.models) {
    const auto network = static_cast<std::size_t>(find_network(profile, model));
    trace.deadlines.push_back(command.slo_factor * profile.networks[network].slo_base);
  }
  check_report_file(command.output, {command.input}, "trace");
  if (!is_trace_file(command.output)) {
    throw_input_error("trace {}: expected a name that ends in .h5 or .hdf5, as those of traces do",
                      command.output);
  }
  dataset::check_trace_is_new(command.output);
  std::ifstream text(command.input);
  if (!text) throw_input_error("'{}' cannot be read: {}", command.input, errno_text());
  const Invocations invocations =
      read_azure_trace(text, command.input, command.first_minute, command.minutes, command.seed);
  std::vector<std::pair<double, std::uint32_t>> requests;
  for (std::size_t function = 0; function < invocations.times.size(); ++function) {
    const auto model = static_cast<std::uint32_t>(function % trace.models.size());
    for (const double at : invocations.times[function]) requests.emplace_back(at, model);
  }
  std::sort(requests.begin(), requests.end());
  std::mt19937_64 random(command.seed);
  std::uniform_int_distribution<std::int64_t> row(0, command.rows - 1);
  for (const auto& [at, model] : requests) {
    trace.arrival.push_back(at);
    trace.model.push_back(model);
    trace.deadline_class.push_back(model);
    trace.row.push_back(row(random));
  }
  write_request_trace(command.output, trace);
  const auto count = static_cast<std::int64_t>(requests.size());
  say(stdout,
      fmt::format("{}: {} requests of {} functions for {} models, {} from first to last\n",
                  command.output, grouped(count),
                  grouped(static_cast<std::int64_t>(invocations.times.size())), trace.models.size(),
                  duration_text(trace.arrival.back() - trace.arrival.front())));
  return kDone;
}

}  // namespace widepipe::jobs
