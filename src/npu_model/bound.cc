#include "npu_model/bound.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "npu_model/equations.h"

namespace widepipe::npu_model {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kAngles = 91;  ///< of tangents, 0 to 90 degrees

/// What a request costs on a kind of device, in seconds of it, by tangent and stream.
using Costs = std::vector<std::vector<double>>;

Costs costs_on(const Profile& profile, const BoundDevice& device,
               const std::vector<BoundStream>& streams) {
  Costs costs(kAngles, std::vector<double>(streams.size(), kInfinity));
  for (std::size_t s = 0; s < streams.size(); ++s) {
    const Network& network = profile.networks[static_cast<std::size_t>(streams[s].network)];
    for (const int cores : profile.device.core_choices) {
      if (cores > device.cores) break;
      for (int batch = 1; batch <= profile.device.max_batch; ++batch) {
        const Seconds solo = solo_seconds(profile.device, network, cores, batch);
        if (solo / device.speed > streams[s].slo) continue;
        const double of_cores = cores * solo / (device.cores * device.speed) / batch;
        const double of_memory =
            moved_bytes(profile.device, network, batch) / profile.device.bytes_per_second / batch;
        for (int angle = 0; angle < kAngles; ++angle) {
          const double theta = angle * std::numbers::pi / 2 / (kAngles - 1);
          double& cost = costs[static_cast<std::size_t>(angle)][s];
          cost = std::min(cost, of_cores * std::cos(theta) + of_memory * std::sin(theta));
        }
      }
    }
  }
  return costs;
}

/// The most that a device can earn a second when a request of stream s earns prices[s]: for the
/// tangent that allows least.
double earnings(const Costs& costs, const std::vector<double>& prices) {
  double least = kInfinity;
  for (const std::vector<double>& of_streams : costs) {
    double most = 0;
    for (std::size_t s = 0; s < prices.size(); ++s) {
      // What costs nothing on a tangent (no bandwidth at 90 degrees, say) earns without limit.
      if (prices[s] > 0) most = std::max(most, prices[s] / of_streams[s]);
    }
    least = std::min(least, most);
  }
  return least;
}

class Dual {
 public:
  Dual(const Profile& profile, const std::vector<BoundDevice>& devices,
       const std::vector<BoundStream>& streams)
      : devices_(devices), streams_(streams) {
    for (const BoundDevice& device : devices) costs_.push_back(costs_on(profile, device, streams));
  }

  /// Prices for which every stream earns alike on this kind of device and tangent.
  std::vector<double> start(std::size_t device, std::size_t angle) const {
    return costs_[device][angle];
  }

  double value(const std::vector<double>& prices) const {
    double paid = 0;
    for (std::size_t s = 0; s < streams_.size(); ++s) paid += streams_[s].share * prices[s];
    if (!(paid > 0) || !std::isfinite(paid)) return kInfinity;
    double earned = 0;
    for (std::size_t d = 0; d < devices_.size(); ++d) {
      earned += devices_[d].count * earnings(costs_[d], prices);
    }
    return earned / paid;
  }

 private:
  const std::vector<BoundDevice>& devices_;
  const std::vector<BoundStream>& streams_;
  std::vector<Costs> costs_;
};

bool can_be_served(const std::vector<double>& prices) {
  return std::all_of(prices.begin(), prices.end(), [](double p) { return std::isfinite(p); });
}

}  // namespace

double fluid_bound(const Profile& profile, const std::vector<BoundDevice>& devices,
                   const std::vector<BoundStream>& streams) {
  const Dual dual(profile, devices, streams);
  std::vector<double> best;
  double bound = kInfinity;
  for (std::size_t device = 0; device < devices.size(); ++device) {
    for (std::size_t angle = 0; angle < kAngles; ++angle) {
      std::vector<double> prices = dual.start(device, angle);
      if (!can_be_served(prices)) continue;
      const double value = dual.value(prices);
      if (value >= bound) continue;
      bound = value;
      best = std::move(prices);
    }
  }
  if (best.empty()) return 0;
  // Kinds of devices differ in what is dear to them: prices one by one, in ever smaller steps.
  for (double step = 0.2; step > 1e-4; step /= 2) {
    for (bool better = true; better;) {
      better = false;
      for (double& price : best) {
        for (const double factor : {1 + step, 1 / (1 + step)}) {
          const double before = price;
          price *= factor;
          const double value = dual.value(best);
          if (value < bound * (1 - 1e-9)) {
            bound = value;
            better = true;
          } else {
            price = before;
          }
        }
      }
    }
  }
  return bound;
}

}  // namespace widepipe::npu_model
