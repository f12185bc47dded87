#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>

#include "schedule/learned_parameters.h"
#include "schedule/types.h"

namespace widepipe::schedule {

struct OnlineSettings {
  Seconds settle = 0.5;  ///< after a change, what ends is still the work of before
  Seconds window = 1;    ///< then so much of it counts, or more,
  double least = 1000;   ///< until so many requests have ended
  double nudge = 0.06;   ///< so far numbers are tried to either side
  double step = 0.06;    ///< so far one of them moves
  double sure = 3;       ///< if its better side is known by so many standard deviations
  double reach = 0.3;    ///< they stay so near to 0
  /// Shares of misses are alike below this: where little is missed, there is nothing to learn.
  double few_misses = 0.002;
};

/// A few numbers that go where less is missed, while all goes on: simultaneous perturbation (SPSA;
/// Spall, IEEE Trans. Automatic Control 37(3), 1992). All are moved a little at random, each up
/// or down, for one window, and the other way for the next. Most of what differs then is chance, or
/// the doing of others: a number moves to the side that was better as soon as that is beyond it.
class OnlineLearning {
 public:
  static constexpr std::size_t kNumbers = std::size_t{kModelHeads} + std::size_t{kSharedHeads};
  using Numbers = std::array<double, kNumbers>;

  explicit OnlineLearning(const OnlineSettings& settings = {});

  /// What has ended since the last call, and how much of it missed, with numbers() as they were.
  /// Times do not go back.
  void see(Seconds now, double missed, double ended);
  /// What was seen since numbers() last changed does not count: others decided meanwhile.
  void skip(Seconds now);
  /// All back to 0, for good, as if no step had been taken.
  void give_up();

  /// To be tried next, and what they come to so far.
  Numbers numbers() const;
  const Numbers& learned() const { return center_; }
  /// Pairs of windows that were compared.
  std::int64_t steps() const { return steps_; }

 private:
  void begin(Seconds now);
  void compare(double first_share, double second_share);

  const OnlineSettings settings_;
  std::mt19937_64 random_{1};
  Numbers center_{};
  Numbers direction_{};  ///< of the pair of windows under way, 1 or -1 each
  Numbers better_{};     ///< by number, since it last moved: the sum of gains upwards
  Numbers squares_{};    ///< likewise, of their squares
  bool second_ = false;  ///< of its windows
  bool given_up_ = false;
  Seconds since_ = 0;  ///< of the window
  double missed_ = 0;  ///< in it, as is the next
  double ended_ = 0;
  double first_share_ = 0;  ///< missed in the first one
  std::int64_t steps_ = 0;
};

}  // namespace widepipe::schedule
