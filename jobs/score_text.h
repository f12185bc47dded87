#pragma once
// What `widepipe score` shows a person before it starts and when it ends.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "device/device.h"
#include "jobs/score_setup.h"
#include "mpi_runtime/fleet.h"

namespace widepipe::jobs {

/// Everyone who takes part, as rank 0 knows them.
struct Fleet {
  std::vector<mpi_runtime::RankPlace> places;
  std::vector<mpi_runtime::RankShare> shares;
  std::vector<device::DeviceConfig> devices;  ///< by rank
  std::vector<std::string> left_out;          ///< by rank: why its device gets no work, or empty
  std::string device_kind;
  bool dedicated_scheduler = false;
};

/// Each stream's model, input and output, and the table of ranks, with a warning where ranks share
/// cores.
std::string start_text(const ScoreSetup& setup, const Fleet& fleet);

/// That the device of a rank gets no (more) work, and why; where there are several hosts, how to
/// keep this one out of the next job.
std::string left_out_text(const Fleet& fleet, std::size_t rank, std::string_view no_work,
                          std::string_view why);

/// What a job would do to streams `active`, and what it needs: `memory` is what each rank's device
/// holds, in bytes, 0 where there is none.
std::string dry_run_text(const ScoreSetup& setup, const std::vector<std::size_t>& active,
                         const std::vector<std::uint64_t>& memory);

/// "rows 7 to 8: why", "row 7: why".
std::string failure_text(const dataset::FailedRecord& failed);

/// The first failed rows and their reasons, and where to find the rest; empty if none failed.
/// `prefix` names the stream.
std::string failures_text(const std::string& prefix,
                          const std::vector<dataset::FailedRecord>& failed,
                          const dataset::OutputSpec& spec);

}  // namespace widepipe::jobs
