#include "jobs/replay_source.h"

#include <algorithm>

namespace widepipe::jobs {

ReplaySource::ReplaySource(const ReplayPlan& plan, schedule::RequestDispatcher& dispatcher,
                           ReplayLedger& ledger, rl::Measures& measures, RequestRows* rows)
    : plan_(plan),
      dispatcher_(dispatcher),
      ledger_(ledger),
      measures_(measures),
      rows_(rows),
      arrivals_(plan.workload,
                rate_phases(plan.workload, plan.settings.duration,
                            seed_for(plan.settings.seed, rl::Purpose::kRates)),
                plan.settings.rate, seed_for(plan.settings.seed, rl::Purpose::kArrivals)) {
  if (!plan.workload.bulk) next_ = arrivals_.next();
}

bool ReplaySource::hand_in(schedule::Seconds now) {
  if (draining_) return false;
  bool due = false;
  if (plan_.workload.bulk) {
    for (schedule::StreamId id = 0; id < plan_.streams.size(); ++id) {
      for (std::size_t row = 0; row < plan_.streams[id].rows; ++row) due |= add(id, 0, now);
    }
  } else {
    for (; next_.at <= now && next_.at < plan_.settings.duration; next_ = arrivals_.next()) {
      due |= add(next_.stream, next_.at, now);
      longest_lateness_ = std::max(longest_lateness_, now - next_.at);
      lateness_sum_ += now - next_.at;
    }
    if (now < plan_.settings.duration) return due;
  }
  draining_ = true;
  dispatcher_.drain();
  return true;
}

bool ReplaySource::over(schedule::Seconds now) const {
  return (draining_ && dispatcher_.drained()) || now > plan_.latest_end;
}

bool ReplaySource::add(schedule::StreamId stream, schedule::Seconds at, schedule::Seconds now) {
  ++measures_.streams[stream].offered;
  ++measures_.events;
  ledger_.handed_in();
  const rl::Trace* trace = plan_.workload.trace.get();
  if (rows_ != nullptr && trace != nullptr && !trace->rows.empty()) {
    rows_->hand_in(stream, trace->rows[count_]);
  } else if (rows_ != nullptr) {
    rows_->hand_in(stream);
  }
  return dispatcher_.add(stream, {count_++, at}, now);
}

}  // namespace widepipe::jobs
