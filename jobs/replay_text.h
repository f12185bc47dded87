#pragma once
// What `widepipe replay` found out. docs/replay.md defines every figure.

#include <cstdint>
#include <string>
#include <vector>

#include "jobs/replay_results.h"
#include "jobs/simulate_text.h"
#include "mpi_runtime/serve_leader.h"
#include "schedule/order_executor.h"

namespace widepipe::jobs {

/// What a device said of itself.
struct DeviceSeen {
  double cores_busy = 0;  ///< shares of the time until the last status
  double bandwidth_used = 0;
  double memory_used = 0;  ///< bytes, then
  double most_memory_used = 0;
  schedule::Seconds at = 0;

  void add(const schedule::DeviceStatus& status);
};

struct Replayed {
  Simulated as_simulated;  ///< the figures that a simulation has, too; one run
  int ranks = 0;
  double time_scale = 1;
  mpi_runtime::ServeResult rounds;
  std::int64_t batches = 0;
  std::int64_t wrong = 0;               ///< answers that are not those of their requests
  std::int64_t refused = 0;             ///< answers of devices that compute wrong
  std::int64_t doubled = 0;             ///< ends of requests that had ended
  std::int64_t open = 0;                ///< requests that came to no end
  schedule::Seconds mean_lateness = 0;  ///< of requests: handed in behind their time
  schedule::Seconds longest_lateness = 0;
  double start_seconds = 0;  ///< until the first request could come
  double wall_seconds = 0;
  int group_size = 1;
  double most_memory = 0;  ///< bytes of a rank, resident
  double mean_memory = 0;
  std::vector<DeviceSeen> devices;
  std::vector<int> rank_of_device;
  std::vector<std::string> rank_names;
  std::vector<ReplayResults::Stream> outputs;  ///< where results are written
};

std::string replayed_text(const Replayed& replayed);
std::string replayed_json(const Replayed& replayed);

}  // namespace widepipe::jobs
