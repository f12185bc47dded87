#include "jobs/trace_workload.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "core/error.h"
#include "dataset/request_trace.h"

namespace widepipe::jobs {
namespace {

constexpr double kMilli = 1e-3;

int network_of(const std::string& model, const std::string& file,
               const npu_model::Profile& profile) {
  const int network = find_network(profile, model.substr(0, model.find('/')));
  if (network >= 0) return network;
  std::vector<std::string> names;
  for (const npu_model::Network& one : profile.networks) names.push_back(one.name);
  throw_input_error("{}:/models: model '{}' is not in the profile '{}', which has {}", file, model,
                    profile.name, fmt::join(names, ", "));
}

}  // namespace

bool is_trace_file(std::string_view name) {
  return name.ends_with(".h5") || name.ends_with(".hdf5");
}

rl::WorkloadSpec load_trace(const std::string& file, const npu_model::Profile& profile) {
  dataset::RequestTrace requests = dataset::read_request_trace(file);
  std::vector<int> networks;
  for (const std::string& model : requests.models) {
    networks.push_back(network_of(model, file, profile));
  }
  auto trace = std::make_shared<rl::Trace>();
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> streams;  // by model, then class
  for (std::size_t i = 0; i < requests.arrival.size(); ++i) {
    streams[{requests.model[i], requests.deadline_class[i]}] = 0;
  }
  std::map<std::string, int> numbers;  // of the models that are asked for
  for (auto& [kind, stream] : streams) {
    stream = static_cast<std::uint32_t>(trace->streams.size());
    const int next = static_cast<int>(numbers.size());
    const std::string& model = requests.models[kind.first];
    trace->streams.push_back({.name = model,
                              .weights = model,
                              .model = numbers.try_emplace(model, next).first->second,
                              .network = networks[kind.first],
                              .slo = requests.deadlines[kind.second]});
  }
  for (std::size_t i = 0; i < requests.arrival.size(); ++i) {
    trace->stream.push_back(streams.at({requests.model[i], requests.deadline_class[i]}));
  }
  // Streams of one model are told apart by their deadlines.
  std::map<std::string, int> times;
  for (const rl::WorkloadStream& stream : trace->streams) ++times[stream.name];
  for (rl::WorkloadStream& stream : trace->streams) {
    if (times[stream.name] > 1) stream.name += fmt::format(" {:g} ms", stream.slo / kMilli);
  }
  trace->arrivals = std::move(requests.arrival);
  trace->rows = std::move(requests.row);
  rl::WorkloadSpec workload;
  workload.name = std::filesystem::path(file).stem();
  workload.trace = std::move(trace);
  return workload;
}

}  // namespace widepipe::jobs
