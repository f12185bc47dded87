#pragma once
// Every decision of rank 0 is made here. The scheduler never calls MPI and never reads a clock:
// the same object runs live, in a simulator and in unit tests.

#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/row_range.h"
#include "schedule/policy.h"
#include "schedule/recheck.h"
#include "schedule/types.h"

namespace widepipe::schedule {

struct SchedulerLimits {
  /// Bytes of rows, in or out, that one batch may carry: a payload must fit in a round.
  std::int64_t max_batch_bytes = std::int64_t{64} << 20;
  /// On the clock of dispatch(): a batch that would come back later is not begun.
  Seconds end = std::numeric_limits<Seconds>::infinity();
  /// A device is quarantined with so many strikes, if they are a tenth of its batches or more. The
  /// last one never is.
  int most_strikes = 3;
  /// Of the rows, computed once more on another device: 0 to 1 (recheck.h).
  double recheck_share = 0;
};

/// What a completed batch means for its rows.
struct Outcome {
  Dispatch dispatch;
  enum class Kind {
    kDone,
    kFailed,   ///< a single row that cannot be computed, by two devices if there are two: final
    kRetried,  ///< goes back to the queue, for another device if there is one, in halves
    kChecked   ///< of a check, or of a device that was found wrong: the results are not kept
  } kind = Kind::kDone;
  std::optional<DeviceId> quarantined;       ///< a device, in consequence
  std::vector<Rechecks::Verdict> verdicts;   ///< devices found wrong, which get no more work
  std::vector<Rechecks::StreamRows> redone;  ///< rows that such devices had done: they wait again
};

/// A batch that its device should have brought back long ago.
struct Overdue {
  Dispatch dispatch;
  Seconds waited = 0;
  Seconds expected = 0;  ///< for all that the device had when it was dispatched; 0: unknown
};

/// Queues of rows, devices with credit, and the policy between them. Not thread-safe.
class Scheduler {
 public:
  Scheduler(std::vector<StreamSpec> streams, const std::vector<DeviceSpec>& devices,
            std::unique_ptr<Policy> policy, SchedulerLimits limits = {});

  /// Rows that now wait for a device. Each row of a stream is added once.
  void add_rows(StreamId stream, RowRange rows);

  /// Binds waiting rows to devices, as late as credit allows: call it when a round is about to
  /// leave. Devices are served in turn, so that a few rows spread over all of them. Stops, as by
  /// stop(), when nothing is out and nothing more can be back before the end.
  std::vector<Dispatch> dispatch(Seconds now);

  /// Takes back a batch. Throws std::logic_error if it was never dispatched or is already done.
  Outcome complete(const BatchResult& result);

  /// A batch that is out for `limit`, and for many times as long as its device, or the others,
  /// lead one to expect; while none of them has computed anything, for many times `limit`.
  std::optional<Overdue> overdue(Seconds now, Seconds limit) const;
  /// So much of the time that has passed does not count for the batches that are out.
  void excuse(Seconds time);

  /// From now on nothing is dispatched; what is out comes back.
  void stop();

  /// No batch is out, and nothing waits (or stop() was called).
  bool drained() const;

  std::int64_t batches_dispatched() const { return static_cast<std::int64_t>(next_batch_ - 1); }
  const Policy& policy() const { return *policy_; }
  /// By a recheck; it gets nothing more.
  bool found_wrong(DeviceId device) const { return wrong_.at(device); }

 private:
  /// A failed batch, until its parts have shown whether the device or a row is to blame.
  struct Failure {
    DeviceId device = 0;
    bool by_a_row = false;
  };
  struct Retry {
    RowRange rows;
    std::shared_ptr<Failure> failure;  ///< null if no device is to blame
  };

  /// What a stream has for devices.
  struct Queue {
    std::deque<RowRange> waiting;  ///< in row order
    std::deque<Retry> retries;     ///< parts of failed batches, run alone
    /// By device: the rest of a chunk of which it has rows. Others get it when nothing waits.
    std::vector<RowRange> claims;
  };

  struct Outstanding {
    Dispatch dispatch;
    Seconds busy = 0;  ///< expected
    Seconds since = 0;
    std::shared_ptr<Failure> failure;         ///< of which this is a part; null for a first try
    std::shared_ptr<Rechecks::Case> recheck;  ///< of a check
  };
  /// Rows for a batch.
  struct Taken {
    RowRange rows;
    std::shared_ptr<Failure> failure;
  };

  Seconds expected_busy(const Dispatch& dispatch) const;

  std::int64_t rows_in_time(const DeviceView& device, StreamId stream, Seconds now) const;
  std::optional<Taken> take(StreamId stream, DeviceId device, std::int64_t rows);
  std::optional<Retry> take_retry(StreamId stream, DeviceId device);
  void claim(StreamId stream, DeviceId device, std::int64_t rows);
  bool is_alone(DeviceId device) const;
  Outcome retry(const Outstanding& failed, BatchEnd end);
  Dispatch send(DeviceId id, StreamId stream, RowRange rows, Seconds now, Outstanding more);
  void compare(const Outstanding& check, const BatchResult& result, Outcome& outcome);
  void discard(const Outstanding& batch, Outcome& outcome);
  void strike(DeviceId device, Outcome& outcome);
  void quarantine(DeviceId device);
  void judge(Rechecks::Verdict verdict, Outcome& outcome);
  Rechecks::MayVote may_vote() const;

  std::vector<StreamView> streams_;
  std::vector<DeviceView> devices_;
  std::vector<Queue> queues_;  ///< by stream
  std::unordered_map<BatchId, Outstanding> outstanding_;
  std::unique_ptr<Policy> policy_;
  SchedulerLimits limits_;
  Rechecks rechecks_;
  std::vector<bool> wrong_;  ///< by device: found so by a recheck
  BatchId next_batch_ = 1;
  DeviceId next_device_ = 0;
  bool stopped_ = false;
};

}  // namespace widepipe::schedule
