#include "npu_model/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>
#include <utility>

#include "npu_model/equations.h"

namespace widepipe::npu_model {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kFlopsPerMac = 2;

/// launch, a, a * s of one network.
using Coefficients = std::array<double, 3>;

/// The least squares of all three, or of those in `used`; nothing where they are not determined.
bool solve(const std::array<std::array<double, 3>, 3>& products, const Coefficients& sides,
           const std::array<bool, 3>& used, Coefficients& found) {
  std::array<std::array<double, 4>, 3> rows{};
  std::array<std::size_t, 3> columns{};
  std::size_t n = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    if (used[i]) columns[n++] = i;
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) rows[i][j] = products[columns[i]][columns[j]];
    rows[i][n] = sides[columns[i]];
  }
  for (std::size_t step = 0; step < n; ++step) {
    std::size_t pivot = step;
    for (std::size_t i = step; i < n; ++i) {
      if (std::abs(rows[i][step]) > std::abs(rows[pivot][step])) pivot = i;
    }
    std::swap(rows[step], rows[pivot]);
    if (!(std::abs(rows[step][step]) > 1e-12)) return false;
    for (std::size_t i = 0; i < n; ++i) {
      if (i == step) continue;
      const double factor = rows[i][step] / rows[step][step];
      for (std::size_t j = step; j <= n; ++j) rows[i][j] -= factor * rows[step][j];
    }
  }
  found = {};
  for (std::size_t i = 0; i < n; ++i) found[columns[i]] = rows[i][n] / rows[i][i];
  return true;
}

/// What multiplies the coefficients.
Coefficients terms(const Network& network, const Timing& timing, double batch_half,
                   double exponent) {
  const double b = timing.batch;
  const double work = (b + batch_half) * kFlopsPerMac * network.macs / timing.cores;
  return {1, work, work * (timing.cores - 1) / std::pow(b, exponent)};
}

double value(const Coefficients& found, const Coefficients& term) {
  return found[0] * term[0] + found[1] * term[1] + found[2] * term[2];
}

/// The least squares of relative errors with no negative coefficient: of few, all choices of those
/// that are not 0 are tried. Returns the sum of squares.
double fit_network(const Network& network, const std::vector<Timing>& timings, double batch_half,
                   double exponent, Coefficients& best) {
  // Columns of like size, so that the test of pivots means something.
  Coefficients scale{};
  for (const Timing& timing : timings) {
    const Coefficients term = terms(network, timing, batch_half, exponent);
    for (std::size_t i = 0; i < 3; ++i) scale[i] = std::max(scale[i], term[i] / timing.seconds);
  }
  std::array<std::array<double, 3>, 3> products{};
  Coefficients sides{};
  for (const Timing& timing : timings) {
    const Coefficients term = terms(network, timing, batch_half, exponent);
    Coefficients row{};
    for (std::size_t i = 0; i < 3; ++i) {
      row[i] = scale[i] > 0 ? term[i] / timing.seconds / scale[i] : 0;
    }
    for (std::size_t i = 0; i < 3; ++i) {
      sides[i] += row[i];
      for (std::size_t j = 0; j < 3; ++j) products[i][j] += row[i] * row[j];
    }
  }
  double least = kInfinity;
  for (unsigned choice = 1; choice < 8; ++choice) {
    const std::array<bool, 3> used{(choice & 1) != 0, (choice & 2) != 0, (choice & 4) != 0};
    Coefficients found{};
    if (!used[1] || !solve(products, sides, used, found)) continue;
    if (*std::min_element(found.begin(), found.end()) < 0) continue;
    for (std::size_t i = 0; i < 3; ++i) found[i] = scale[i] > 0 ? found[i] / scale[i] : 0;
    double sum = 0;
    for (const Timing& timing : timings) {
      const double fitted = value(found, terms(network, timing, batch_half, exponent));
      sum += (fitted / timing.seconds - 1) * (fitted / timing.seconds - 1);
    }
    if (sum < least && found[1] > 0) {
      least = sum;
      best = found;
    }
  }
  return least;
}

/// The minimum of a function of one number in [low, high]: a grid, then ever finer ones around the
/// best.
template <typename Function>
double search(double low, double high, const Function& function) {
  constexpr int kPoints = 20;
  double best = low;
  for (int round = 0; round < 6; ++round) {
    const double step = (high - low) / kPoints;
    double least = kInfinity;
    for (int i = 0; i <= kPoints; ++i) {
      const double at = low + step * i;
      const double result = function(at);
      if (result < least) {
        least = result;
        best = at;
      }
    }
    low = std::max(low, best - step);
    high = std::min(high, best + step);
  }
  return best;
}

FitError error_of(std::vector<double> errors) {
  if (errors.empty()) return {};
  std::sort(errors.begin(), errors.end());
  return {errors[errors.size() / 2], errors.back()};
}

/// What was measured alone, without the time that a batch takes from itself in the memory:
///   measured = solo * sqrt(1 + (bytes / (bandwidth * solo))^2)
Seconds solo_of(const Profile& profile, const Timing& timing) {
  const Seconds moving =
      moved_bytes(profile.device, profile.networks[timing.network], timing.batch) /
      profile.device.bytes_per_second;
  return std::sqrt(std::max(timing.seconds * timing.seconds - moving * moving, 0.0));
}

double demand_of(const Profile& profile, const Timing& timing) {
  return moved_bytes(profile.device, profile.networks[timing.network], timing.batch) /
         (solo_of(profile, timing) * profile.device.bytes_per_second);
}

double slowdown_of(const Profile& profile, const NeighbourTiming& timing) {
  const double own = demand_of(profile, timing.batch);
  double all = own;
  for (const Timing& other : timing.others) all += demand_of(profile, other);
  return progress_rate(1, own) / progress_rate(1, all);
}

/// The bandwidth whose slowdowns are nearest. With as little as it can be, some batch alone does
/// nothing but move bytes; without neighbours nothing is known of it, and it is taken for plenty.
void fit_bandwidth(Profile& profile, const std::vector<Timing>& alone,
                   const std::vector<NeighbourTiming>& beside) {
  constexpr double kMost = 1000;  // times the least
  constexpr double kMargin = 1.5;
  double least = 0;
  for (const Timing& timing : alone) {
    const Network& network = profile.networks[timing.network];
    const double rate = moved_bytes(profile.device, network, timing.batch) / timing.seconds;
    least = std::max(least, kMargin * rate);
  }
  double factor = std::log(kMost);
  if (!beside.empty()) {
    factor = search(0, factor, [&](double log_factor) {
      profile.device.bytes_per_second = least * std::exp(log_factor);
      double sum = 0;
      for (const NeighbourTiming& timing : beside) {
        const double error = std::log(slowdown_of(profile, timing) / timing.slowdown);
        sum += error * error;
      }
      return sum;
    });
  }
  profile.device.bytes_per_second = least * std::exp(factor);
}

}  // namespace

Fit fit_profile(const Profile& known, const std::vector<Timing>& alone,
                const std::vector<NeighbourTiming>& beside) {
  Fit fit{.profile = known, .alone = {}, .by_network = {}, .beside_others = {}};
  DeviceConstants& device = fit.profile.device;
  fit_bandwidth(fit.profile, alone, beside);

  std::vector<std::vector<Timing>> timings(known.networks.size());  // solo
  for (Timing timing : alone) {
    timing.seconds = solo_of(fit.profile, timing);
    timings.at(timing.network).push_back(timing);
  }
  for (std::size_t i = 0; i < timings.size(); ++i) {
    std::set<int> batches;
    for (const Timing& timing : timings[i]) batches.insert(timing.batch);
    if (batches.size() < 2) {
      throw std::invalid_argument(fmt::format("network '{}': {} batch sizes, expected 2 or more",
                                              known.networks[i].name, batches.size()));
    }
  }
  std::vector<Coefficients> found(timings.size());
  const auto error = [&](double batch_half, double exponent) {
    double sum = 0;
    for (std::size_t i = 0; i < timings.size(); ++i) {
      sum += fit_network(known.networks[i], timings[i], batch_half, exponent, found[i]);
    }
    return sum;
  };
  constexpr double kMostHalf = 8;
  constexpr double kMostExponent = 2;
  const auto best_exponent = [&](double half) {
    return search(0, kMostExponent, [&](double exponent) { return error(half, exponent); });
  };
  device.batch_half =
      search(0, kMostHalf, [&](double half) { return error(half, best_exponent(half)); });
  device.scaling_exponent = best_exponent(device.batch_half);
  error(device.batch_half, device.scaling_exponent);

  device.launch = 0;
  device.batch_gain = 1;
  device.flops_per_core = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!(found[i][1] > 0)) {
      throw std::invalid_argument(
          fmt::format("network '{}': its timings fit no constants", known.networks[i].name));
    }
    device.flops_per_core = std::max(device.flops_per_core, 1 / found[i][1]);
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    Network& network = fit.profile.networks[i];
    network.launch = found[i][0];
    network.efficiency = std::min(1 / (found[i][1] * device.flops_per_core), 1.0);
    network.sharing_loss = found[i][2] / found[i][1];
  }

  std::vector<double> all;
  for (std::size_t i = 0; i < timings.size(); ++i) {
    std::vector<double> errors;
    for (const Timing& timing : alone) {
      if (timing.network != i) continue;
      const Seconds fitted =
          alone_seconds(device, fit.profile.networks[i], timing.cores, timing.batch);
      errors.push_back(std::abs(fitted / timing.seconds - 1));
    }
    all.insert(all.end(), errors.begin(), errors.end());
    fit.by_network.push_back(error_of(std::move(errors)));
  }
  fit.alone = error_of(std::move(all));
  std::vector<double> slowdowns;
  for (const NeighbourTiming& timing : beside) {
    slowdowns.push_back(std::abs(slowdown_of(fit.profile, timing) / timing.slowdown - 1));
  }
  fit.beside_others = error_of(std::move(slowdowns));
  return fit;
}

}  // namespace widepipe::npu_model
