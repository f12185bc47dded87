#pragma once
// What `widepipe plan` found out, for people and for machines.

#include <cstdint>
#include <string>
#include <vector>

#include "jobs/plan_estimate.h"

namespace widepipe::jobs {

/// A layout that was tried, and the rows per second of the whole job on a node of it.
struct TriedLayout {
  Layout layout;
  double rows_per_second = 0;
};

struct PlanStream {
  std::string name;
  std::string model;
  std::string input;
  std::string output;
  std::int64_t rows_total = 0;
};

struct Plan {
  std::vector<PlanStream> streams;  ///< those with rows to compute, as input.streams
  PlanInput input;
  std::string host;
  std::string isa;
  int cores = 0;              ///< of this machine that the job may use
  Layout layout;              ///< the best of those tried
  bool layout_chosen = true;  ///< here, and not by the job's own settings
  std::vector<TriedLayout> tried;
  double timing_seconds = 0;
  std::uint64_t memory_bytes = 0;  ///< a rank, at its peak
  std::uint64_t disk_bytes = 0;    ///< of outputs
  std::uint64_t disk_free = 0;     ///< in the folder of the first; 0 if unknown
  double within_seconds = 0;
  std::vector<NodesEstimate> estimates;
  NodesEstimate suggestion;
  std::vector<std::string> arguments;

  std::int64_t rows() const;
  double busy_share() const;  ///< of the device, over the streams by their time
};

std::string plan_text(const Plan& plan);
std::string plan_json(const Plan& plan);

}  // namespace widepipe::jobs
