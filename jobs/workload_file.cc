#include "jobs/workload_file.h"

#include <fmt/format.h>

#include <filesystem>

#include "core/error.h"
#include "dataset/request_trace.h"
#include "jobs/built_in_files.h"
#include "jobs/toml_table.h"
#include "jobs/trace_workload.h"

namespace widepipe::jobs {
namespace {

constexpr std::int64_t kMostPlaces = 1'000'000;

rl::Rotation rotation(const TomlTable& table) {
  const auto places = table.whole("places", -kMostPlaces, kMostPlaces);
  if (!places) table.missing("places");
  return {.at = needed_number(table, "at"), .places = static_cast<int>(*places)};
}

/// A data set has no arrivals, and its rows have no deadlines.
void refuse_arrivals(const TomlTable& top) {
  for (const char* key :
       {"slo_factor", "cv", "redraw_period_s", "redraw_sigma", "diurnal", "rotation"}) {
    if (top.find(key) == nullptr) continue;
    top.refuse(key, fmt::format("{} is of arrivals with deadlines: a bulk workload has none", key));
  }
}

}  // namespace

rl::WorkloadSpec parse_workload(std::string_view text, const std::string& file,
                                const npu_model::Profile& profile) {
  const toml::table root = parse_toml(text, file);
  const TomlTable top(
      root, file, "the workload",
      {"bulk", "cv", "diurnal", "fleet", "name", "networks", "pass", "redraw_period_s",
       "redraw_sigma", "rotation", "shuffled", "slo_factor", "variants", "zipf"});
  rl::WorkloadSpec workload;
  workload.name = needed_text(top, "name");
  workload.fleet = top.text("fleet").value_or(workload.fleet);
  if (is_toml_file(workload.fleet)) {
    workload.fleet = std::filesystem::path(file).parent_path() / workload.fleet;
  }
  for (TomlTable::Text& network : top.texts("networks")) {
    workload.networks.push_back(std::move(network.value));
  }
  workload.zipf = any_number(top, "zipf").value_or(workload.zipf);
  workload.slo_factors = top.numbers("slo_factor").value_or(workload.slo_factors);
  workload.variants =
      static_cast<int>(top.whole("variants", 1, kMostPlaces).value_or(workload.variants));
  workload.shuffled = top.boolean("shuffled").value_or(workload.shuffled);
  workload.bulk = top.boolean("bulk").value_or(workload.bulk);
  if (workload.bulk) refuse_arrivals(top);
  workload.cv = any_number(top, "cv").value_or(workload.cv);
  workload.redraw_period = any_number(top, "redraw_period_s").value_or(workload.redraw_period);
  workload.redraw_sigma = any_number(top, "redraw_sigma").value_or(workload.redraw_sigma);
  workload.diurnal = any_number(top, "diurnal").value_or(workload.diurnal);
  for (const toml::table* table : tables_of(top, "rotation")) {
    workload.rotations.push_back(
        rotation(TomlTable(*table, file, "[[rotation]]", {"at", "places"})));
  }
  if (const toml::table* table = top.table("pass")) {
    const TomlTable pass(*table, file, "[pass]", {"all", "each", "streams"});
    workload.pass.all = any_number(pass, "all").value_or(workload.pass.all);
    workload.pass.each = any_number(pass, "each").value_or(workload.pass.each);
    workload.pass.streams = any_number(pass, "streams").value_or(workload.pass.streams);
  }
  if (const std::string problem = problem_of(workload, profile); !problem.empty()) {
    throw_input_error("{}: {}", file, problem);
  }
  return workload;
}

rl::WorkloadSpec load_workload(const std::string& name_or_file, const npu_model::Profile& profile) {
  if (is_trace_file(name_or_file)) return load_trace(name_or_file, profile);
  const NamedText named = text_of(kWorkload, name_or_file);
  return parse_workload(named.text, named.file, profile);
}

std::string workload_identity(const std::string& name_or_file) {
  if (!is_trace_file(name_or_file)) return text_of(kWorkload, name_or_file).text;
  return content_hash(dataset::read_request_trace(name_or_file));
}

}  // namespace widepipe::jobs
