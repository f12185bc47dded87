#include "tests/simulation/allocation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "core/error.h"
#include "schedule/bulk_policy.h"
#include "tests/unit/made_rows.h"

namespace widepipe::simulation {
namespace {

/// No allocation takes as long, whatever is done to it: it is stuck.
constexpr Duration kStuck = seconds(600);

const dataset::StringFields kIdentity = {{"model", "simulated"}};

/// The input, in no file. Some rows cannot be read.
class SimRows final : public testing::MadeRows {
 public:
  SimRows(std::int64_t rows, const std::set<std::int64_t>& unreadable)
      : MadeRows("in.h5:/x", rows, kInputsPerRow), unreadable_(unreadable) {}

 private:
  void read_checked(RowRange rows, DType, std::span<std::byte> out) const override {
    auto* to = reinterpret_cast<float*>(out.data());
    for (std::int64_t row = rows.first; row < rows.end(); ++row, to += kInputsPerRow) {
      if (unreadable_.contains(row)) throw_run_error("in.h5:/x: row {} cannot be read", row);
      make_input(row, to);
    }
  }

  const std::set<std::int64_t>& unreadable_;
};

}  // namespace

Allocation::OpenStream::OpenStream(const dataset::OutputSpec& spec, dataset::ResumeDecision decided,
                                   const dataset::DurableWriterOptions& options)
    : decision(std::move(decided)),
      output(spec),
      journal(dataset::journal_path(spec.target.file)),
      writer(output, journal, options) {
  const dataset::JournalRecord began = dataset::RunRecord{{{"began", "now"}}};
  journal.append({&began, 1});
  for (const auto& [rows, reason] : decision.unmarked) {
    writer.submit({.rows = rows, .columns = {}, .owner = {}, .failed_reason = reason});
  }
}

Allocation::Allocation(Random& random, Job& job, bool faults, bool tell, Tally& tally)
    : random_(random),
      job_(job),
      tell_(tell),
      tally_(tally),
      size_(static_cast<int>(random.between(1, 5))),
      dedicated_(size_ > 1 && random.chance(0.3)),
      limit_(random.between(seconds(0.5), seconds(3))),
      world_(random, size_),
      disk_(random, [this] { return world_.running(); }),
      network_(world_, size_),
      seconds_left_(std::numeric_limits<double>::infinity()),
      most_failed_(jobs::most_failed(job.rows)),
      ranks_(static_cast<std::size_t>(size_)) {
  for (Rank& rank : ranks_) {
    rank.device.per_row = random_.between(microseconds(20), microseconds(3000));
    rank.device.instances = static_cast<int>(random_.between(1, 3));
  }
  say(fmt::format("{} ranks{}, watchdog {:.2f} s", size_, dedicated_ ? ", dedicated" : "",
                  std::chrono::duration<double>(limit_).count()));
  if (faults) choose_faults();
}

Allocation::~Allocation() = default;

void Allocation::say(const std::string& text) const {
  if (!tell_) return;
  fmt::print("  {:10.6f} s  {}\n", std::chrono::duration<double>(world_.passed()).count(), text);
}

bool Allocation::pick(const char* fault, double probability) {
  if (!random_.chance(probability)) return false;
  ++tally_.faults[fault];
  say(fault);
  return true;
}

void Allocation::at_some_time(std::string what, World::Task task) {
  world_.after(random_.between(microseconds(10), seconds(4)), World::kNobody,
               [this, what = std::move(what), task = std::move(task)] {
                 say(what);
                 task();
               });
}

void Allocation::choose_faults() {
  const int victim = static_cast<int>(random_.below(size_));
  launcher_reacts_ = random_.chance(0.5);
  if (pick("rank killed", 0.15)) at_some_time("killed", [=, this] { lose(victim, false); });
  if (pick("node without power", 0.1)) at_some_time("no power", [=, this] { lose(victim, true); });
  if (pick("job killed", 0.1)) at_some_time("all killed", [this] { lose_all(false); });
  if (pick("power cut", 0.1)) at_some_time("power cut", [this] { lose_all(true); });
  if (pick("killed in a disk operation", 0.2)) {
    const bool power = random_.chance(0.5);
    const int process = job_.write_via_ranks ? victim : 0;
    disk_.die_at_operation(process, random_.between(0, random_.chance(0.5) ? 12 : 200),
                           [=, this] { lose(process, power); });
  }
  if (pick("disk full", 0.08)) {
    disk_.fill_up_after(random_.between(0, 12 * job_.rows));
    if (random_.chance(0.5)) at_some_time("room again", [this] { disk_.fill_up_after(-1); });
  }
  if (pick("sync fails", 0.08)) disk_.fail_sync_after(random_.between(0, 20));
  if (pick("rank suspended", 0.15)) {
    const Duration time = random_.between(limit_ / 100, limit_ * 5);
    at_some_time("suspended", [=, this] { world_.suspend(victim, time); });
  }
  if (pick("job suspended", 0.1)) {
    const Duration time = random_.between(limit_ / 100, limit_ * 5);
    at_some_time("all suspended", [=, this] {
      for (int rank = 0; rank < size_; ++rank) world_.suspend(rank, time);
    });
  }
  if (pick("clock jumps", 0.15)) {
    const Duration time = random_.between(limit_ / 100, limit_ * 5);
    at_some_time("clock jumps", [=, this] { world_.jump_clock(victim, time); });
  }
  if (pick("slow disk", 0.15)) {
    const Duration most = random_.between(microseconds(1000), limit_ / 4);
    for (int rank = 0; rank < size_; ++rank) world_.slow_strands(rank, most);
  }
  if (pick("slow network", 0.15)) network_.delay(random_.between(microseconds(1000), limit_ / 8));
  if (pick("late round", 0.1)) {
    const Duration most = random_.between(limit_ / 4, limit_ * 4);
    at_some_time("messages are late", [=, this] { network_.delay(most); });
  }
  if (pick("signal", 0.1)) {
    ends_early_ = true;
    at_some_time("signal",
                 [=, this] { ranks_[static_cast<std::size_t>(victim)].signalled = true; });
  }
  if (pick("end of time", 0.1)) {
    ends_early_ = true;
    seconds_left_ =
        std::chrono::duration<double>(random_.between(microseconds(1000), seconds(2))).count();
  }
  if (pick("rows cannot be read", 0.08)) {
    const std::int64_t first = random_.below(job_.rows);
    const std::int64_t last = std::min(job_.rows - 1, first + random_.below(20));
    for (std::int64_t row = first; row <= last; ++row) unreadable_.insert(row);
  }
  if (pick("few rows may fail", 0.1)) most_failed_ = random_.between(0, 3);
  choose_device_faults();
}

void Allocation::choose_device_faults() {
  const auto devices = device_ranks();
  const auto any = [&]() -> DeviceTraits& {
    const auto index =
        static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(devices.size())));
    return ranks_[static_cast<std::size_t>(devices[index])].device;
  };
  // Who else fails batches may be the one who would have found it.
  if (job_.recheck_share > 0 && devices.size() >= 2 && pick("device wrong", 0.4)) {
    any().wrong = true;
  } else if (pick("device fails batches", 0.15)) {
    const double shares[] = {0.05, 0.5, 1};
    any().failing = shares[random_.below(3)];
  }
  if (pick("device hangs", 0.08)) any().hangs_after = random_.below(20);
  if (pick("device slow", 0.1)) any().per_row *= 10;
  if (pick("device short of memory", 0.1)) any().most_rows = random_.between(1, 16);
}

std::vector<int> Allocation::device_ranks() const {
  std::vector<int> ranks;
  for (int rank = dedicated_ ? 1 : 0; rank < size_; ++rank) ranks.push_back(rank);
  return ranks;
}

/// False if there is nothing left to do.
bool Allocation::open_files() {
  std::vector<dataset::ResumeDecision> decisions;
  bool complete = true;
  for (const dataset::OutputSpec& spec : job_.streams) {
    decisions.push_back(decide_resume(spec, kIdentity, {.restart = job_.restart}));
    complete &= decisions.back().kind == dataset::ResumeKind::kAlreadyComplete;
  }
  for (std::size_t id = 0; id < decisions.size(); ++id) {
    if (decisions[id].kind != dataset::ResumeKind::kAlreadyComplete || decisions[id].finished) {
      continue;
    }
    const dataset::JournalRecord done = dataset::DoneRecord{};
    dataset::Journal(dataset::journal_path(job_.streams[id].target.file)).append({&done, 1});
  }
  if (complete) return false;
  for (std::size_t id = 0; id < decisions.size(); ++id) {
    if (decisions[id].kind != dataset::ResumeKind::kFresh) continue;
    prepare_output(job_.streams[id], {job_.rows, "now", kIdentity});
  }
  job_.restart = false;
  dataset::DurableWriterOptions options;
  options.queue_bytes = static_cast<std::size_t>(random_.between(24, 4000));
  options.group_bytes = static_cast<std::size_t>(random_.between(12, 4000));
  options.group_interval = std::chrono::duration_cast<std::chrono::milliseconds>(
      random_.between(seconds(0.002), seconds(1)));
  options.surroundings = world_.surroundings(0);
  for (std::size_t id = 0; id < decisions.size(); ++id) {
    if (decisions[id].kind == dataset::ResumeKind::kAlreadyComplete) continue;
    lead_->streams.push_back(
        std::make_unique<OpenStream>(job_.streams[id], std::move(decisions[id]), options));
  }
  return true;
}

mpi_runtime::StreamSource Allocation::source() const {
  return {{.dataset = std::make_shared<SimRows>(job_.rows, unreadable_),
           .dtype = DType::kF32,
           .bytes_per_row = kInputsPerRow * sizeof(float)}};
}

mpi_runtime::WorkerConfig Allocation::worker_config(int rank) {
  const std::size_t streams = lead_->streams.size();
  mpi_runtime::WorkerConfig config;
  config.models.assign(streams, the_model());
  if (!job_.scatter) config.sources.assign(streams, source());
  config.fail_nonfinite.assign(streams, job_.fail_nonfinite);
  config.digests = job_.recheck_share > 0;
  config.max_payload_bytes = static_cast<std::size_t>(random_.between(100, 100'000));
  config.surroundings = world_.surroundings(rank);
  config.make_device = [this, rank](const std::string&, const device::DeviceConfig&,
                                    device::CompletionSink sink) {
    return make_sim_device(world_, rank, ranks_[static_cast<std::size_t>(rank)].device, deeds_,
                           std::move(sink));
  };
  return config;
}

void Allocation::start() {
  for (int id = 0; id < size_; ++id) {
    Rank& rank = ranks_[static_cast<std::size_t>(id)];
    rank.collectives = network_.endpoint(id);
    if (id > 0 || !dedicated_) {
      rank.worker.emplace(worker_config(id), rank.wakeup);
      if (job_.write_via_ranks) {
        mpi_runtime::RowWriter::Outputs outputs;
        for (const auto& stream : lead_->streams) {
          outputs.push_back(std::make_unique<dataset::OutputFile>(stream->output.spec()));
        }
        rank.worker->write_to(std::move(outputs));
      }
    }
    mpi_runtime::WatchdogSettings settings{
        .limit = std::chrono::duration_cast<std::chrono::milliseconds>(limit_),
        .rank = id,
        .names = {},
        .surroundings = world_.surroundings(id)};
    for (int rank_id = 0; rank_id < size_; ++rank_id) {
      settings.names.push_back(fmt::format("{}@node{}", rank_id, rank_id));
    }
    rank.watchdog.emplace(settings, [this, id](const std::string& text) {
      say(text);
      ++tally_.faults["watchdog ended the job"];
      launcher_reacts_ = true;
      lose(id, false);
    });
    if (id > 0) {
      rank.follower.emplace(
          *rank.collectives, &*rank.worker,
          mpi_runtime::FollowerSettings{.stop_requested = [&rank] { return rank.signalled; },
                                        .watchdog = &*rank.watchdog,
                                        .surroundings = world_.surroundings(id)});
    }
  }
  start_lead();
  for (int id = 0; id < size_; ++id) world_.after(Duration(0), id, [this, id] { turn(id); });
}

void Allocation::start_lead() {
  std::vector<jobs::WriterSink::Stream> writers;
  std::vector<schedule::StreamSpec> specs;
  std::vector<schedule::DeviceSpec> devices;
  for (const int rank : device_ranks()) {
    devices.push_back({rank, ranks_[static_cast<std::size_t>(rank)].device.instances, 1});
  }
  mpi_runtime::LeaderSettings settings;
  settings.round_period = std::chrono::duration_cast<std::chrono::microseconds>(
      random_.between(seconds(0.0005), limit_ / 10));
  settings.watchdog = &*ranks_[0].watchdog;
  settings.surroundings = world_.surroundings(0);
  for (const auto& stream : lead_->streams) {
    writers.push_back({stream->writer, most_failed_, ""});
    specs.push_back({.name = "s",
                     .bytes_in_per_row = kInputsPerRow * sizeof(float),
                     .bytes_out_per_row = kOutputsPerRow * sizeof(float),
                     .batch_rows = job_.batch_rows,
                     .chunk_rows = job_.chunk_rows});
    if (job_.scatter) settings.scatter_sources.push_back(source());
    settings.column_bytes.emplace_back();
    if (!job_.write_via_ranks) {
      settings.column_bytes.back() = mpi_runtime::column_bytes(*the_model(), {});
    }
  }
  lead_->sink.emplace(writers);
  lead_->stats.emplace(specs.size(), devices.size());
  schedule::SchedulerLimits limits;
  limits.end = seconds_left_;
  limits.recheck_share = devices.size() > 1 ? job_.recheck_share : 0;
  lead_->scheduler.emplace(specs, devices, schedule::make_bulk_policy({}), limits);
  for (std::size_t id = 0; id < lead_->streams.size(); ++id) {
    for (const RowRange& rows : lead_->streams[id]->decision.missing(job_.rows)) {
      lead_->scheduler->add_rows(static_cast<schedule::StreamId>(id), rows);
    }
  }
  mpi_runtime::Worker* own = ranks_[0].worker ? &*ranks_[0].worker : nullptr;
  lead_->leader.emplace(
      *ranks_[0].collectives, *lead_->scheduler, device_ranks(), own, ranks_[0].wakeup,
      *lead_->sink, *lead_->stats, std::move(settings),
      mpi_runtime::LeaderHooks{.stop_requested = [this] { return ranks_[0].signalled; },
                               .tick = [](schedule::Seconds) {},
                               .quarantined =
                                   [this](schedule::DeviceId device, const std::string&) {
                                     say(fmt::format("device {} is quarantined", device));
                                   },
                               .judged =
                                   [this](const schedule::Rechecks::Verdict& verdict) {
                                     say(fmt::format("{} devices are wrong{}", verdict.wrong.size(),
                                                     verdict.undecided ? ", or some of them" : ""));
                                   }});
}

void Allocation::turn(int id) {
  Rank& rank = ranks_[static_cast<std::size_t>(id)];
  const bool moved = id == 0 ? lead_->leader->turn() : rank.follower->turn();
  if (!world_.alive(id)) return;  // a watchdog has ended it
  if (id == 0 ? lead_->leader->finished() : rank.follower->finished()) {
    if (id == 0) finish_job();
    leave(id);
    return;
  }
  const Duration pause = moved ? random_.between(microseconds(1), microseconds(20))
                               : random_.between(microseconds(20), microseconds(1000));
  world_.after(pause, id, [this, id] { turn(id); });
}

bool Allocation::settled(std::size_t stream) const {
  const dataset::ResumeDecision& decision = lead_->streams[stream]->decision;
  return decision.done.count() + jobs::rows_in(decision.failed) +
             lead_->sink->tally(static_cast<schedule::StreamId>(stream)).settled() ==
         job_.rows;
}

/// What users are told: it must be in the journal, whatever comes.
void Allocation::note_recorded() {
  if (!lead_) return;
  for (const auto& stream : lead_->streams) {
    job_.recorded[stream->output.spec().target.file] = stream->decision.done.count() +
                                                       jobs::rows_in(stream->decision.failed) +
                                                       stream->writer.rows_recorded();
  }
}

/// As ScoreLead does.
void Allocation::finish_job() {
  for (schedule::DeviceId id = 0; id < device_ranks().size(); ++id) {
    found_wrong_ |= lead_->scheduler->found_wrong(id);
  }
  try {
    lead_->leader->result();
    std::vector<bool> complete;
    for (std::size_t id = 0; id < lead_->streams.size(); ++id) complete.push_back(settled(id));
    lead_->sink->finish(complete);
    const bool all = std::all_of(complete.begin(), complete.end(), [](bool one) { return one; });
    end_ = all ? End::kComplete : End::kStopped;
  } catch (const RunError& error) {
    say(error.what());
    end_ = End::kFailed;
  }
  if (!world_.alive(0)) end_ = End::kLost;  // in one of its last operations
}

/// The process ends, in order or not: what it has goes.
void Allocation::leave(int id) {
  Rank& rank = ranks_[static_cast<std::size_t>(id)];
  if (id == 0) lead_.reset();
  rank.follower.reset();
  rank.watchdog.reset();
  rank.worker.reset();
  rank.ended = true;
}

void Allocation::lose(int rank, bool power) {
  if (!world_.alive(rank) || ranks_[static_cast<std::size_t>(rank)].ended) return;
  if (rank == 0) note_recorded();
  world_.kill(rank);
  power ? disk_.cut_power(rank) : disk_.kill(rank);
  if (rank == 0) end_ = End::kLost;
  if (!launcher_reacts_) return;
  world_.after(random_.between(microseconds(100), seconds(0.2)), World::kNobody,
               [this] { lose_all(false); });
}

void Allocation::lose_all(bool power) {
  for (int rank = 0; rank < size_; ++rank) lose(rank, power);
}

bool Allocation::over() const {
  for (int rank = 0; rank < size_; ++rank) {
    if (world_.alive(rank) && !ranks_[static_cast<std::size_t>(rank)].ended) return false;
  }
  return true;
}

End Allocation::run() {
  bool nothing_to_do = false;
  world_.after(Duration(0), 0, [&] {
    try {
      nothing_to_do = !open_files();
      if (!nothing_to_do && world_.alive(0)) start();
    } catch (const InputError& error) {
      say(error.what());
      end_ = End::kFailed;
    } catch (const RunError& error) {
      say(error.what());
      end_ = End::kFailed;
    }
    if (nothing_to_do) end_ = End::kComplete;
    if (!world_.alive(0)) end_ = End::kLost;  // in one of its last operations
    if (end_) {
      for (int rank = 0; rank < size_; ++rank) leave(rank);
    }
  });
  while (!over()) {
    if (!world_.step()) throw Violation("deadlock: nothing happens any more");
    if (world_.passed() > kStuck) throw Violation("stuck: no end after ten minutes");
  }
  for (int rank = 0; rank < size_; ++rank) {
    if (!ranks_[static_cast<std::size_t>(rank)].ended) world_.run_as(rank, [&] { leave(rank); });
  }
  if (!end_) end_ = End::kLost;
  job_.deeds.failed_alone.merge(deeds_.failed_alone);
  // Once it is found wrong, all that a device did is taken back, however the job then ends.
  const bool taken_back = found_wrong_ && *end_ != End::kLost && !disk_.has_failed(0);
  if ((*end_ != End::kComplete || ends_early_) && !taken_back) job_.unchecked.merge(deeds_.wrong);
  job_.unreadable.merge(unreadable_);
  return *end_;
}

}  // namespace widepipe::simulation
