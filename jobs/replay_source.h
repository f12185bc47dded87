#pragma once

#include "jobs/replay_ledger.h"
#include "jobs/replay_plan.h"
#include "jobs/request_rows.h"
#include "rl/measures.h"
#include "rl/workload.h"
#include "schedule/request_dispatcher.h"

namespace widepipe::jobs {

/// Requests as they come, on time or as soon as rank 0 gets to it.
class ReplaySource {
 public:
  /// All outlive it. `rows` is told what requests are for; null where rows mean nothing.
  ReplaySource(const ReplayPlan& plan, schedule::RequestDispatcher& dispatcher,
               ReplayLedger& ledger, rl::Measures& measures, RequestRows* rows);

  /// Hands in what is due. True if there may be something to dispatch.
  bool hand_in(schedule::Seconds now);
  /// All have come to their end, or it has taken too long.
  bool over(schedule::Seconds now) const;

  // How late requests were handed in.
  schedule::Seconds mean_lateness() const {
    return count_ == 0 ? 0 : lateness_sum_ / static_cast<double>(count_);
  }
  schedule::Seconds longest_lateness() const { return longest_lateness_; }

 private:
  bool hand_in_rows(schedule::Seconds now);
  bool add(schedule::StreamId stream, schedule::Seconds at, schedule::Seconds now);

  const ReplayPlan& plan_;
  schedule::RequestDispatcher& dispatcher_;
  ReplayLedger& ledger_;
  rl::Measures& measures_;
  RequestRows* const rows_;
  rl::ArrivalGenerator arrivals_;
  rl::ArrivalGenerator::Arrival next_;
  bool draining_ = false;  ///< no more will come
  schedule::RequestId count_ = 0;
  schedule::StreamId next_stream_ = 0;  ///< of a data set: of the next row
  std::size_t next_row_ = 0;
  double lateness_sum_ = 0;
  schedule::Seconds longest_lateness_ = 0;
};

}  // namespace widepipe::jobs
