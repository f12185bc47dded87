#pragma once
// What a scheduler may know, and the interface of those who decide on it. A policy is two files
// and one line in policy_list.cc.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schedule/types.h"

namespace widepipe::schedule {

/// Running mean that forgets: each sample has `kWeight`.
class Estimate {
 public:
  void add(double sample) {
    value_ = known_ ? value_ + kWeight * (sample - value_) : sample;
    known_ = true;
  }
  bool known() const { return known_; }
  double value() const { return value_; }

 private:
  static constexpr double kWeight = 0.3;
  double value_ = 0;
  bool known_ = false;
};

/// A device as the scheduler sees it: from its own dispatches and the timings that came back.
struct DeviceView {
  DeviceSpec spec;
  int batches_outstanding = 0;
  std::int64_t rows_outstanding = 0;
  Seconds busy_outstanding = 0;           ///< of an instance, expected, for the rows that are out
  std::vector<Estimate> seconds_per_row;  ///< by stream
  std::vector<std::int64_t> largest_measured;  ///< by stream: rows of the largest batch timed
  std::vector<std::int64_t> most_rows;         ///< by stream: more have shown not to fit
  std::int64_t batches_done = 0;
  int strikes = 0;           ///< batches that failed here and, all rows of them, not elsewhere
  bool quarantined = false;  ///< gets nothing any more
};

struct StreamView {
  StreamSpec spec;
  std::int64_t rows_total = 0;  ///< of this run
  std::int64_t rows_waiting = 0;
};

struct Observation {
  Seconds now = 0;
  std::span<const DeviceView> devices;
  std::span<const StreamView> streams;
};

/// "Run this many rows of this stream next."
struct Decision {
  StreamId stream = 0;
  std::int64_t rows = 0;
};

/// Decides what a device with free credit runs next. Called on rank 0 from one thread, often
/// (once a batch): no blocking, no I/O, no clock but observation.now.
class Policy {
 public:
  virtual ~Policy() = default;
  virtual std::string_view name() const = 0;
  /// Batches a device may hold at a time, the running ones included.
  virtual int credit(const DeviceView& device) const = 0;
  /// The next batch for `device`, or nothing to let it wait. The scheduler clips `rows` to what
  /// waits and to its own limits.
  virtual std::optional<Decision> next(const Observation& seen, DeviceId device) = 0;
};

}  // namespace widepipe::schedule
