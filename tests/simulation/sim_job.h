#pragma once
// A score job from its first allocation to its last, and what must be true all the way.

#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/row_set.h"
#include "dataset/output_spec.h"
#include "dataset/resume.h"
#include "tests/simulation/random.h"
#include "tests/simulation/sim_device.h"

namespace widepipe::simulation {

/// A promise that was broken.
struct Violation : std::logic_error {
  using std::logic_error::logic_error;
};

/// How an allocation ended.
enum class End {
  kComplete,  ///< every row is done or failed: exit code 0 or 1
  kStopped,   ///< 3, in order
  kFailed,    ///< 4, in order
  kLost       ///< killed, or ended by a watchdog
};

/// What happened in simulations: faults that came to be, by name; ends of allocations.
struct Tally {
  std::map<std::string, std::int64_t> faults;
  std::map<End, std::int64_t> ends;
  std::int64_t rows_done = 0;
  std::int64_t rows_failed = 0;
};

/// What the job is, and what chance has done to its rows so far.
struct Job {
  Job(Random& random, const std::string& folder);

  std::int64_t rows = 0;
  std::vector<dataset::OutputSpec> streams;
  bool scatter = false;
  bool write_via_ranks = false;
  bool fail_nonfinite = false;
  double recheck_share = 0;
  std::int64_t batch_rows = 0;
  std::int64_t chunk_rows = 0;
  bool restart = false;  ///< the next allocation begins anew

  /// By stream; of devices that all streams share, rows that failed or were wrong in one of them.
  DeviceDeeds deeds;
  std::set<std::int64_t> unreadable;  ///< rows that could not be read in some allocation
  /// By file: rows that were recorded before rank 0 was lost.
  std::map<std::string, std::int64_t> recorded;
  std::set<std::string> damaged;     ///< files whose journals were
  std::set<std::int64_t> unchecked;  ///< wrong rows of allocations that did not come to their end
};

/// Runs the job, through as many allocations as it takes, in `folder`, which is empty. Throws
/// Violation. `tell` says what happens, for people.
void simulate(std::uint64_t seed, const std::string& folder, bool tell, Tally& tally);

/// Looks at journals and outputs after an allocation. Throws Violation.
void check_files(const Job& job);
/// After the last one.
void check_complete(const Job& job, Tally& tally);

}  // namespace widepipe::simulation
