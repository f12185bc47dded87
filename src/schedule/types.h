#pragma once
// The words that the scheduler and the runtime exchange. Plain values: no MPI, no clock.

#include <cstdint>
#include <string>
#include <vector>

#include "core/row_range.h"

namespace widepipe::schedule {

using StreamId = std::uint32_t;  ///< index of a stream in the job
using DeviceId = std::uint32_t;  ///< index of a device in the job, over all ranks
using BatchId = std::uint64_t;   ///< unique in a run, counted from 1

/// Seconds since the start of the run, on whatever clock the caller uses.
using Seconds = double;

/// A stream of requests for one model.
struct StreamSpec {
  std::string name;
  std::int64_t bytes_in_per_row = 0;
  std::int64_t bytes_out_per_row = 0;
  std::int64_t batch_rows = 0;  ///< rows in every batch; 0: the policy's choice
  /// Rows [k * chunk_rows, (k + 1) * chunk_rows) are best read by one device: they are stored, and
  /// decoded, as one. 0 when it does not matter.
  std::int64_t chunk_rows = 0;
};

/// A device as rank 0 knows it.
struct DeviceSpec {
  int rank = 0;  ///< the rank that owns it
  int instances = 1;
  int cores_per_instance = 1;
};

/// Rows of a stream that a device is to run together.
struct Dispatch {
  BatchId batch = 0;
  DeviceId device = 0;
  StreamId stream = 0;
  RowRange rows;
  bool check = false;  ///< computed already: only to compare the result
};

/// How a batch ended.
enum class BatchEnd {
  kDone,
  kFailed,    ///< on its device, or where that reads its rows
  kNoMemory,  ///< likewise, but fewer rows may do
  kUnread     ///< rank 0 could not read its rows: the device is not to blame
};

/// What became of a dispatch.
struct BatchResult {
  BatchId batch = 0;
  BatchEnd end = BatchEnd::kDone;
  Seconds busy = 0;          ///< time the device computed on it
  std::uint64_t digest = 0;  ///< of the results, where rows are rechecked
};

}  // namespace widepipe::schedule
