#pragma once
// What tests of a replay's parts share.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "jobs/profile_file.h"
#include "jobs/workload_file.h"
#include "rl/emulated_rank.h"
#include "rl/run_setup.h"
#include "schedule/request_dispatcher.h"

namespace widepipe {

/// A5 on a fleet, as a replay has it.
struct World {
  npu_model::Profile profile = jobs::load_profile("npu");
  rl::WorkloadSpec workload = jobs::load_workload("A5", profile);
  rl::SimulationSettings settings;
  std::vector<rl::WorkloadStream> streams;
  npu_model::Fleet fleet;
  schedule::Cluster cluster;

  explicit World(int devices, const char* fleet_name = "nominal") {
    settings = {.duration = 1, .devices = devices};
    streams = streams_of_run(profile, workload, settings);
    fleet = fleet_of_run(profile, jobs::load_fleet(fleet_name, profile), settings);
    cluster = make_cluster(profile, streams, fleet);
  }
  rl::EmulatedRank rank(schedule::DeviceId first, std::size_t count) const {
    return {profile, fleet, cluster, networks_of(streams, cluster), first, count, 7};
  }
};

inline std::vector<std::uint64_t> rows_from(std::uint64_t first, int count) {
  std::vector<std::uint64_t> rows;
  for (int i = 0; i < count; ++i) rows.push_back(first + static_cast<std::uint64_t>(i));
  return rows;
}

/// Hears of ends, and counts them.
struct Nobody final : schedule::RequestEvents {
  int answers = 0;
  void answered(schedule::StreamId, const schedule::Request&, schedule::Seconds) override {
    ++answers;
  }
  void dropped(schedule::StreamId, const schedule::Request&, schedule::Seconds) override {}
  void closed(const schedule::ClosedBatch&) override {}
  void ejected(schedule::DeviceId, schedule::Seconds) override {}
  void readmitted(schedule::DeviceId, schedule::Seconds) override {}
};

}  // namespace widepipe
