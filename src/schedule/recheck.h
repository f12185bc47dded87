#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "core/row_range.h"
#include "core/row_set.h"
#include "schedule/types.h"

namespace widepipe::schedule {

/// A sampled share of the rows is computed once more by another device. Where the two results
/// differ, further devices are asked until two agree: the others are wrong. Not thread-safe.
class Rechecks {
 public:
  struct Vote {
    DeviceId device = 0;
    std::uint64_t digest = 0;
  };
  /// Rows of which results are compared. The first vote is of the device whose result is kept.
  struct Case {
    StreamId stream = 0;
    RowRange rows;
    std::vector<Vote> votes;
  };
  /// Whether a device may be asked.
  using MayVote = std::function<bool(DeviceId)>;
  /// What a vote, or the loss of a voter, came to.
  struct Verdict {
    std::vector<DeviceId> wrong;
    bool undecided = false;  ///< no two agree and nobody is left: any of `wrong` may be right
    StreamId stream = 0;     ///< of the rows on which they differ
    RowRange rows;
  };
  struct StreamRows {
    StreamId stream = 0;
    std::vector<RowRange> ranges;
  };

  /// `share` of the rows, 0 to 1; with 0 nothing is kept.
  Rechecks(double share, std::size_t streams, std::size_t devices);

  /// Rows that a device has computed, with a digest of their results.
  void add(DeviceId device, StreamId stream, RowRange rows, std::uint64_t digest,
           const MayVote& may_vote);

  /// A case for this device to vote on; null if there is none.
  std::shared_ptr<Case> take(DeviceId device);
  /// A case that was taken and not computed.
  void put_back(std::shared_ptr<Case> open) { open_.push_front(std::move(open)); }
  Verdict vote(const std::shared_ptr<Case>& open, Vote vote, const MayVote& may_vote);

  /// After a device was lost as a voter: cases that cannot be decided any more are dropped.
  Verdict prune(const MayVote& may_vote);
  /// The rows that a device was the first to compute; it has none from now on, nor any case.
  std::vector<StreamRows> retract(DeviceId device);

  bool empty() const { return open_.empty(); }
  void clear() { open_.clear(); }

 private:
  bool may_be_decided(const Case& open, const MayVote& may_vote) const;

  const double share_;
  std::vector<std::vector<RowSet>> computed_;  ///< by device, stream
  std::vector<double> due_;                    ///< by device: rows to be sampled
  std::vector<bool> retracted_;                ///< by device: its votes do not count
  std::deque<std::shared_ptr<Case>> open_;
};

}  // namespace widepipe::schedule
