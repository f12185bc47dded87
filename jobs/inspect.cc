#include "jobs/inspect.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string_view>
#include <utility>

#include "core/cpu.h"
#include "core/error.h"
#include "core/units.h"
#include "dataset/dataset_ref.h"
#include "dataset/existing_output.h"
#include "dataset/hdf5_tree.h"
#include "dataset/journal.h"
#include "dataset/open_source.h"
#include "device/device.h"
#include "jobs/constant_input.h"
#include "jobs/input_binding.h"
#include "jobs/job_spec.h"
#include "jobs/model_file.h"
#include "jobs/score_text.h"
#include "kernels/isa.h"
#include "model/plan.h"
#include "report/text_table.h"

namespace widepipe::jobs {
namespace {

using report::TextTable;
using Align = TextTable::Align;

void print_ports(const char* title, const std::vector<model::Port>& ports) {
  for (const model::Port& port : ports) {
    fmt::print("{:<15}{} {}{}, {} a row\n", title, port.name, name_of(port.dtype),
               shape_with_batch(port.row_shape),
               bytes_text(static_cast<double>(port.bytes_per_row)));
  }
}

/// "Conv 2, Gemm 2, MaxPool 2": what is left to compute after folding and fusing.
std::string operators_text(const model::Graph& graph) {
  std::map<std::string, int> counts;
  for (const model::Node& node : graph.nodes) ++counts[node.op];
  std::vector<std::string> texts;
  for (const auto& [op, count] : counts) texts.push_back(fmt::format("{} {}", op, count));
  return fmt::format("{}", fmt::join(texts, ", "));
}

void print_memory(const std::shared_ptr<const model::Model>& model,
                  const std::vector<std::int64_t>& batches) {
  TextTable table({{"rows", Align::kRight},
                   {"activations", Align::kRight},
                   {"packed weights", Align::kRight},
                   {"inputs and outputs", Align::kRight}});
  std::size_t port_bytes = 0;
  for (const model::Port& port : model->inputs()) port_bytes += port.bytes_per_row;
  for (const model::Port& port : model->outputs()) port_bytes += port.bytes_per_row;
  for (const std::int64_t rows : batches) {
    auto weights = std::make_shared<kernels::WeightStore>();
    const model::Plan plan(model, weights, rows, 1);
    table.add({grouped(rows), bytes_text(static_cast<double>(plan.arena_bytes())),
               bytes_text(static_cast<double>(weights->bytes())),
               bytes_text(static_cast<double>(port_bytes) * static_cast<double>(rows))});
  }
  fmt::print("\nmemory of one instance, by the rows it computes at a time\n{}", table.text());
}

void print_kernels(const std::shared_ptr<const model::Model>& model, std::int64_t rows) {
  const model::Plan plan(model, std::make_shared<kernels::WeightStore>(), rows, 1);
  TextTable table({{"node"}, {"operator"}, {"kernel"}, {"fused"}, {"declined before it"}});
  for (const model::StepInfo& step : plan.steps()) {
    std::vector<std::string> declined;
    for (const kernels::Decline& decline : step.declined) {
      declined.push_back(fmt::format("{}: {}", decline.kernel, decline.reason));
    }
    table.add({step.node, step.op, step.kernel, step.activation,
               fmt::format("{}", fmt::join(declined, "; "))});
  }
  fmt::print("\nkernels for {} row{}\n{}", rows, rows == 1 ? "" : "s", table.text(1000));
}

/// "x=3x48x192", or without a name for a model of one input.
std::pair<std::string, Shape> parse_shape(const std::string& argument,
                                          const model::Declared& declared) {
  const std::size_t equals = argument.rfind('=');
  std::string name = equals == std::string::npos ? "" : argument.substr(0, equals);
  if (name.empty() && declared.inputs.size() == 1) name = declared.inputs.front().name;
  Shape shape;
  bool good = !name.empty();
  for (std::size_t begin = equals + 1; good;) {  // npos + 1 is 0
    const std::size_t x = std::min(argument.find('x', begin), argument.size());
    const auto size = parse_digits(std::string_view(argument).substr(begin, x - begin));
    good = size && *size > 0;
    shape.push_back(size.value_or(0));
    if (x == argument.size()) break;
    begin = x + 1;
  }
  if (good) return {name, shape};
  throw_input_error("--shape {}: expected NAME=AxBxC, as in x=3x48x192{}", argument,
                    declared.inputs.size() == 1 ? ", or AxBxC" : "");
}

model::Binding binding_of(const InspectOptions& options, const model::Declared& declared) {
  model::Binding binding;
  const std::string label = file_name(options.target);
  for (const std::string& argument : options.values) {
    const InputSpec value = parse_value(argument);
    const auto input = std::find_if(declared.inputs.begin(), declared.inputs.end(),
                                    [&](const auto& one) { return one.name == value.name; });
    if (input == declared.inputs.end()) {
      throw_input_error("{}: {} has no input '{}'", value.where, label, value.name);
    }
    binding.constants.emplace(input->name, constant_tensor(label, *input, value));
  }
  for (const std::string& argument : options.shapes) {
    binding.row_shapes.insert(parse_shape(argument, declared));
  }
  for (const model::DeclaredInput& input : declared.inputs) {
    if (binding.constants.contains(input.name) || binding.row_shapes.contains(input.name)) continue;
    if (input.shape.empty()) {
      throw_input_error("{}: input '{}' is a scalar: give it a value, --value {}=NUMBER", label,
                        input.name, input.name);
    }
    if (has_open_sizes(input, false)) {
      throw_input_error(
          "{}: input '{}' {} leaves sizes open: give the shape of a row, as in --shape {}=3x48x192",
          label, input.name, to_string(input.shape), input.name);
    }
  }
  return binding;
}

/// What a job has to decide: the bound inputs are printed later.
void print_open(const model::Declared& declared) {
  for (const model::DeclaredInput& input : declared.inputs) {
    if (!input.shape.empty() && !has_open_sizes(input, false)) continue;
    fmt::print("{:<15}{} {}{}\n", "declared input", input.name, name_of(input.dtype),
               to_string(input.shape));
  }
}

int inspect_model(const InspectOptions& options) {
  const ModelFile file = read_model_file(options.target);
  fmt::print("{:<15}{}, {}\n", "model", options.target,
             bytes_text(static_cast<double>(file.size())));
  const auto bind = [&](const model::Declared& declared) {
    print_open(declared);
    return binding_of(options, declared);
  };
  const auto model = model::Model::from_bytes(file.bytes, file_name(options.target),
                                              {.external = file.external, .bind = bind});
  fmt::print("{:<15}{}\n", "hash", model->hash());
  print_ports("input", model->inputs());
  print_ports("output", model->outputs());
  if (model->max_batch() == 1) {
    fmt::print("{:<15}rows run one at a time: {}\n", "batch", model->binding().one_row_reason);
  }
  fmt::print("{:<15}{}\n", "parameters", grouped(model->parameter_count()));
  fmt::print("{:<15}{} a row\n", "multiply-adds",
             scaled(static_cast<double>(model->multiply_adds_per_row())));
  fmt::print("{:<15}{} (after folding and fusing)\n", "operators", operators_text(model->graph()));
  // Planning asks every kernel: a node that none supports ends here, with all reasons.
  const model::Plan plan(model, std::make_shared<kernels::WeightStore>(), 1, 1);
  fmt::print("{:<15}yes, on the built-in cpu device ({})\n", "supported", kernels::effective_isa());
  std::vector<std::int64_t> batches = options.batches;
  std::erase_if(batches, [&](std::int64_t rows) { return rows > model->max_batch(); });
  if (batches.empty()) batches = {1};
  print_memory(model, batches);
  if (options.kernels) print_kernels(model, batches.back());
  return 0;
}

void print_journal(const std::string& file) {
  const std::string path = dataset::journal_path(file);
  if (!std::filesystem::exists(path)) {
    fmt::print("\njournal        none beside it\n");
    return;
  }
  const dataset::JournalContents journal = dataset::read_journal(path);
  fmt::print("\njournal        {}\n", path);
  fmt::print("  rows       {} of {} done, {} failed{}\n", grouped(journal.done.count()),
             grouped(journal.header.rows), grouped(journal.failed_rows()),
             journal.finished ? "; complete" : "; resumable");
  for (const auto& [name, value] : journal.header.identity) {
    fmt::print("  {}: {}\n", name, value);
  }
  for (const dataset::StringFields& run : journal.runs) {
    std::vector<std::string> fields;
    for (const auto& [name, value] : run) fields.push_back(fmt::format("{} {}", name, value));
    fmt::print("  run: {}\n", fmt::join(fields, ", "));
  }
  for (const dataset::FailedRecord& failed : journal.failed) {
    fmt::print("  failed: {}\n", failure_text(failed));
  }
  for (const std::string& warning : journal.warnings) fmt::print("  warning: {}\n", warning);
}

int inspect_file(const std::string& file) {
  const std::vector<dataset::DatasetEntry> entries = dataset::list_datasets(file);
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  fmt::print("{:<15}{}, {}\n\n", "file", file, bytes_text(static_cast<double>(size)));
  TextTable table({{"data set"}, {"type"}, {"shape"}});
  for (const dataset::DatasetEntry& entry : entries) {
    table.add({entry.path, entry.type, to_string(entry.shape)});
  }
  fmt::print("{}", table.text(200));
  const dataset::ExistingOutput output = dataset::inspect_existing(file);
  if (output.state != dataset::OutputState::kOurs) return 0;
  fmt::print("\noutput of widepipe\n");
  for (const auto& [name, value] : output.attributes) fmt::print("  {}: {}\n", name, value);
  print_journal(file);
  return 0;
}

int inspect_dataset(const std::string& target) {
  const auto data = dataset::open_source({.data = dataset::parse_dataset_ref(target)}, {});
  for (const auto& [name, value] : data->describe()) fmt::print("{:<15}{}\n", name, value);
  return 0;
}

bool begins_like_hdf5(const std::string& file) {
  constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
  std::string begin(kSignature.size(), '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return begin == kSignature;
}

int inspect_devices() {
  const CpuBudget budget = read_cpu_budget();
  fmt::print("{:<15}{}\n", "host", host_name());
  fmt::print("{:<15}{}\n", "processor", cpu_model_name());
  fmt::print("{:<15}{} CPUs on {} cores{}\n", "may use", budget.cpus.size(), budget.cores,
             budget.quota_cores > 0
                 ? fmt::format(", of which a cgroup grants the time of {:.2g}", budget.quota_cores)
                 : "");
  fmt::print("{:<15}{}\n\n", "kernels", kernels::kernel_library_versions());
  TextTable table(
      {{"device"}, {"description"}, {"instances", Align::kRight}, {"cores each", Align::kRight}});
  for (const device::DeviceKind& kind : device::device_kinds()) {
    for (const std::string& part : kind.parts ? kind.parts() : std::vector<std::string>{""}) {
      const auto device =
          kind.make({.instances = budget.usable(), .part = part}, [](const device::Completion&) {});
      const device::DeviceInfo& info = device->info();
      table.add({info.kind, info.description, std::to_string(info.instances),
                 std::to_string(info.cores_per_instance)});
    }
  }
  fmt::print("{}", table.text());
  return 0;
}

}  // namespace

int run_inspect(const InspectOptions& options) {
  if (!options.isa.empty()) kernels::pin_isa(options.isa);
  const std::string& target = options.target;
  if (target == "devices") return inspect_devices();
  if (target.find(":/") != std::string::npos) return inspect_dataset(target);
  const std::string suffix = std::filesystem::path(target).extension().string();
  if (suffix == ".h5" || suffix == ".hdf5" || begins_like_hdf5(target)) return inspect_file(target);
  return inspect_model(options);
}

}  // namespace widepipe::jobs
