#include "schedule/policy_guard.h"

#include <algorithm>
#include <limits>

namespace widepipe::schedule {

void PolicyGuard::see(Seconds now, double missed, double ended) {
  if (!trusted()) untrusted_ += now - last_;
  last_ = now;
  if (now - since_ > settings_.settle) window_.push_back({now, missed, ended});
  // More than the window only as long as it has too few requests.
  double all = all_ended();
  while (!window_.empty() && window_.front().at <= now - settings_.window &&
         all - window_.front().ended >= settings_.least) {
    all -= window_.front().ended;
    window_.pop_front();
  }
  switch (state_) {
    case State::kTrusted:
      if (now < until_ || !knows_enough(now)) return;
      own_share_ = missed_share();
      excess_ = std::max(excess_ ? *excess_ + (missed - settings_.suspicious * ended) / all
                                 : own_share_ - settings_.suspicious,
                         0.0);
      if (own_share_ <= settings_.suspicious) pause_ = settings_.first_pause;
      if (*excess_ <= settings_.suspicious) return;
      ++comparisons_;
      return enter(State::kCompared, now);
    case State::kCompared:
      if (!knows_enough(now)) return;
      fallback_share_ = missed_share();
      if (fallback_share_ >= settings_.better * own_share_) return stay(now);
      return enter(State::kAgain, now);
    case State::kAgain:
      if (!knows_enough(now)) return;
      if (missed_share() <= settings_.suspicious) return enter(State::kTrusted, now);
      if (fallback_share_ < settings_.better * missed_share()) return fall_back(now);
      return stay(now);
    case State::kFallback:
      if (now < until_) return;
      enter(State::kTrusted, now);
      until_ = now;
  }
}

void PolicyGuard::distrust(Seconds now) {
  fall_back(now);
  until_ = std::numeric_limits<Seconds>::infinity();
}

void PolicyGuard::fall_back(Seconds now) {
  ++fallbacks_;
  enter(State::kFallback, now);
  until_ = now + pause_;
  pause_ = std::min(2 * pause_, settings_.longest_pause);
}

void PolicyGuard::stay(Seconds now) {
  enter(State::kTrusted, now);
  until_ = now + pause_;
  pause_ = std::min(2 * pause_, settings_.longest_pause);
}

void PolicyGuard::enter(State state, Seconds now) {
  state_ = state;
  since_ = now;
  window_.clear();
  excess_.reset();
}

double PolicyGuard::all_ended() const {
  double ended = 0;
  for (const Ended& one : window_) ended += one.ended;
  return ended;
}

double PolicyGuard::missed_share() const {
  double missed = 0;
  for (const Ended& one : window_) missed += one.missed;
  const double all = all_ended();
  return all > 0 ? missed / all : 0;
}

bool PolicyGuard::knows_enough(Seconds now) const {
  return now - since_ >= settings_.settle + settings_.window && all_ended() >= settings_.least;
}

}  // namespace widepipe::schedule
