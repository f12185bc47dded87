#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "schedule/types.h"

namespace widepipe::schedule {

struct GuardSettings {
  /// A policy that misses more than this share of requests is compared with the fallback, once what
  /// it misses beyond it adds up to more than this share of a window.
  double suspicious = 0.05;
  /// The fallback is better if it misses less than so many times as much.
  double better = 0.8;
  Seconds settle = 0.5;  ///< after a change, what ends is still the other's work
  Seconds window = 1;    ///< then so much of it counts, or more,
  double least = 200;    ///< until so many requests have ended
  /// Without the policy, or without another comparison; then twice as long.
  Seconds first_pause = 8;
  Seconds longest_pause = 64;
};

/// Whether a policy is to be trusted, or a fallback is to decide in its place: by what becomes of
/// requests under either: first under the policy, where what it misses too much is added up (a
/// cumulative sum; Page, Biometrika 41, 1954), then, in sliding windows, under the fallback, and if
/// that did better, under the policy once more, for the times may just have changed. Where both
/// miss as much, there is more to do than can be done, and the policy stays.
class PolicyGuard {
 public:
  explicit PolicyGuard(const GuardSettings& settings = {}) : settings_(settings) {}

  /// What has ended since the last call, and how much of it missed. Times do not go back.
  void see(Seconds now, double missed, double ended);
  /// It has shown that it does not work at all.
  void distrust(Seconds now);
  /// The policy decides, not the fallback.
  bool trusted() const { return state_ == State::kTrusted || state_ == State::kAgain; }

  std::int64_t comparisons() const { return comparisons_; }
  std::int64_t fallbacks() const { return fallbacks_; }
  /// Until the last call, comparisons included.
  Seconds untrusted_time() const { return untrusted_; }

 private:
  enum class State { kTrusted, kCompared, kAgain, kFallback };
  struct Ended {
    Seconds at;
    double missed;
    double ended;
  };

  void enter(State state, Seconds now);
  double all_ended() const;  ///< in the window
  double missed_share() const;
  bool knows_enough(Seconds now) const;
  void fall_back(Seconds now);
  void stay(Seconds now);

  const GuardSettings settings_;
  State state_ = State::kTrusted;
  Seconds since_ = 0;  ///< in this state
  Seconds until_ = 0;  ///< kTrusted: no comparison before; kFallback: its end
  Seconds pause_ = settings_.first_pause;
  Seconds last_ = 0;
  double own_share_ = 0;       ///< what the policy missed, before kCompared
  double fallback_share_ = 0;  ///< what the fallback did, before kAgain
  /// kTrusted: what was missed beyond what is suspicious, in windows of requests.
  std::optional<double> excess_;
  std::deque<Ended> window_;
  std::int64_t comparisons_ = 0;
  std::int64_t fallbacks_ = 0;
  Seconds untrusted_ = 0;
};

}  // namespace widepipe::schedule
