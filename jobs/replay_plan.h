#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "jobs/replay.h"
#include "npu_model/fleet.h"
#include "npu_model/profile.h"
#include "rl/run_setup.h"
#include "rl/workload.h"
#include "schedule/request_types.h"

namespace widepipe::jobs {

/// All that follows from the command, the same on every rank.
struct ReplayPlan {
  npu_model::Profile profile;
  rl::WorkloadSpec workload;
  npu_model::FleetSpec fleet_spec;
  rl::SimulationSettings settings;
  double bound = 0;  ///< requests a second
  std::vector<rl::WorkloadStream> streams;
  npu_model::Fleet fleet;
  schedule::Cluster cluster;
  std::vector<int> rank_of_device;
  std::vector<std::size_t> job_stream;  ///< of real models, by schedule::StreamId
  schedule::Seconds latest_end = 0;     ///< then it is over, whatever has not been answered
};

/// What a job has, for real models.
struct RealModels {
  std::vector<std::string> streams;   ///< names, by stream of the job that has rows to compute
  std::vector<std::int64_t> rows;     ///< to compute, of each
  std::vector<std::string> complete;  ///< names of the job's other streams
  std::vector<int> cores;             ///< by rank, 0 where there is no device
  std::vector<std::string> hosts;     ///< by rank
  std::map<std::string, std::uint64_t>
      free_memory;     ///< by host: bytes that the ranks there may still use
  std::string device;  ///< of this rank, for people
};

/// Of a data set of real rows: what no scheduler exceeds, in rows a second.
double bound_of_rows(const ReplayPlan& plan);

/// `real` is null where devices are emulated. Throws InputError.
ReplayPlan make_replay_plan(const ReplayCommand& command, int ranks, const RealModels* real);

}  // namespace widepipe::jobs
