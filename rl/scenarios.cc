#include "rl/scenarios.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "core/mix_bits.h"
#include "npu_model/equations.h"

namespace widepipe::rl {
namespace {

constexpr std::uint64_t kScenarioSeed = 0x7472'6169;
constexpr double kLeastHarder = 0.98;
constexpr double kMostHarder = 1.06;
/// In runs of fewer devices more depends on chance.
constexpr int kFewDevices = 8;

class Draw {
 public:
  explicit Draw(std::uint64_t number) : random_(mix_bits(kScenarioSeed + number * kGoldenGamma)) {}
  double from(double least, double most) {
    return least + (most - least) * static_cast<double>(random_() >> 11) * 0x1p-53;
  }
  /// As likely in each part of a range of factors.
  double between(double least, double most) {
    return std::exp(from(std::log(least), std::log(most)));
  }
  bool chance(double of) { return from(0, 1) < of; }
  int whole(int least, int most) {
    return least + static_cast<int>(random_() % static_cast<std::uint64_t>(most - least + 1));
  }
  template <typename T>
  T one_of(std::initializer_list<T> all) {
    return *(all.begin() + whole(0, static_cast<int>(all.size()) - 1));
  }
  template <typename T>
  void shuffle(std::vector<T>& all) {
    for (int i = static_cast<int>(all.size()) - 1; i > 0; --i) {
      std::swap(all[static_cast<std::size_t>(i)], all[static_cast<std::size_t>(whole(0, i))]);
    }
  }

 private:
  std::mt19937_64 random_;
};

/// Another device with other networks, of which SLO bases are the same multiples of what a batch of
/// one takes, or, as deadlines are those of who asks, no shorter than some time.
npu_model::Profile draw_profile(const npu_model::Profile& usual, Draw& draw, bool one_core) {
  npu_model::Profile profile = usual;
  npu_model::DeviceConstants& device = profile.device;
  if (draw.chance(one_core ? 0.5 : 0.2)) device.jitter = draw.between(0.01, 0.3);
  if (one_core || draw.chance(0.2)) {  // up to larger NPUs
    const double all = device.flops_per_core * device.cores * draw.between(0.6, 1.6);
    const bool few_cores = one_core || draw.chance(0.3);
    const double times = draw.between(few_cores ? 1.0 / device.cores : 0.25, few_cores ? 0.25 : 2);
    device.cores = one_core ? 1 : std::max(1, static_cast<int>(std::lround(device.cores * times)));
    device.flops_per_core = all / device.cores;
    device.bytes_per_second *= draw.between(0.5, one_core ? 100 : few_cores ? 8 : 2);
    device.launch *= draw.between(one_core ? 0.01 : 0.1, 1.5);
    // Processors of one core may gain nothing by batches.
    device.batch_half *= one_core && draw.chance(0.5) ? 0 : draw.from(0, 2);
    device.batch_gain = 1 + device.batch_half;
    device.core_choices.clear();
    for (int cores = 1; cores < device.cores; cores *= 2) device.core_choices.push_back(cores);
    device.core_choices.push_back(device.cores);
  }
  const bool other_networks = draw.chance(one_core ? 0.7 : 0.2);
  const double apart = draw.between(2, 10);
  for (std::size_t i = 0; i < profile.networks.size(); ++i) {
    npu_model::Network& network = profile.networks[i];
    if (other_networks) {
      network.macs *= draw.between(1 / apart, apart);
      network.parameters *= draw.between(1 / apart, apart);
      network.features *= draw.between(1 / apart, apart);
      network.efficiency = std::min(network.efficiency * draw.between(0.6, 1.5), 0.9);
      network.sharing_loss *= draw.between(0.5, 1.5);
    }
    const npu_model::Network& before = usual.networks[i];
    network.reference_cores =
        std::clamp(before.reference_cores * device.cores / usual.device.cores, 1, device.cores);
    network.slo_base = before.slo_base * solo_seconds(device, network, network.reference_cores, 1) /
                       solo_seconds(usual.device, before, before.reference_cores, 1);
  }
  // On one core all wait for the longest: what has much less time than that is hardly served.
  if (one_core || draw.chance(0.15)) {
    const double longest =
        std::ranges::max(profile.networks, {}, &npu_model::Network::slo_base).slo_base;
    const double least = longest * draw.between(one_core ? 0.4 : 0.1, 1.3);
    for (npu_model::Network& network : profile.networks) {
      network.slo_base = std::max(network.slo_base, least);
    }
  }
  return profile;
}

npu_model::FleetSpec draw_fleet(Draw& draw, int cores) {
  npu_model::FleetSpec fleet{.name = "drawn", .classes = {}, .events = {}, .random = {}};
  if (draw.chance(0.35)) {
    fleet.classes = {{.name = "nominal", .share = 1}};
  } else {
    const double slow = draw.from(0, 0.25);
    const double small = draw.from(0, 0.2);
    const double slowest = draw.from(0, 0.1);
    fleet.classes = {{.name = "nominal", .share = 1 - slow - small - slowest},
                     {.name = "slow", .share = slow, .speed = draw.from(0.5, 0.9)},
                     {.name = "small", .share = small, .cores = std::max(cores / 2, 1)},
                     {.name = "slowest", .share = slowest, .speed = draw.from(0.3, 0.6)}};
  }
  if (draw.chance(0.5)) {
    using Kind = npu_model::FleetEvent::Kind;
    const double at = draw.from(0.2, 0.6);
    fleet.events.push_back({.kind = Kind::kTrouble, .at = at, .share = draw.from(0, 0.1)});
    fleet.events.push_back(
        {.kind = Kind::kSlow, .at = at, .share = draw.from(0, 0.3), .speed = draw.from(0.3, 0.7)});
  }
  return fleet;
}

WorkloadSpec draw_workload(const npu_model::Profile& profile, Draw& draw) {
  WorkloadSpec workload{.name = "drawn"};
  for (const npu_model::Network& network : profile.networks) {
    workload.networks.push_back(network.name);
  }
  if (draw.chance(0.7)) draw.shuffle(workload.networks);
  const auto networks = static_cast<int>(workload.networks.size());
  const int least = std::min(networks, 4);
  if (draw.chance(0.4)) {
    workload.networks.resize(static_cast<std::size_t>(draw.whole(least, networks)));
  }
  const auto served = static_cast<int>(workload.networks.size());
  workload.zipf = draw.chance(0.5) ? 1 : draw.from(0.4, 1.4);
  workload.slo_factors = {draw.one_of({3.0, 5.0, 5.0, 10.0})};
  if (draw.chance(0.2)) workload.slo_factors = {3, 5, 10};
  workload.cv = draw.chance(0.65) ? 1 : draw.from(1.5, 4.5);
  if (draw.chance(0.5)) {
    workload.rotations = {{.at = draw.from(0.2, 0.6), .places = draw.whole(1, served)}};
  }
  if (draw.chance(0.2)) workload.redraw_period = 0.5;
  if (draw.chance(0.2)) workload.diurnal = draw.from(0.1, 0.25);
  if (draw.chance(0.3)) workload.pass = {.all = 0.97, .each = 0.95};
  return workload;
}

/// Many tenants instead, on devices that have no room for all, of whom others become popular.
void draw_tenants(Scenario& scenario, Draw& draw) {
  WorkloadSpec& workload = scenario.workload;
  for (npu_model::DeviceClass& kind : scenario.fleet.classes) {
    kind.memory = scenario.profile.device.memory * draw.between(0.12, 0.4);
  }
  workload.variants = draw.whole(4, 12);
  workload.shuffled = true;
  workload.slo_factors = {3, 5, 10};
  workload.redraw_period = 0;
  workload.diurnal = 0;
  const auto tenants = static_cast<int>(workload.networks.size()) * workload.variants;
  workload.rotations = {{.at = draw.from(0.2, 0.6), .places = tenants / draw.whole(2, 4)}};
  workload.pass = {.all = 0.95, .each = 0.9, .streams = 0.9};
  scenario.settings.devices = draw.whole(16, 32);
  scenario.settings.duration = 8;
}

}  // namespace

Scenario draw_scenario(const npu_model::Profile& profile, std::uint64_t number, Variety variety) {
  Draw draw(number);
  Scenario scenario;
  const bool plain = variety == Variety::kPlain;
  const bool one_core = variety == Variety::kFew;
  scenario.profile = plain ? profile : draw_profile(profile, draw, one_core);
  scenario.workload = draw_workload(scenario.profile, draw);
  scenario.fleet = draw_fleet(draw, scenario.profile.device.cores);
  SimulationSettings& settings = scenario.settings;
  settings.devices = static_cast<int>(
      std::lround(one_core ? draw.between(0.6, 8.4) : draw.between(plain ? 16 : 2, 64)));
  settings.duration = settings.devices < kFewDevices ? 5 : 3;
  settings.seed = kScenarioSeed + number;
  if (!plain && !one_core && draw.chance(0.2)) draw_tenants(scenario, draw);
  if (!plain && draw.chance(0.3)) {
    settings.rounds = {.period = 1e-3 * draw.between(0.02, 0.5),
                       .delay = 1e-3 * draw.between(0.01, 2)};
  }
  settings.rate = draw.from(kLeastHarder, kMostHarder);
  return scenario;
}

}  // namespace widepipe::rl
