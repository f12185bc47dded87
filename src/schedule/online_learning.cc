#include "schedule/online_learning.h"

#include <algorithm>
#include <cmath>

namespace widepipe::schedule {

OnlineLearning::OnlineLearning(const OnlineSettings& settings) : settings_(settings) { begin(0); }

void OnlineLearning::see(Seconds now, double missed, double ended) {
  if (given_up_ || now - since_ <= settings_.settle) return;
  missed_ += missed;
  ended_ += ended;
  if (now - since_ < settings_.settle + settings_.window || ended_ < settings_.least) return;
  const double share = missed_ / ended_;
  since_ = now;
  missed_ = ended_ = 0;
  if (!second_) {
    first_share_ = share;
    second_ = true;
    return;
  }
  compare(first_share_, share);
  begin(now);
}

void OnlineLearning::skip(Seconds now) {
  if (!given_up_) begin(now);
}

void OnlineLearning::give_up() {
  given_up_ = true;
  steps_ = 0;
  center_ = {};
  direction_ = {};
  better_ = {};
  squares_ = {};
}

OnlineLearning::Numbers OnlineLearning::numbers() const {
  Numbers tried = center_;
  const double nudge = second_ ? -settings_.nudge : settings_.nudge;
  for (std::size_t i = 0; i < kNumbers; ++i) tried[i] += nudge * direction_[i];
  return tried;
}

void OnlineLearning::begin(Seconds now) {
  for (double& one : direction_) one = random_() % 2 == 0 ? 1 : -1;
  second_ = false;
  since_ = now;
  missed_ = ended_ = 0;
}

void OnlineLearning::compare(double first_share, double second_share) {
  const double gain = std::clamp(
      std::log((second_share + settings_.few_misses) / (first_share + settings_.few_misses)), -1.0,
      1.0);
  for (std::size_t i = 0; i < kNumbers; ++i) {
    better_[i] += gain * direction_[i];
    squares_[i] += gain * gain;
    if (std::abs(better_[i]) <= settings_.sure * std::sqrt(squares_[i])) continue;
    const double moved = center_[i] + std::copysign(settings_.step, better_[i]);
    center_[i] = std::clamp(moved, -settings_.reach, settings_.reach);
    better_[i] = squares_[i] = 0;
  }
  ++steps_;
}

}  // namespace widepipe::schedule
