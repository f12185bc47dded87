#include "jobs/score_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "core/units.h"
#include "core/version.h"
#include "dataset/posix_file.h"
#include "device/device_list.h"
#include "jobs/constant_input.h"
#include "jobs/input_binding.h"
#include "jobs/output_binding.h"
#include "report/text_table.h"

namespace widepipe::jobs {
namespace {

std::string ports_text(const std::vector<model::Port>& ports) {
  std::string text;
  for (const model::Port& port : ports) {
    text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", port.name, name_of(port.dtype),
                        shape_with_batch(port.row_shape));
  }
  return text;
}

std::string state_text(const StreamSetup& setup) {
  switch (setup.decision().kind) {
    case dataset::ResumeKind::kFresh:
      return "new";
    case dataset::ResumeKind::kAlreadyComplete:
      return "complete, left as it is";
    case dataset::ResumeKind::kResume:
      break;
  }
  std::string text = fmt::format("resumed, {} of {} rows are done",
                                 grouped(setup.decision().done.count()), grouped(setup.rows()));
  if (setup.decision().retried > 0) {
    text += fmt::format(", {} that failed are tried again", grouped(setup.decision().retried));
  }
  return text;
}

/// A line an input, with what is taken of it and done to it.
std::string inputs_text(const StreamSetup& setup) {
  std::string text;
  for (const mpi_runtime::PortSource& port : setup.source()) {
    const dataset::RowSource& data = *port.dataset;
    const std::size_t files = data.files().size();
    text += fmt::format("  input   {}: {} rows of {}", data.name(), grouped(data.rows()),
                        data.dtype_name());
    if (files > 1) text += fmt::format(" from {} files", files);
    for (const auto& [name, value] : data.settings()) text += fmt::format("; {} {}", name, value);
    text += '\n';
  }
  for (const auto& [name, input] : setup.inputs()) {
    if (input.constant.empty()) continue;
    text += fmt::format("  value   {}: {} in every row\n", name, constant_text(input));
  }
  for (const auto& data : setup.carried()) {
    text += fmt::format("  carry   {}: {}\n", data->name(), data->dtype_name());
  }
  return text;
}

/// What "auto" came to, where it is not the built-in device.
std::string device_text(const StreamSetup& setup, const std::string& device) {
  if (device != device::kAutoDevice || setup.model().onnx().empty()) return "";
  return fmt::format("  device  {}, for the built-in device cannot run the model: {}\n",
                     device::chosen_device(device, setup.model()),
                     device::why_not_builtin(setup.model()));
}

std::string stream_text(const StreamSetup& setup, const std::string& device) {
  const model::Model& model = setup.model();
  std::string text = fmt::format("  model   {}: {} -> {}", model.label(),
                                 ports_text(model.inputs()), ports_text(model.outputs()));
  if (model.why_no_graph().empty()) {
    text += fmt::format("; {} parameters, {} multiply-adds a row", grouped(model.parameter_count()),
                        scaled(static_cast<double>(model.multiply_adds_per_row())));
  }
  text += '\n' + device_text(setup, device);
  text += inputs_text(setup);
  const std::string kept = outputs_text(setup.stream(), model, setup.outputs());
  text += fmt::format("  output  {}: {}{}, {}\n", dataset::to_string(setup.spec().target),
                      kept.empty() ? "" : kept + "; ",
                      bytes_text(static_cast<double>(dataset::raw_bytes(setup.spec()))),
                      state_text(setup));
  return text;
}

std::string ranks_table(const Fleet& fleet) {
  using Align = report::TextTable::Align;
  report::TextTable table({{"rank", Align::kRight},
                           {"host"},
                           {"CPUs", Align::kRight},
                           {"cores", Align::kRight},
                           {"device"},
                           {"instances", Align::kRight},
                           {"cores each", Align::kRight}});
  for (std::size_t rank = 0; rank < fleet.places.size(); ++rank) {
    const mpi_runtime::RankPlace& place = fleet.places[rank];
    const bool scheduler_only = rank == 0 && fleet.dedicated_scheduler;
    const bool idle = scheduler_only || !fleet.left_out[rank].empty();
    const device::DeviceConfig& config = fleet.devices[rank];
    table.add({std::to_string(rank), place.host, std::to_string(place.budget.cpus.size()),
               std::to_string(fleet.shares[rank].cores),
               scheduler_only ? "scheduler only"
               : idle         ? "left out"
                              : fmt::format("{} ({})", fleet.device_kind, place.isa),
               idle ? "-" : std::to_string(config.instances),
               idle ? "-" : std::to_string(config.cores_per_instance)});
  }
  return table.text();
}

}  // namespace

std::string start_text(const ScoreSetup& setup, const Fleet& fleet) {
  const bool several = setup.streams().size() > 1;
  std::string text =
      fmt::format("widepipe {}: score{}\n", kVersion,
                  several ? fmt::format(", {} streams", setup.streams().size()) : "");
  for (const auto& stream : setup.streams()) {
    if (several) text += fmt::format("{}\n", stream->stream().name);
    text += stream_text(*stream, setup.job().settings.device);
  }
  text += '\n' + ranks_table(fleet) + '\n';
  const auto sharing = std::count_if(fleet.shares.begin(), fleet.shares.end(),
                                     [](const auto& share) { return share.oversubscribed; });
  if (sharing > 0) {
    text += fmt::format(
        "warning: {} ranks share cores with others and take turns: start fewer, or give each "
        "its own (mpirun --bind-to core, srun --cpus-per-task)\n",
        sharing);
  }
  for (std::size_t rank = 0; rank < fleet.devices.size(); ++rank) {
    const int threads = fleet.devices[rank].instances * fleet.devices[rank].cores_per_instance;
    if (threads <= fleet.shares[rank].cores || fleet.shares[rank].oversubscribed) continue;
    text += fmt::format("warning: rank {}@{} runs {} threads on {} cores: they take turns\n", rank,
                        fleet.places[rank].host, threads, fleet.shares[rank].cores);
    break;  // one is enough to see what was asked for
  }
  for (const auto& stream : setup.streams()) {
    const std::string& reason = stream->model().binding().one_row_reason;
    if (!reason.empty()) {
      text += fmt::format("warning: {}rows run one at a time: {}\n",
                          stream_prefix(setup.job(), stream->stream()), reason);
    }
    for (const std::string& warning : stream->decision().warnings) {
      text += fmt::format("warning: {}{}\n", stream_prefix(setup.job(), stream->stream()), warning);
    }
  }
  return text;
}

std::string left_out_text(const Fleet& fleet, std::size_t rank, std::string_view no_work,
                          std::string_view why) {
  const std::string& host = fleet.places[rank].host;
  const bool others = std::any_of(fleet.places.begin(), fleet.places.end(),
                                  [&](const auto& place) { return place.host != host; });
  return fmt::format(
      "widepipe: the device of rank {}@{} gets {}: {}{}\n", rank, host, no_work, why,
      others ? fmt::format(" (--exclude={} keeps the node out of a Slurm job)", host) : "");
}

std::string dry_run_text(const ScoreSetup& setup, const std::vector<std::size_t>& active,
                         const std::vector<std::uint64_t>& memory) {
  std::string text = "dry run: nothing is computed or written\n";
  for (const std::size_t index : active) {
    const StreamSetup& stream = setup.stream(index);
    const bool fresh = stream.decision().kind == dataset::ResumeKind::kFresh;
    const std::int64_t rows = count_rows(stream.rows_to_compute());
    std::error_code unknown;
    const auto space = std::filesystem::space(dataset::folder_of(stream.output_file()), unknown);
    text += fmt::format("  {}rows    {} of {} to compute\n",
                        stream_prefix(setup.job(), stream.stream()), grouped(rows),
                        grouped(stream.rows()));
    text += fmt::format("  {}disk    {}{}{}\n", stream_prefix(setup.job(), stream.stream()),
                        bytes_text(static_cast<double>(dataset::raw_bytes(stream.spec()))),
                        fresh ? "" : ", reserved by an earlier run",
                        unknown ? ""
                                : fmt::format("; {} are free in its folder",
                                              bytes_text(static_cast<double>(space.available))));
  }
  const std::uint64_t most = *std::max_element(memory.begin(), memory.end());
  const std::uint64_t total = std::accumulate(memory.begin(), memory.end(), std::uint64_t{0});
  text += fmt::format("  memory  {} of weights and activations on a rank",
                      bytes_text(static_cast<double>(most)));
  if (memory.size() > 1) {
    text += fmt::format(" at most, {} on all {}", bytes_text(static_cast<double>(total)),
                        memory.size());
  }
  return text + '\n';
}

std::string failure_text(const dataset::FailedRecord& failed) {
  const RowRange rows = failed.rows;
  if (rows.count == 1) return fmt::format("row {}: {}", rows.first, failed.reason);
  return fmt::format("rows {} to {}: {}", rows.first, rows.end() - 1, failed.reason);
}

std::string failures_text(const std::string& prefix,
                          const std::vector<dataset::FailedRecord>& failed,
                          const dataset::OutputSpec& spec) {
  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(failed.size(), kShown); ++i) {
    text += fmt::format("failed: {}{}\n", prefix, failure_text(failed[i]));
  }
  if (failed.size() > kShown)
    text += fmt::format("failed: {}{} more\n", prefix, failed.size() - kShown);
  if (!failed.empty()) {
    text += fmt::format(
        "{}all failed rows: those with status 2 in {}:{}; reasons: {}; --retry-failed "
        "tries them again\n",
        prefix, spec.target.file, spec.status_path, dataset::journal_path(spec.target.file));
  }
  return text;
}

}  // namespace widepipe::jobs
