#include "jobs/replay_source.h"

#include <algorithm>

namespace widepipe::jobs {
namespace {

constexpr int kRowsAtATime = 50'000;

}  // namespace

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
    due = hand_in_rows(now);
    if (next_stream_ < plan_.streams.size()) return due;
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

/// Some of them: rounds go on meanwhile.
bool ReplaySource::hand_in_rows(schedule::Seconds now) {
  bool due = false;
  for (int i = 0; i < kRowsAtATime && next_stream_ < plan_.streams.size();) {
    if (next_row_ == plan_.streams[next_stream_].rows) {
      ++next_stream_;
      next_row_ = 0;
      continue;
    }
    due |= add(next_stream_, 0, now);
    ++next_row_;
    ++i;
  }
  return due;
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
