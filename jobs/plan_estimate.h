#pragma once
// From a short timing of a job to the time that all of it takes. Pure functions.

#include <cstdint>
#include <span>
#include <vector>

namespace widepipe::jobs {

/// How a node's cores are used: `ranks` processes of `instances` of `cores` each.
struct Layout {
  int ranks = 1;
  int instances = 1;
  int cores = 1;

  bool operator==(const Layout&) const = default;
};

/// Rows that were back after so many seconds.
struct Mark {
  double seconds = 0;
  std::int64_t rows = 0;
};

/// What a short run of a stream's rows on one rank showed.
struct Timing {
  std::int64_t rows = 0;  ///< computed
  double seconds = 0;     ///< from the first dispatch until they were recorded
  bool whole = false;     ///< they were all that there are
  /// Before the batches had found their size.
  double warm_seconds = 0;
  std::int64_t warm_rows = 0;
  double rows_per_second = 0;  ///< after that
  double spread = 0;           ///< standard deviation between fifths of that time, relative
  double busy_share = 0;       ///< of the device
  double write_seconds = 0;    ///< of the writing thread, a row
};

/// Sets the rate, its spread and what came before, by rows that came back until `end` seconds.
/// `marks` ascend.
void add_rate(std::span<const Mark> marks, double end, Timing& timing);

/// A stream of the job: its rows, and what was seen of some of them.
struct StreamTiming {
  std::int64_t rows = 0;
  double bytes_out = 0;  ///< a row
  Timing timing;
};

/// The job on so many nodes like the one that was timed.
struct NodesEstimate {
  int nodes = 0;
  int ranks = 0;
  double seconds = 0;  ///< from the start of the processes to the last record
  double least = 0;    ///< of the error band
  double most = 0;
  double node_hours = 0;
  double rows_per_second = 0;
  double write_rate = 0;      ///< bytes/s
  bool writer_bound = false;  ///< rank 0 writes as fast as it can
};

struct PlanInput {
  std::vector<StreamTiming> streams;
  double startup_seconds = 0;  ///< of rank 0: checks, import, probe
  int ranks_per_node = 1;
  bool dedicated_scheduler = false;  ///< asked for; above 16 ranks it is so anyway
  bool write_via_ranks = false;
};

/// Throws nothing; `nodes` is positive.
NodesEstimate estimate(const PlanInput& plan, int nodes);

/// Of the nodes to try, ascending, the first that end within `seconds`, or the last.
NodesEstimate fewest_within(std::span<const NodesEstimate> estimates, double seconds);

/// Seconds for a scheduler's time limit: the upper end of the band and a fifth, and a minute for
/// the launcher, in steps that people use.
std::int64_t time_limit(const NodesEstimate& estimate);

}  // namespace widepipe::jobs
