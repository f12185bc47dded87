#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataset/durable_writer.h"
#include "dataset/journal.h"
#include "dataset/output_file.h"
#include "jobs/score_sink.h"
#include "mpi_runtime/follower.h"
#include "mpi_runtime/leader.h"
#include "schedule/scheduler.h"
#include "tests/simulation/sim_disk.h"
#include "tests/simulation/sim_job.h"
#include "tests/simulation/sim_network.h"
#include "tests/simulation/world.h"

namespace widepipe::simulation {

/// One allocation of a job: its ranks, from their start to their end.
class Allocation {
 public:
  /// Without `faults` nothing goes wrong.
  Allocation(Random& random, Job& job, bool faults, bool tell, Tally& tally);
  ~Allocation();

  End run();

 private:
  /// What every rank has.
  struct Rank {
    std::unique_ptr<mpi_runtime::Collectives> collectives;
    mpi_runtime::Wakeup wakeup;
    std::optional<mpi_runtime::Worker> worker;
    std::optional<mpi_runtime::Watchdog> watchdog;
    std::optional<mpi_runtime::Follower> follower;
    bool signalled = false;
    bool ended = false;
    DeviceTraits device;
  };
  struct OpenStream {
    OpenStream(const dataset::OutputSpec& spec, dataset::ResumeDecision decided,
               const dataset::DurableWriterOptions& options);

    const dataset::ResumeDecision decision;
    dataset::OutputFile output;
    dataset::Journal journal;
    dataset::DurableWriter writer;
  };
  /// What rank 0 has beside it.
  struct Lead {
    std::vector<std::unique_ptr<OpenStream>> streams;
    std::optional<jobs::WriterSink> sink;
    std::optional<schedule::RunStats> stats;
    std::optional<schedule::Scheduler> scheduler;
    std::optional<mpi_runtime::Leader> leader;
  };

  void choose_faults();
  bool pick(const char* fault, double probability);
  void choose_device_faults();
  void at_some_time(std::string what, World::Task task);
  void say(const std::string& text) const;

  bool open_files();
  void start();
  void start_lead();
  mpi_runtime::WorkerConfig worker_config(int rank);
  mpi_runtime::StreamSource source() const;
  std::vector<int> device_ranks() const;
  void turn(int rank);
  void note_recorded();
  void finish_job();
  bool settled(std::size_t stream) const;
  void leave(int rank);
  void lose(int rank, bool power);
  void lose_all(bool power);
  bool over() const;

  Random& random_;
  Job& job_;
  const bool tell_;
  Tally& tally_;
  const int size_;
  const bool dedicated_;
  const Duration limit_;  ///< of the watchdogs
  World world_;
  SimDisk disk_;
  SimNetwork network_;
  DeviceDeeds deeds_;
  std::set<std::int64_t> unreadable_;
  double seconds_left_;
  bool launcher_reacts_ = true;
  bool ends_early_ = false;   ///< it may: rows that are recorded are then not checked any more
  std::int64_t most_failed_;  ///< rows; more, and the job fails
  bool found_wrong_ = false;  ///< a device was
  std::vector<Rank> ranks_;
  std::unique_ptr<Lead> lead_ = std::make_unique<Lead>();
  std::optional<End> end_;
};

}  // namespace widepipe::simulation
