#include "npu_model/fleet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "npu_model/equations.h"

namespace widepipe::npu_model {
namespace {

using Random = std::mt19937_64;

constexpr double kRounding = 1e-9;

constexpr double kMostSpeed = 1000;
/// Faults that come or go faster than this would fill memory and take for ever.
constexpr Seconds kShortest = 1e-3;
constexpr Seconds kLongest = 1e9;

// All comparisons are such that nothing is true of a NaN.
bool is_share(double value) { return value >= 0 && value <= 1; }
bool is_speed(double value) { return value > 0 && value <= kMostSpeed; }
bool is_time(Seconds value) { return value >= kShortest && value <= kLongest; }

std::string speed_problem(const std::string& what, double value) {
  return fmt::format("{} is {}, expected more than 0 and at most {}", what, value, kMostSpeed);
}

std::string problem_of(const DeviceClass& kind, const Profile& profile) {
  const std::string where = fmt::format("class '{}'", kind.name);
  if (!is_share(kind.share)) {
    return fmt::format("{}: share is {}, expected 0 to 1", where, kind.share);
  }
  if (!is_speed(kind.speed)) return speed_problem(where + ": speed", kind.speed);
  if (kind.cores < 0) return fmt::format("{}: cores is {}, expected 1 or more", where, kind.cores);
  if (!(kind.memory >= 0 && std::isfinite(kind.memory))) {
    return fmt::format("{}: memory is {}, expected a finite number, more than 0", where,
                       kind.memory);
  }
  const int cores = kind.cores > 0 ? kind.cores : profile.device.cores;
  if (cores < profile.device.core_choices.front()) {
    return fmt::format("{}: {} cores, and the smallest instance takes {}", where, cores,
                       profile.device.core_choices.front());
  }
  const Bytes memory = kind.memory > 0 ? kind.memory : profile.device.memory;
  for (const Network& network : profile.networks) {
    const Bytes needed = instance_memory(profile.device, network, 1);
    if (needed <= memory) continue;
    return fmt::format(
        "{}: its {:.0f} MB of memory hold no instance of '{}', which takes {:.0f} MB", where,
        memory / 1e6, network.name, needed / 1e6);
  }
  return "";
}

std::string problem_of(const FleetEvent& event, std::size_t index) {
  const std::string where = fmt::format("event {}", index + 1);
  if (!is_share(event.at)) {
    return fmt::format("{}: at is {}, expected a share of the run, 0 to 1", where, event.at);
  }
  if (!is_share(event.share)) {
    return fmt::format("{}: share is {}, expected 0 to 1", where, event.share);
  }
  if ((event.share > 0) == !event.devices.empty()) {
    return fmt::format("{}: expected either share or devices", where);
  }
  for (const int device : event.devices) {
    if (device < 0) return fmt::format("{}: device {}, expected 0 or more", where, device);
  }
  if (event.kind == FleetEvent::Kind::kSlow && !is_speed(event.speed)) {
    return speed_problem(where + ": speed", event.speed);
  }
  return "";
}

/// `total` things by shares, the largest remainders first.
std::vector<int> apportion(const std::vector<DeviceClass>& classes, int total) {
  std::vector<int> counts;
  std::vector<std::pair<double, std::size_t>> remainders;
  int given = 0;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const double exact = classes[i].share * total;
    counts.push_back(static_cast<int>(std::floor(exact + kRounding)));
    given += counts.back();
    remainders.emplace_back(counts.back() - exact, i);
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t i = 0; given < total; ++i, ++given) {
    ++counts[remainders[i % remainders.size()].second];
  }
  return counts;
}

void add_random_faults(Fleet& fleet, const RandomFaults& faults, Seconds duration, Random& random) {
  if (faults.mean_between <= 0) return;
  std::exponential_distribution<double> wait(1);
  std::uniform_real_distribution<double> share;
  for (int device = 0; device < static_cast<int>(fleet.devices.size()); ++device) {
    const double speed = fleet.devices[static_cast<std::size_t>(device)].speed;
    for (Seconds at = wait(random) * faults.mean_between; at < duration;
         at += wait(random) * faults.mean_between) {
      const bool fails = share(random) < faults.fail_share;
      fleet.changes.push_back({at, device, fails ? 0 : speed * faults.slow_speed, {}});
      at += wait(random) * faults.mean_until_over;
      fleet.changes.push_back({at, device, speed, {}});
    }
  }
}

}  // namespace

std::string problem_of(const FleetSpec& spec, const Profile& profile) {
  if (spec.classes.empty()) return "it has no class";
  double shares = 0;
  for (const DeviceClass& kind : spec.classes) {
    if (std::string problem = problem_of(kind, profile); !problem.empty()) return problem;
    shares += kind.share;
  }
  if (!(std::abs(shares - 1) <= 1e-6)) {
    return fmt::format("the shares of its classes add up to {}, expected 1", shares);
  }
  for (std::size_t i = 0; i < spec.events.size(); ++i) {
    if (std::string problem = problem_of(spec.events[i], i); !problem.empty()) return problem;
    if (i > 0 && spec.events[i].at < spec.events[i - 1].at) {
      return fmt::format("event {} is before the one in front of it: {} after {}", i + 1,
                         spec.events[i].at, spec.events[i - 1].at);
    }
  }
  const RandomFaults& faults = spec.random;
  if (faults.mean_between != 0 && !is_time(faults.mean_between)) {
    return fmt::format("random: mean_between is {}, expected {} to {} s, or 0 for none",
                       faults.mean_between, kShortest, kLongest);
  }
  if (faults.mean_between != 0 && !is_time(faults.mean_until_over)) {
    return fmt::format("random: mean_until_over is {}, expected {} to {} s", faults.mean_until_over,
                       kShortest, kLongest);
  }
  if (!is_share(faults.fail_share)) {
    return fmt::format("random: fail_share is {}, expected 0 to 1", faults.fail_share);
  }
  if (!is_speed(faults.slow_speed)) return speed_problem("random: slow_speed", faults.slow_speed);
  return "";
}

std::string problem_of(const FleetSpec& spec, int devices) {
  for (std::size_t i = 0; i < spec.events.size(); ++i) {
    for (const int device : spec.events[i].devices) {
      if (device < devices) continue;
      return fmt::format("event {}: device {}, and there are {}, 0 to {}", i + 1, device, devices,
                         devices - 1);
    }
  }
  return "";
}

Fleet make_fleet(const FleetSpec& spec, const Profile& profile, int devices, Seconds duration,
                 std::uint64_t seed) {
  Random random(seed);
  Fleet fleet;
  const std::vector<int> counts = apportion(spec.classes, devices);
  for (std::size_t i = 0; i < spec.classes.size(); ++i) {
    const DeviceClass& kind = spec.classes[i];
    fleet.devices.insert(fleet.devices.end(), static_cast<std::size_t>(counts[i]),
                         {static_cast<int>(i), kind.cores > 0 ? kind.cores : profile.device.cores,
                          kind.memory > 0 ? kind.memory : profile.device.memory, kind.speed});
  }
  std::shuffle(fleet.devices.begin(), fleet.devices.end(), random);

  std::vector<int> sound(static_cast<std::size_t>(devices));
  std::iota(sound.begin(), sound.end(), 0);
  std::shuffle(sound.begin(), sound.end(), random);
  std::vector<int> troubled;
  for (const FleetEvent& event : spec.events) {
    const bool recovers = event.kind == FleetEvent::Kind::kRecover;
    std::vector<int> chosen = event.devices;
    std::vector<int>& from = recovers ? troubled : sound;
    std::vector<int>& to = recovers ? sound : troubled;
    if (event.share > 0) {
      const auto wanted = static_cast<std::size_t>(std::lround(event.share * devices));
      const auto count = static_cast<std::ptrdiff_t>(std::min(wanted, from.size()));
      chosen.assign(from.begin(), from.begin() + count);
    }
    for (const int device : chosen) {
      if (std::erase(from, device) > 0) to.push_back(device);
      const double usual = fleet.devices.at(static_cast<std::size_t>(device)).speed;
      double speed = usual;
      if (event.kind == FleetEvent::Kind::kTrouble) speed = 0;
      if (event.kind == FleetEvent::Kind::kSlow) speed = usual * event.speed;
      fleet.changes.push_back({event.at * duration, device, speed, event.trouble});
    }
  }
  add_random_faults(fleet, spec.random, duration, random);
  std::stable_sort(fleet.changes.begin(), fleet.changes.end(),
                   [](const DeviceChange& a, const DeviceChange& b) { return a.at < b.at; });
  return fleet;
}

}  // namespace widepipe::npu_model
