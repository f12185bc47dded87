#pragma once

#include <cstdint>
#include <vector>

#include "schedule/types.h"

namespace widepipe::schedule {

/// What is known of a finished batch.
struct BatchTiming {
  Dispatch dispatch;
  bool failed = false;
  Seconds busy = 0;         ///< an instance worked on it
  Seconds finished_at = 0;  ///< on the device's own clock
  Seconds turnaround = 0;   ///< from dispatch to the news of its end, on rank 0's clock
};

struct DeviceStats {
  std::int64_t rows = 0;
  std::int64_t rechecked = 0;  ///< rows of others that it computed once more
  std::int64_t batches = 0;
  std::int64_t failed_batches = 0;
  Seconds busy = 0;
  Seconds first_start = 0;  ///< on the device's own clock
  Seconds last_finish = 0;  ///< on the device's own clock

  /// Share of the time between its first and its last batch in which the device's instances
  /// were at work: 1 when no instance ever waited for a batch. 0 when nothing ran.
  double busy_share(int instances) const;
};

/// Numbers of a run, fed with every batch that came back. Not thread-safe.
class RunStats {
 public:
  RunStats(std::size_t streams, std::size_t devices) : devices_(devices), by_stream_(streams) {}

  void add(const BatchTiming& timing);

  const std::vector<DeviceStats>& devices() const { return devices_; }
  /// Finished batches of a stream, but for checks, in the order in which they came back.
  const std::vector<BatchTiming>& batches(StreamId stream) const { return by_stream_.at(stream); }

 private:
  std::vector<DeviceStats> devices_;
  std::vector<std::vector<BatchTiming>> by_stream_;
};

/// The value below which `share` (0 to 1) of the samples lie (nearest rank); 0 for no samples.
double percentile(std::vector<double> samples, double share);

}  // namespace widepipe::schedule
