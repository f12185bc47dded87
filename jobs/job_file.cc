#include "jobs/job_file.h"

#include <filesystem>
#include <utility>

#include "core/error.h"
#include "jobs/toml_table.h"

namespace widepipe::jobs {
namespace {

constexpr std::int64_t kMostAxes = 16;

class JobParser {
 public:
  explicit JobParser(const std::string& path)
      : file_(path), folder_(std::filesystem::path(path).parent_path()) {}

  JobSpec parse(std::string_view text);

 private:
  JobSettings settings(const TomlTable& job) const;
  StreamSpec stream(const toml::table& table) const;
  std::vector<InputSpec> inputs(const TomlTable& stream) const;
  InputSpec input(const TomlTable& inputs, const std::string& name) const;
  std::vector<OutputChoice> outputs(const TomlTable& stream) const;
  OutputChoice output(const TomlTable& outputs, const std::string& name) const;
  static std::optional<std::int64_t> batch(const TomlTable& table);
  static std::optional<bool> fail_nonfinite(const TomlTable& table);
  static dataset::RowWindow rows(const TomlTable& stream);
  void check_names(const std::vector<StreamSpec>& streams) const;
  dataset::DatasetRef dataset_ref(const std::string& text, const toml::node& node) const;
  std::string resolved(const std::string& path) const;

  std::string file_;
  std::filesystem::path folder_;
};

JobSpec JobParser::parse(std::string_view text) {
  const toml::table root = parse_toml(text, file_);
  const TomlTable top(root, file_, "the job file", {"job", "stream"});
  JobSpec job;
  job.file = file_;
  if (const toml::table* table = top.table("job")) {
    job.settings =
        settings(TomlTable(*table, file_, "[job]",
                           {"allow_mixed", "batch", "cores", "dedicated_scheduler", "device",
                            "instances", "isa", "on_nonfinite", "precision", "quiet", "report",
                            "restart", "round_period", "rows_via", "write_via"}));
  }
  const toml::node* streams = top.find("stream");
  if (streams == nullptr) top.missing("[[stream]]");
  if (!streams->is_array_of_tables()) {
    top.unexpected("stream", *streams, "[[stream]], in two brackets, once for each stream");
  }
  for (const toml::node& node : *streams->as_array())
    job.streams.push_back(stream(*node.as_table()));
  check_names(job.streams);
  return job;
}

JobSettings JobParser::settings(const TomlTable& job) const {
  JobSettings settings;
  if (job.find("restart") != nullptr) {
    job.refuse("restart",
               "'restart' in [job]: belongs on the command line (--restart): in a job file it "
               "would throw away the rows of every earlier run");
  }
  if (const auto device = job.text("device")) settings.device = *device;
  if (const auto precision = job.text("precision")) {
    if (std::find(std::begin(kPrecisions), std::end(kPrecisions), *precision) ==
        std::end(kPrecisions)) {
      job.unexpected("precision", *job.find("precision"), "'f32', 'f16', 'bf16' or 'auto'");
    }
    settings.precision = *precision;
  }
  if (const auto isa = job.text("isa")) settings.isa = *isa;
  settings.batch_rows = batch(job).value_or(0);
  settings.instances = static_cast<int>(job.whole("instances", 1, kMostInstances).value_or(0));
  settings.cores = static_cast<int>(job.whole("cores", 1, kMostInstances).value_or(0));
  if (const auto via = job.text("rows_via")) {
    if (*via != "ranks" && *via != "scatter") {
      job.unexpected("rows_via", *job.find("rows_via"), "'ranks' or 'scatter'");
    }
    settings.scatter_rows = *via == "scatter";
  }
  if (const auto via = job.text("write_via")) {
    if (*via != "gather" && *via != "ranks") {
      job.unexpected("write_via", *job.find("write_via"), "'gather' or 'ranks'");
    }
    settings.write_via_ranks = *via == "ranks";
  }
  settings.fail_nonfinite = fail_nonfinite(job).value_or(false);
  settings.dedicated_scheduler = job.boolean("dedicated_scheduler").value_or(false);
  settings.allow_mixed = job.boolean("allow_mixed").value_or(false);
  settings.quiet = job.boolean("quiet").value_or(false);
  if (const auto report = job.text("report")) settings.report_file = resolved(*report);
  settings.round_period_ms =
      job.number("round_period", 0, kLongestRoundPeriodMs).value_or(settings.round_period_ms);
  return settings;
}

StreamSpec JobParser::stream(const toml::table& table) const {
  const TomlTable keys(table, file_, "[[stream]]",
                       {"batch", "carry", "input", "inputs", "limit", "model", "name",
                        "on_nonfinite", "output", "outputs", "rows"});
  StreamSpec stream;
  stream.where =
      fmt::format("{}:{}:{}", file_, table.source().begin.line, table.source().begin.column);
  const auto model = keys.text("model");
  if (!model) keys.missing("model");
  stream.model = resolved(*model);
  stream.name = keys.text("name").value_or(default_stream_name(*model));
  stream.inputs = inputs(keys);
  const auto output = keys.text("output");
  if (!output) keys.missing("output");
  stream.output = dataset_ref(*output, *keys.find("output"));
  stream.rows = rows(keys);
  stream.batch_rows = batch(keys);
  stream.fail_nonfinite = fail_nonfinite(keys);
  stream.outputs = outputs(keys);
  for (const TomlTable::Text& carried : keys.texts("carry")) {
    stream.carry.push_back(dataset_ref(carried.value, *carried.node));
  }
  return stream;
}

std::optional<std::int64_t> JobParser::batch(const TomlTable& table) {
  const toml::node* node = table.find("batch");
  if (node == nullptr) return std::nullopt;
  if (node->value_exact<std::string>() == "auto") return 0;
  const auto rows = node->value_exact<std::int64_t>();
  if (!rows || *rows < 1 || *rows > kMostBatchRows) {
    table.unexpected("batch", *node,
                     fmt::format("a whole number from 1 to {}, or 'auto'", kMostBatchRows));
  }
  return rows;
}

std::optional<bool> JobParser::fail_nonfinite(const TomlTable& table) {
  const auto rule = table.text("on_nonfinite");
  if (!rule) return std::nullopt;
  if (*rule != "keep" && *rule != "fail-row") {
    table.unexpected("on_nonfinite", *table.find("on_nonfinite"), "'keep' or 'fail-row'");
  }
  return *rule == "fail-row";
}

dataset::RowWindow JobParser::rows(const TomlTable& stream) {
  dataset::RowWindow window;
  if (const auto text = stream.text("rows")) {
    const auto parsed = parse_row_window(*text);
    if (!parsed) {
      stream.unexpected("rows", *stream.find("rows"),
                        "'FIRST:END' with FIRST < END, as in '0:5000', '100:' or ':100'");
    }
    window = *parsed;
  }
  window.limit = stream.whole("limit", 1, std::int64_t{1} << 62);
  return window;
}

std::vector<InputSpec> JobParser::inputs(const TomlTable& stream) const {
  const toml::table* named = stream.table("inputs");
  const auto only = stream.text("input");
  if (only && named != nullptr) {
    stream.refuse("inputs", "[[stream]] has both 'input' and 'inputs': expected one of them");
  }
  if (only) {
    InputSpec input;
    input.where = stream.where("input");
    input.source.data = dataset_ref(*only, *stream.find("input"));
    return {input};
  }
  if (named == nullptr) stream.missing("input");
  const TomlTable table(*named, file_, "[stream.inputs]", {});
  std::vector<InputSpec> inputs;
  for (const std::string& name : table.keys()) inputs.push_back(input(table, name));
  if (inputs.empty()) {
    stream.refuse("inputs", "[stream.inputs] is empty: expected a table for each model input");
  }
  return inputs;
}

InputSpec JobParser::input(const TomlTable& inputs, const std::string& name) const {
  InputSpec input;
  input.where = inputs.where(name);
  input.name = name;
  if (const auto data = inputs.find(name)->value_exact<std::string>()) {
    input.source.data = dataset_ref(*data, *inputs.find(name));
    return input;
  }
  const TomlTable table(*inputs.table(name), file_, fmt::format("[stream.inputs.{}]", name),
                        {"batch_axis", "channels_last", "data", "offset", "scale", "value"});
  const auto data = table.text("data");
  if (const auto value = table.numbers("value")) {
    for (const std::string& key : table.keys()) {
      if (key == "value") continue;
      table.refuse(key, fmt::format("{}: a constant 'value' takes no '{}'", table.title(), key));
    }
    input.constant = *value;
    return input;
  }
  if (!data) table.missing("data");
  input.source.data = dataset_ref(*data, *table.find("data"));
  input.source.scale = table.numbers("scale").value_or(std::vector<double>{});
  input.source.offset = table.numbers("offset").value_or(std::vector<double>{});
  input.source.channels_last = table.boolean("channels_last").value_or(false);
  input.batch_axis = table.whole("batch_axis", 0, kMostAxes - 1);
  return input;
}

std::vector<OutputChoice> JobParser::outputs(const TomlTable& stream) const {
  const toml::table* chosen = stream.table("outputs");
  if (chosen == nullptr) return {};
  const TomlTable table(*chosen, file_, "[stream.outputs]", {});
  std::vector<OutputChoice> outputs;
  for (const std::string& name : table.keys()) outputs.push_back(output(table, name));
  if (outputs.empty()) {
    stream.refuse("outputs", "[stream.outputs] is empty: leave it out to keep all outputs");
  }
  return outputs;
}

OutputChoice JobParser::output(const TomlTable& outputs, const std::string& name) const {
  constexpr std::string_view kExpected =
      "'raw', 'softmax', 'argmax', 'top5' or another number, or { form = \"topk\", k = 5 }";
  OutputChoice choice{.where = outputs.where(name), .name = name, .stored = {}};
  const toml::node& node = *outputs.find(name);
  const toml::table* table = node.as_table();
  std::string text = node.value_exact<std::string>().value_or("");
  if (table != nullptr) {
    const TomlTable keys(*table, file_, fmt::format("[stream.outputs.{}]", name), {"form", "k"});
    const auto form = keys.text("form");
    if (!form) keys.missing("form");
    const auto k = keys.whole("k", 1, kMostTop);
    if (*form == "topk" && !k) keys.missing("k");
    if (*form != "topk" && k) {
      keys.refuse("k", fmt::format("'k' goes with form 'topk', not '{}'", *form));
    }
    text = k ? fmt::format("top{}", *k) : *form;
  }
  const auto form = parse_form(text);
  if (!form) outputs.unexpected(name, node, kExpected);
  choice.stored = *form;
  return choice;
}

void JobParser::check_names(const std::vector<StreamSpec>& streams) const {
  for (std::size_t i = 0; i < streams.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (streams[i].name != streams[j].name) continue;
      throw_input_error(
          "{}: two streams are called '{}', the other at {}: expected a 'name' of its own for each",
          streams[i].where, streams[i].name, streams[j].where);
    }
  }
}

dataset::DatasetRef JobParser::dataset_ref(const std::string& text, const toml::node& node) const {
  try {
    dataset::DatasetRef ref = dataset::parse_dataset_ref(text);
    ref.file = resolved(ref.file);
    return ref;
  } catch (const InputError& error) {
    refuse_at(file_, node.source().begin, error.what());
  }
}

/// @MANIFEST keeps its sign.
std::string JobParser::resolved(const std::string& path) const {
  if (path.starts_with('@')) return '@' + (folder_ / path.substr(1)).string();
  return (folder_ / path).string();
}

}  // namespace

std::string read_job_file(const std::string& path) { return read_toml_file("job file", path); }

JobSpec parse_job(std::string_view text, const std::string& path) {
  return JobParser(path).parse(text);
}

}  // namespace widepipe::jobs
