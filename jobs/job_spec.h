#pragma once
// What a job is: streams, each a model with its rows and its output, and how they run. A job file
// and the short form on the command line both become this.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/dataset_ref.h"
#include "dataset/row_transform.h"
#include "dataset/source_spec.h"

namespace widepipe::jobs {

inline constexpr int kMostInstances = 1024;
inline constexpr int kMostDevices = 1'000'000;
inline constexpr std::string_view kPrecisions[] = {"f32", "f16", "bf16", "auto"};
inline constexpr std::int64_t kMostBatchRows = std::int64_t{1} << 31;
inline constexpr double kLongestRoundPeriodMs = 10'000;
inline constexpr double kLongestWatchdogSeconds = 1e6;
inline constexpr std::int64_t kMostTop = 1'000'000;
inline constexpr std::int64_t kMostShards = 100'000;

/// What holds for all streams of a job. Zero means "choose".
struct JobSettings {
  std::string device = "cpu";
  std::string precision = "f32";
  std::string isa;  ///< instruction set to pin; empty for the processor's best
  std::int64_t batch_rows = 0;
  int instances = 0;
  int cores = 0;  ///< cores an instance
  bool scatter_rows = false;
  bool write_via_ranks = false;  ///< ranks write their results; otherwise rank 0 writes all
  bool fail_nonfinite = false;   ///< rows with a NaN or an infinity in an output fail
  bool dedicated_scheduler = false;
  bool restart = false;
  bool retry_failed = false;
  bool dry_run = false;  ///< check and tell, but compute and write nothing
  /// Rows and models alone are wanted: outputs are not looked at, whatever state they are in.
  bool without_outputs = false;
  bool allow_mixed = false;
  bool quiet = false;
  std::string report_file;
  double round_period_ms = 2.0;
  /// Until the allocation ends, from the start of the run; infinity if it does not. Nothing:
  /// Slurm's environment says.
  std::optional<double> seconds_left;
  double watchdog_seconds = 60;  ///< 0: none
  int min_devices = 1;           ///< with fewer that pass the start-up check the job is refused
  bool trust_devices = false;    ///< no start-up check
  double recheck_share = 0;      ///< of the rows, computed once more on another device
  std::optional<dataset::Shard> shard;  ///< of each stream's rows, to a file of its own
};

/// Zero: none.
std::chrono::milliseconds watchdog_time(const JobSettings& settings);

/// What feeds one input of a model: rows of data sets, or the same value for every row.
struct InputSpec {
  std::string where;  ///< begins messages: "job.toml:7:1", "--input x=in.h5:/x"
  /// Of the model's input. Empty: its only one, or the one whose name and "=" begin source.data.
  std::string name;
  dataset::SourceSpec source;
  /// Not empty: a constant, one value or as many as the input has elements.
  std::vector<double> constant;
  std::optional<std::int64_t> batch_axis;
};

struct StoredForm {
  dataset::OutputForm form = dataset::OutputForm::kRaw;
  std::int64_t k = 0;  ///< of kTopK
};

/// An output of the model that is kept, and what is written of it.
struct OutputChoice {
  std::string where;
  std::string name;  ///< empty: its only one
  StoredForm stored;
};

/// Rows through a model into a file.
struct StreamSpec {
  std::string where;  ///< begins messages: "job.toml:5:1", or empty
  std::string name;   ///< unique in the job
  std::string model;  ///< path
  std::vector<InputSpec> inputs;
  dataset::DatasetRef output;
  dataset::RowWindow rows;
  std::optional<std::int64_t> batch_rows;  ///< instead of the job's; 0 adapts
  std::optional<bool> fail_nonfinite;      ///< instead of the job's
  std::vector<OutputChoice> outputs;       ///< empty: all, raw
  std::vector<dataset::DatasetRef> carry;  ///< data sets whose rows go to the output as they are
};

struct JobSpec {
  std::string file;  ///< the job file, or empty
  JobSettings settings;
  std::vector<StreamSpec> streams;
};

/// Sets one of the settings as the command line says.
using Override = std::function<void(JobSettings&)>;

/// What the command line of `widepipe score` says: a job file, or a model, its inputs and an
/// output.
struct ScoreCommand {
  std::string job_file;
  std::string model;
  std::vector<std::string> inputs;  ///< FILE:/path, or NAME=FILE:/path for each model input
  std::vector<std::string> values;  ///< NAME=NUMBER,...: inputs that are the same for every row
  std::string output;               ///< FILE:/path
  std::vector<std::string> forms;   ///< FORM, or NAME=FORM for each output that is kept
  std::vector<std::string> carry;   ///< FILE:/path
  dataset::RowWindow window;        ///< which rows of them
  std::vector<Override> overrides;
};

/// "12" is 12; nothing if there is anything else than digits.
std::optional<std::int64_t> parse_digits(std::string_view text);

/// "0:5000", "100:" or ":100": from the first row up to before the second. Nothing if that is not
/// what the text says, or if there is no row between.
std::optional<dataset::RowWindow> parse_row_window(std::string_view text);

/// "3/16": the fourth of 16. Nothing if that is not what the text says.
std::optional<dataset::Shard> parse_shard(std::string_view text);

/// "raw", "softmax", "argmax", "top5". Nothing if the text is none of these.
std::optional<StoredForm> parse_form(std::string_view text);

/// "sr=16000" or "mean=0.5,0.25,1". Throws InputError that names the option.
InputSpec parse_value(const std::string& argument);

/// "digits" of "models/digits.onnx": what a stream is called that has no name.
std::string default_stream_name(const std::string& model);

/// "stream 'digits': ", or empty in a job of one stream: what messages about a stream begin with.
std::string stream_prefix(const JobSpec& job, const StreamSpec& stream);

/// The job of one stream that the short form describes. Throws InputError: malformed data sets.
JobSpec short_job(const ScoreCommand& command);

}  // namespace widepipe::jobs
