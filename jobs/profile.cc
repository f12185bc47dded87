#include "jobs/profile.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/console.h"
#include "core/cpu.h"
#include "core/error.h"
#include "device/device_list.h"
#include "jobs/exit_codes.h"
#include "jobs/profile_text.h"
#include "jobs/profile_timing.h"
#include "jobs/ready_job.h"
#include "jobs/report_file.h"
#include "jobs/seconds_since.h"
#include "model/plan.h"
#include "mpi_runtime/serial_collectives.h"
#include "report/run_report.h"

namespace widepipe::jobs {
namespace {

using npu_model::NeighbourTiming;
using npu_model::Timing;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

constexpr double kMedianOfExponential = 0.693;

/// By how much single times exceed the least, as the mean of an exponential: from their median.
double spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[values.size() / 2] / values.front() - 1) / kMedianOfExponential;
}

std::vector<int> powers_of_two(int most) {
  std::vector<int> powers;
  for (int one = 1; one <= most; one *= 2) powers.push_back(one);
  return powers;
}

/// The job's models on this machine, timed.
class Profiler {
 public:
  explicit Profiler(const ProfileCommand& command);

  /// Those that the job reads or writes, its report included.
  std::vector<std::string> files() const;
  Profiled profile();
  const JobSettings& settings() const { return job_.settings(); }

 private:
  static ScoreCommand only_looking(ScoreCommand score);
  void gather_models();
  npu_model::Profile known() const;
  npu_model::Fit fitted() const;
  std::vector<int> batches_of(std::size_t model) const;
  void time_alone(int cores, double seconds);
  void time_together(int instances, double seconds);
  device::DeviceConfig layout(int instances, int cores) const;
  double alone_seconds(std::size_t model, int cores, int batch) const;

  const ProfileCommand& command_;
  const std::unique_ptr<mpi_runtime::Collectives> alone_ = mpi_runtime::make_serial_collectives();
  ReadyJob job_;
  std::vector<ProfiledModel> models_;
  int cores_ = 1;
  std::vector<Timing> timings_;
  std::vector<NeighbourTiming> beside_;
  std::vector<double> spreads_;
  std::vector<double> load_seconds_;
};

ScoreCommand Profiler::only_looking(ScoreCommand score) {
  score.overrides.emplace_back([](JobSettings& settings) { settings.without_outputs = true; });
  return score;
}

Profiler::Profiler(const ProfileCommand& command)
    : command_(command), job_(only_looking(command.score), *alone_) {
  const int share = job_.fleet().shares.front().cores;
  cores_ = settings().cores > 0 ? std::min(settings().cores, share) : share;
  gather_models();
}

std::vector<std::string> Profiler::files() const {
  std::vector<std::string> files = job_.setup().files();
  files.push_back(settings().report_file);
  return files;
}

/// Streams with one model are one network.
void Profiler::gather_models() {
  for (std::size_t id = 0; id < job_.active().size(); ++id) {
    const StreamSetup& setup = job_.setup().stream(job_.active()[id]);
    const auto& model = job_.models()[id];
    const bool again = std::any_of(models_.begin(), models_.end(),
                                   [&](const auto& one) { return one.model == model; });
    if (again) continue;
    if (!model->why_no_graph().empty()) {
      throw_input_error("{}: cannot be profiled: its work is not known here: {}", model->label(),
                        model->why_no_graph());
    }
    std::optional<KnownRow> row = known_row(model, setup.source());
    if (!row) throw_input_error("{}: none of a few rows can be computed", setup.input_text());
    if (model->max_batch() < 2) {
      throw_input_error("{}: cannot be profiled: its rows go one at a time: {}", model->label(),
                        model->binding().one_row_reason);
    }
    if (model->multiply_adds_per_row() == 0) {
      throw_input_error("{}: cannot be profiled: it has no Conv, Gemm or MatMul", model->label());
    }
    models_.push_back({setup.stream().name, model, std::move(*row)});
  }
}

std::vector<int> Profiler::batches_of(std::size_t model) const {
  std::vector<int> batches = powers_of_two(command_.max_batch);
  const std::int64_t most = models_[model].model->max_batch();
  std::erase_if(batches, [&](int batch) { return batch > most; });
  return batches;
}

device::DeviceConfig Profiler::layout(int instances, int cores) const {
  device::DeviceConfig config = job_.fleet().devices.front();
  config.instances = instances;
  config.cores_per_instance = cores;
  return config;
}

void Profiler::time_alone(int cores, double seconds) {
  ProfiledDevice device(job_.fleet().device_kind, layout(1, cores), models_);
  if (load_seconds_.empty()) load_seconds_ = device.load_seconds();
  for (std::size_t model = 0; model < models_.size(); ++model) {
    const std::vector<int> batches = batches_of(model);
    const double each = seconds / static_cast<double>(models_.size() * batches.size());
    for (const int batch : batches) {
      const std::vector<double> times = device.alone({model, batch}, each);
      timings_.push_back({model, cores, batch, median(times)});
      spreads_.push_back(spread(times));
    }
  }
}

double Profiler::alone_seconds(std::size_t model, int cores, int batch) const {
  const auto found = std::find_if(timings_.begin(), timings_.end(), [&](const Timing& timing) {
    return timing.network == model && timing.cores == cores && timing.batch == batch;
  });
  return found->seconds;
}

/// All pairs of models on instances of one core, and one on all instances.
void Profiler::time_together(int instances, double seconds) {
  constexpr int kBatch = 8;
  ProfiledDevice device(job_.fleet().device_kind, layout(instances, 1), models_);
  std::vector<std::vector<ProfiledDevice::Batch>> sets;
  const auto largest = [&](std::size_t model) {
    return std::min(kBatch, batches_of(model).back());
  };
  for (std::size_t a = 0; a < models_.size(); ++a) {
    for (std::size_t b = a; b < models_.size(); ++b) {
      sets.push_back({{a, 1}, {b, 1}});
      sets.push_back({{a, largest(a)}, {b, largest(b)}});
    }
    if (instances <= 2) continue;
    sets.emplace_back(static_cast<std::size_t>(instances), ProfiledDevice::Batch{a, largest(a)});
  }
  const double each = seconds / static_cast<double>(sets.size() + 2 * models_.size());
  // Over and over, too, so that weights are in the caches on both sides of the quotient.
  std::map<std::pair<std::size_t, int>, double> repeated;
  for (std::size_t model = 0; model < models_.size(); ++model) {
    for (const int rows : {1, largest(model)}) {
      repeated[{model, rows}] = median(device.together({{model, rows}}, each).front());
    }
  }
  for (const auto& set : sets) {
    const auto times = device.together(set, each);
    std::vector<Timing> all;
    for (const ProfiledDevice::Batch& batch : set) {
      all.push_back({batch.model, 1, batch.rows, alone_seconds(batch.model, 1, batch.rows)});
    }
    for (std::size_t i = 0; i < set.size(); ++i) {
      NeighbourTiming timing{.batch = all[i], .others = all, .slowdown = 1};
      timing.others.erase(timing.others.begin() + static_cast<std::ptrdiff_t>(i));
      const double alone = repeated.at({set[i].model, set[i].rows});
      timing.slowdown = std::max(median(times[i]) / alone, 1.0);
      beside_.push_back(std::move(timing));
    }
  }
}

/// What is not measured in time.
npu_model::Profile Profiler::known() const {
  npu_model::Profile profile{.name = job_.fleet().device_kind,
                             .measured_on = job_.device_text(),
                             .device = {},
                             .networks = {}};
  npu_model::DeviceConstants& device = profile.device;
  device.cores = cores_;
  device.core_choices = powers_of_two(cores_);
  device.max_batch = command_.max_batch;
  device.memory = static_cast<double>(memory_bytes());
  device.bytes_per_value = sizeof(float);
  device.jitter = median(spreads_);
  double heaviest = 0;
  for (std::size_t i = 0; i < models_.size(); ++i) {
    const std::shared_ptr<const model::Model>& model = models_[i].model;
    const model::Plan one_row(model, model->packed_weights(), 1, 1);
    npu_model::Network& network = profile.networks.emplace_back();
    network.name = models_[i].name;
    network.macs = static_cast<double>(model->multiply_adds_per_row());
    network.parameters = static_cast<double>(model->parameter_count());
    network.features = static_cast<double>(std::max<std::size_t>(one_row.arena_bytes(), 1));
    network.slo_base = std::numeric_limits<double>::infinity();
    for (const int cores : device.core_choices) {
      const double seconds = alone_seconds(i, cores, 1);
      if (seconds >= network.slo_base) continue;
      network.slo_base = seconds;
      network.reference_cores = cores;
    }
    heaviest = std::max(heaviest, network.parameters * device.bytes_per_value);
  }
  // Loading is the same for all, at the pace of the slowest.
  device.load = *std::max_element(load_seconds_.begin(), load_seconds_.end());
  device.load_bytes_per_second = std::max(heaviest, 1.0) / std::max(device.load, 1e-6) * 1e3;
  return profile;
}

npu_model::Fit Profiler::fitted() const {
  try {
    return fit_profile(known(), timings_, beside_);
  } catch (const std::invalid_argument& error) {
    throw_run_error("what was measured makes no profile: {}", error.what());
  }
}

Profiled Profiler::profile() {
  const auto start = std::chrono::steady_clock::now();
  const std::vector<int> choices = powers_of_two(cores_);
  const bool several = cores_ > 1;
  const double alone = command_.seconds * (several ? 0.7 : 1) / static_cast<double>(choices.size());
  for (const int cores : choices) time_alone(cores, alone);
  if (several)
    time_together(cores_, command_.seconds - alone * static_cast<double>(choices.size()));
  // Medians have the jitter's in them.
  const double median_jitter = 1 + kMedianOfExponential * median(spreads_);
  for (Timing& timing : timings_) timing.seconds /= median_jitter;
  for (NeighbourTiming& timing : beside_) {
    timing.batch.seconds /= median_jitter;
    for (Timing& other : timing.others) other.seconds /= median_jitter;
  }
  Profiled profiled{
      .device = fmt::format("{}, {} core{}", job_.device_text(), cores_, cores_ == 1 ? "" : "s"),
      .host = host_name(),
      .seconds = seconds_since(start),
      .alone = timings_,
      .beside = beside_,
      .fit = fitted()};
  if (const std::string problem = problem_of(profiled.fit.profile); !problem.empty()) {
    throw_run_error("what was measured makes no profile: {}", problem);
  }
  return profiled;
}

}  // namespace

int run_profile(const ProfileCommand& command) {
  Profiler profiler(command);
  check_report_file(command.save, profiler.files(), "--save");
  const Profiled profiled = profiler.profile();
  report::write_report(profiled_toml(profiled), command.save);
  const JobSettings& settings = profiler.settings();
  if (!settings.report_file.empty()) {
    report::write_report(profiled_json(profiled), settings.report_file);
  }
  if (!settings.quiet) say(stdout, profiled_text(profiled));
  return kDone;
}

}  // namespace widepipe::jobs
