#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>

namespace widepipe::simulation {

using Duration = std::chrono::nanoseconds;

constexpr Duration microseconds(double count) {
  return Duration(static_cast<std::int64_t>(count * 1e3));
}
constexpr Duration seconds(double count) {
  return Duration(static_cast<std::int64_t>(count * 1e9));
}

/// All that is left to chance in a simulation, from its seed.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// 0 to n - 1.
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(n));
  }
  /// Both ends included.
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + below(most - least + 1);
  }
  /// 0 to 1.
  double share() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  bool chance(double probability) { return share() < probability; }
  /// Short ones as often as long ones: spread evenly over the orders of magnitude.
  Duration between(Duration least, Duration most) {
    const double ratio = static_cast<double>(most.count()) / static_cast<double>(least.count());
    return Duration(
        static_cast<std::int64_t>(static_cast<double>(least.count()) * std::pow(ratio, share())));
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace widepipe::simulation
