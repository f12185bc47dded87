#pragma once
// A short run of some of a job's rows on this machine, as rank 0 would run them alone; results go
// to a file without a name, in the output's folder.

#include <cstdint>
#include <optional>
#include <vector>

#include "core/row_range.h"
#include "jobs/plan_estimate.h"
#include "jobs/ready_job.h"
#include "mpi_runtime/collectives.h"
#include "mpi_runtime/wakeup.h"
#include "mpi_runtime/worker.h"
#include "schedule/types.h"

namespace widepipe::jobs {

/// One layout of a node, loaded. The threads of its rank have the layout's share of the cores.
class LayoutTimer {
 public:
  /// `alone` is one rank; it and `job` outlive the timer. Throws InputError if the device declines.
  LayoutTimer(const ReadyJob& job, mpi_runtime::WorkerConfig config, const Layout& layout,
              mpi_runtime::Collectives& alone);

  /// Computes these rows of a stream, in this order, until `seconds` have passed. Throws RunError:
  /// too many rows fail, the output's folder cannot be written.
  Timing time(schedule::StreamId stream, const std::vector<RowRange>& rows, double seconds);

 private:
  const ReadyJob& job_;
  mpi_runtime::Collectives& alone_;
  Layout layout_;
  std::vector<int> cpus_;
  mpi_runtime::Wakeup wakeup_;
  std::optional<mpi_runtime::Worker> worker_;
};

/// `count` stretches of `length` rows, from the whole of `rows`; all of them if that is as many.
std::vector<RowRange> spread_rows(const std::vector<RowRange>& rows, std::int64_t count,
                                  std::int64_t length);

}  // namespace widepipe::jobs
