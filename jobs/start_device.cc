#include "jobs/start_device.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/units.h"
#include "device/device_list.h"
#include "jobs/self_check.h"
#include "mpi_runtime/agreement.h"

namespace widepipe::jobs {
namespace {

using Worker = mpi_runtime::Worker;
using Milliseconds = std::chrono::milliseconds;

/// Without a watchdog: longer than any device compiles a model.
constexpr double kLongestTrialSeconds = 3600;

/// Of the largest value of an output, for a device that promises no bits: what kernels of another
/// kind, and the errors that add up over a network's layers, may come to.
constexpr double kTolerance = 0.01;
constexpr double kLowPrecisionTolerance = 0.1;  ///< f16, bf16

/// A row that a device must compute, and the stream through which it gets it.
struct Trial {
  std::uint32_t stream = 0;
  KnownRow row;
};

/// [collective] One a model of which rank 0 knows a row.
std::vector<Trial> share_trials(const ReadyJob& job, mpi_runtime::Collectives& collectives) {
  std::vector<Trial> trials;
  for (std::size_t id = 0; id < job.active().size(); ++id) {
    const auto& models = job.models();
    if (std::find(models.begin(), models.end(), models[id]) - models.begin() <
        static_cast<std::ptrdiff_t>(id)) {
      continue;
    }
    std::vector<std::byte> bytes;
    mpi_runtime::agree(collectives, [&] {
      if (collectives.rank() != 0) return;
      const auto known = known_row(models[id], job.setup().stream(job.active()[id]).source());
      if (known) bytes = pack(*known);
    });
    collectives.broadcast(bytes);
    if (bytes.empty()) continue;
    trials.push_back({static_cast<std::uint32_t>(id), unpack(*models[id], bytes)});
  }
  return trials;
}

double tolerance_of(const ReadyJob& job, const model::Model& model, bool same_isa) {
  if (same_isa && device::keeps_bits(job.settings().device, model)) return 0;
  return job.settings().precision == "f32" ? kTolerance : kLowPrecisionTolerance;
}

/// Why a device must not get work; empty if it may. A worker with a device that does not answer is
/// given up for good: nothing could end its threads.
std::string why_unsound(std::unique_ptr<Worker>& worker, const ReadyJob& job, bool same_isa,
                        std::vector<Trial> trials) {
  const double seconds =
      job.settings().watchdog_seconds > 0 ? job.settings().watchdog_seconds : kLongestTrialSeconds;
  const Milliseconds limit(static_cast<std::int64_t>(seconds * 1000));
  for (Trial& trial : trials) {
    const model::Model& model = *job.models()[trial.stream];
    const auto prefix = [&] { return fmt::format("{}: start-up check", model.label()); };
    const auto done = worker->try_row(trial.stream, std::move(trial.row.inputs), limit);
    if (!done) {
      (void)worker.release();
      return fmt::format("{}: the device did not bring a row back in {}", prefix(),
                         duration_text(seconds));
    }
    if (!done->error.empty()) return fmt::format("{}: {}", prefix(), done->error);
    const std::string why = why_wrong(model, trial.row.outputs, done->batch.outputs,
                                      tolerance_of(job, model, same_isa));
    if (!why.empty()) return fmt::format("{}: {}", prefix(), why);
  }
  return "";
}

/// [collective] Throws if too few devices are sound.
void check_count(const ReadyJob& job, mpi_runtime::Collectives& collectives,
                 const std::vector<std::string>& reasons) {
  const auto devices = static_cast<int>(reasons.size()) - (job.fleet().dedicated_scheduler ? 1 : 0);
  const int unsound = static_cast<int>(
      std::count_if(reasons.begin(), reasons.end(), [](const auto& why) { return !why.empty(); }));
  const std::string& mine = reasons[static_cast<std::size_t>(collectives.rank())];
  if (unsound == devices) {
    mpi_runtime::agree(collectives, [&] {
      if (!mine.empty()) throw InputError(mine);
    });
  }
  mpi_runtime::agree(collectives, [&] {
    if (collectives.rank() != 0 || devices - unsound >= job.settings().min_devices) return;
    std::string message =
        fmt::format("--min-devices {}: {} of {} devices passed the start-up check",
                    job.settings().min_devices, devices - unsound, devices);
    for (std::size_t rank = 0; rank < reasons.size(); ++rank) {
      if (reasons[rank].empty()) continue;
      message += fmt::format("\nrank {}: {}", job.rank_name(rank), reasons[rank]);
    }
    throw InputError(message);
  });
}

/// [collective] Throws if results of devices cannot be compared.
void check_recheck(const ReadyJob& job, mpi_runtime::Collectives& collectives,
                   const std::vector<std::string>& reasons) {
  mpi_runtime::agree(collectives, [&] {
    if (collectives.rank() != 0 || job.settings().recheck_share == 0) return;
    const Fleet& fleet = job.fleet();
    int devices = 0;
    for (std::size_t rank = fleet.dedicated_scheduler ? 1 : 0; rank < reasons.size(); ++rank) {
      devices += reasons[rank].empty() ? 1 : 0;
      if (fleet.places[rank].isa == fleet.places[0].isa) continue;
      throw_input_error(
          "--recheck: rank {} has instruction set {}, rank {} has {}: their results "
          "differ in their last bits; pin one with --isa avx2",
          job.rank_name(rank), fleet.places[rank].isa, job.rank_name(0), fleet.places[0].isa);
    }
    if (devices < 2) {
      throw_input_error("--recheck: needs a second device to compare with, found {}", devices);
    }
    for (const auto& model : job.models()) {
      if (device::keeps_bits(job.settings().device, *model)) continue;
      throw_input_error(
          "--recheck: device {} does not promise the same bits each time, so that "
          "results cannot be compared (model {})",
          device::chosen_device(job.settings().device, *model), model->label());
    }
  });
}

}  // namespace

std::unique_ptr<Worker> start_device(ReadyJob& job, mpi_runtime::Collectives& collectives,
                                     mpi_runtime::Wakeup& wakeup) {
  std::vector<Trial> trials;
  if (!job.settings().trust_devices) trials = share_trials(job, collectives);
  const std::optional<mpi_runtime::WorkerConfig> config = job.worker_config();
  std::unique_ptr<Worker> worker;
  std::string why;
  collectives.beside([&] {
    if (!config) return;
    try {
      worker = std::make_unique<Worker>(*config, wakeup);
      const auto rank = static_cast<std::size_t>(collectives.rank());
      const bool same_isa = job.fleet().places[rank].isa == job.fleet().places[0].isa;
      why = why_unsound(worker, job, same_isa, std::move(trials));
    } catch (const std::exception& error) {  // of a driver, or for lack of memory
      why = error.what();
    }
    if (!why.empty()) worker.reset();
  });
  const std::vector<std::string> reasons = collectives.all_texts(why);
  check_count(job, collectives, reasons);
  check_recheck(job, collectives, reasons);
  job.leave_out(reasons);
  return worker;
}

}  // namespace widepipe::jobs
