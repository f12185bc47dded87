// The emulated NPU against its equations' known values, and what profiles and fleets may not say.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>

#include "core/error.h"
#include "jobs/built_in_files.h"
#include "jobs/profile_file.h"
#include "npu_model/bound.h"
#include "npu_model/equations.h"
#include "npu_model/fleet.h"
#include "npu_model/running_set.h"

namespace widepipe::npu_model {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

const Profile& npu() {
  static const Profile profile = jobs::load_profile("npu");
  return profile;
}

const Network& network(const char* name) {
  return npu().networks.at(static_cast<std::size_t>(find_network(npu(), name)));
}

/// Zipf(1) over the first ten networks, in the order in which they are popular.
std::vector<BoundStream> zipf_streams(double slo_factor) {
  const char* names[] = {"resnet50", "mobilenet", "resnet18", "googlenet", "inception-v3",
                         "vgg16",    "resnet34",  "alexnet",  "resnet101", "vgg19"};
  std::vector<BoundStream> streams;
  double sum = 0;
  for (int rank = 1; rank <= 10; ++rank) sum += 1.0 / rank;
  for (int rank = 1; rank <= 10; ++rank) {
    const int index = find_network(npu(), names[rank - 1]);
    streams.push_back({index, 1.0 / rank / sum,
                       npu().networks[static_cast<std::size_t>(index)].slo_base * slo_factor});
  }
  return streams;
}

TEST(NpuEquations, ByHand) {
  const DeviceConstants& device = npu().device;
  const Network& resnet50 = network("resnet50");
  // 2 * 25.6 M + 8 * 103 MB / 2
  EXPECT_DOUBLE_EQ(moved_bytes(device, resnet50, 8), 51.2e6 + 412e6);
  // eta(8) = 10.4 / 8.3; one core: 8 * 8.2e9 / (2e12 * .683 * eta); eight: (1 + .22 * 7 / 8^.8) / 8
  const double one_core = 8 * 8.2e9 / (2e12 * 0.683 * 10.4 / 8.3);
  EXPECT_NEAR(compute_seconds(device, resnet50, 1, 8), one_core, 1e-12);
  EXPECT_NEAR(compute_seconds(device, resnet50, 8, 8),
              one_core * (1 + 0.22 * 7 / std::pow(8, 0.8)) / 8, 1e-12);
  // Memory is what limits a small network on all cores.
  const Network& mobilenet = network("mobilenet");
  EXPECT_NEAR(solo_seconds(device, mobilenet, 32, 32), 0.2e-3 + (8.4e6 + 608e6) / 102.4e9, 1e-12);
  EXPECT_NEAR(bandwidth_demand(device, mobilenet, 32, 32), 616.4e6 / (0.2e-3 * 102.4e9 + 616.4e6),
              1e-12);
  EXPECT_DOUBLE_EQ(instance_memory(device, resnet50, 32), 51.2e6 + 128e6 + 32 * 51.5e6);
  EXPECT_DOUBLE_EQ(load_seconds(device, network("vgg19")), 0.25 + 287.4e6 / 6e9);
  EXPECT_DOUBLE_EQ(progress_rate(0.7, 0), 0.7);
  EXPECT_DOUBLE_EQ(progress_rate(1, 1), 1 / std::sqrt(2));
}

TEST(FluidBound, AgreesWithAnIndependentStudy) {
  const struct {
    double slo_factor;
    double requests_per_second;
  } kCases[] = {{3, 2265}, {5, 2452}, {10, 2573}, {kInfinity, 2635}};
  for (const auto& c : kCases) {
    EXPECT_NEAR(fluid_bound(npu(), {{1, 1, 32}}, zipf_streams(c.slo_factor)), c.requests_per_second,
                0.005 * c.requests_per_second)
        << "SLO " << c.slo_factor;
  }
  Profile single = npu();
  single.device.max_batch = 1;
  EXPECT_NEAR(fluid_bound(single, {{1, 1, 32}}, zipf_streams(kInfinity)), 1040, 20);
}

TEST(FluidBound, GrowsWithTheFleet) {
  const std::vector<BoundStream> streams = zipf_streams(5);
  const double one = fluid_bound(npu(), {{1, 1, 32}}, streams);
  EXPECT_NEAR(fluid_bound(npu(), {{100, 1, 32}}, streams), 100 * one, 1e-6 * one);
  EXPECT_NEAR(fluid_bound(npu(), {{60, 1, 32}, {40, 1, 32}}, streams), 100 * one, 1e-6 * one);
  const double mixed = fluid_bound(npu(), {{1, 1, 32}, {1, 0.4, 32}, {1, 1, 16}}, streams);
  EXPECT_GT(mixed, one);
  EXPECT_LT(mixed, 2.5 * one);
  // At most what each kind does with a mix of its own choice, at least what each does with this.
  EXPECT_GE(mixed, one + fluid_bound(npu(), {{1, 0.4, 32}}, streams) +
                       fluid_bound(npu(), {{1, 1, 16}}, streams) - 1e-6);
  EXPECT_EQ(fluid_bound(npu(), {{1, 0.01, 32}}, streams), 0) << "no batch is within an SLO";
}

/// Against steps of time so small that rates hardly change within one.
TEST(RunningSet, EndsWhenAStepwiseIntegrationDoes) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> share;
  for (int round = 0; round < 20; ++round) {
    RunningSet set(1);
    struct Batch {
      double work, demand, left;
    };
    std::map<std::uint32_t, Batch> reference;
    constexpr double kStep = 1e-6;
    double now = 0;
    double speed = 1;
    double bandwidth = 0;
    std::uint32_t next = 0;
    const auto step_to = [&](double until) {
      while (now + kStep <= until) {
        double demand = 0;
        for (const auto& [key, batch] : reference) demand += batch.demand;
        const double rate = progress_rate(speed, demand);
        for (auto& [key, batch] : reference) batch.left -= kStep * rate;
        bandwidth += kStep * rate * demand;
        now += kStep;
      }
      now = until;
    };
    for (int event = 0; event < 30; ++event) {
      const double pause = share(random) * 2e-3;
      while (set.next_end() < now + pause) {
        const double end = set.next_end();
        step_to(end);
        const std::uint32_t key = set.finish(end);
        EXPECT_NEAR(reference.at(key).left, 0, 1e-4);
        reference.erase(key);
      }
      step_to(now + pause);
      if (share(random) < 0.2) {
        speed = 0.2 + share(random);
        set.set_speed(speed, now);
      } else {
        const Batch batch{share(random) * 5e-3, share(random), 0};
        set.start({next, batch.demand, batch.work}, now);
        reference[next++] = {batch.work, batch.demand, batch.work};
      }
      EXPECT_EQ(set.size(), reference.size());
      EXPECT_NEAR(set.bandwidth_seconds(now), bandwidth, 1e-4);
    }
  }
}

TEST(RunningSet, StandsStillWithoutSpeedAndForgetsWhatIsAbandoned) {
  RunningSet set(1);
  EXPECT_EQ(set.next_end(), kInfinity);
  set.start({7, 0.5, 1e-3}, 0);
  set.start({8, 0.5, 2e-3}, 0);
  set.set_speed(0, 1e-3);
  EXPECT_EQ(set.next_end(), kInfinity);
  EXPECT_EQ(set.abandon(5e-3).size(), 2U);
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.demand(), 0);
  set.set_speed(2, 6e-3);
  set.start({9, 0, 1e-3}, 6e-3);
  EXPECT_DOUBLE_EQ(set.next_end(), 6.5e-3);
  EXPECT_EQ(set.finish(6.5e-3), 9U);
}

TEST(Fleet, FollowsSharesAndSeed) {
  const FleetSpec mixed = jobs::load_fleet("troubled", npu());
  for (const int devices : {1, 3, 32, 100, 1000}) {
    const Fleet fleet = make_fleet(mixed, npu(), devices, 30, 4);
    ASSERT_EQ(fleet.devices.size(), static_cast<std::size_t>(devices));
    std::map<int, int> counts;
    for (const FleetDevice& device : fleet.devices) ++counts[device.device_class];
    for (std::size_t i = 0; i < mixed.classes.size(); ++i) {
      EXPECT_NEAR(counts[static_cast<int>(i)], mixed.classes[i].share * devices, 1);
    }
  }
  const Fleet fleet = make_fleet(mixed, npu(), 100, 30, 4);
  int failed = 0;
  int slowed = 0;
  for (const DeviceChange& change : fleet.changes) {
    EXPECT_EQ(change.at, 15);
    const double usual = fleet.devices[static_cast<std::size_t>(change.device)].speed;
    failed += change.speed == 0 ? 1 : 0;
    slowed += change.speed == usual * 0.4 ? 1 : 0;
  }
  EXPECT_EQ(failed, 5);
  EXPECT_EQ(slowed, 20) << "others than those that fail";
  const auto classes = [&](std::uint64_t seed) {
    std::vector<int> found;
    for (const FleetDevice& device : make_fleet(mixed, npu(), 100, 30, seed).devices) {
      found.push_back(device.device_class);
    }
    return found;
  };
  EXPECT_EQ(classes(4), classes(4));
  EXPECT_NE(classes(4), classes(5));
}

TEST(Fleet, RandomFaultsComeAtTheirRate) {
  FleetSpec spec = jobs::load_fleet("nominal", npu());
  spec.random = {.mean_between = 10, .mean_until_over = 2, .fail_share = 0.25, .slow_speed = 0.5};
  const Fleet fleet = make_fleet(spec, npu(), 200, 120, 1);
  int begins = 0;
  int failures = 0;
  double last = 0;
  for (const DeviceChange& change : fleet.changes) {
    EXPECT_GE(change.at, last);
    last = change.at;
    begins += change.speed < 1 ? 1 : 0;
    failures += change.speed == 0 ? 1 : 0;
  }
  EXPECT_NEAR(begins, 200 * 120 / 12.0, 200) << "one in 12 s, a device";
  EXPECT_NEAR(failures, begins * 0.25, 60);
}

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

/// The text of a built-in file, with a change.
std::string changed(std::string_view name, const std::string& from, const std::string& to) {
  for (const auto& [built_in, text] : jobs::built_in_files()) {
    if (built_in != name) continue;
    std::string result(text);
    const std::size_t at = result.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return result.replace(at, from.size(), to);
  }
  return "";
}

TEST(ProfileFile, MistakesAreNamed) {
  const struct {
    const char* from;
    const char* to;
    const char* expected;
  } kCases[] = {
      {"cores = 32\n", "\n", "p.toml:5:1: [device] lacks the key 'cores'"},
      {"jitter = 0.03", "jitter = \"x\"",
       "p.toml:17:10: 'jitter' in [device]: expected a number, found a string, 'x'"},
      {"jitter = 0.03", "jiter = 0.03",
       "p.toml:17:1: unknown key 'jiter' in [device] (did you mean 'jitter'?); its keys: "},
      {"max_batch = 32", "max_batch = 0",
       "p.toml: device: max_batch is 0, expected at least 1 and at most 65536"},
      {"gb_per_s = 102.4", "gb_per_s = -1",
       "p.toml: device: bytes_per_second is -1000000000, expected more than 0"},
      {"memory_gb = 16.0", "memory_gb = nan",
       "p.toml: device: memory is nan, expected more than 0"},
      {"[1, 2, 4, 8, 16, 32]", "[1, 64]",
       "p.toml: device: core_choices has 64, expected 1 to 32, the device's cores"},
      {"[1, 2, 4, 8, 16, 32]", "[4, 2]",
       "p.toml: device: core_choices has 2 behind 4, expected ascending numbers"},
      {"memory_gb = 16.0", "memory_gb = inf",
       "p.toml: device: memory is inf, expected more than 0, finite"},
      {"[1, 2, 4, 8, 16, 32]", "[1, 1e30]",
       "p.toml:19:16: 'core_choices' in [device]: expected whole numbers, found an array"},
      {"[1, 2, 4, 8, 16, 32]", "[1.5]",
       "p.toml:19:16: 'core_choices' in [device]: expected whole numbers, found an array"},
      {"efficiency = 0.683", "efficiency = 1.5",
       "p.toml: network 'resnet50': efficiency is 1.5, expected more than 0 and at most 1"},
      {"name = \"resnet50\"", "name = \"alexnet\"", "p.toml: network 'alexnet' is there twice"},
      {"gmac = 4.1", "", "p.toml:31:1: [[network]] lacks the key 'gmac'"},
      {"[device]", "[device", "p.toml:5:8: Error while parsing table header"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.to);
    const std::string error =
        error_of([&] { jobs::parse_profile(changed("npu", c.from, c.to), "p.toml"); });
    EXPECT_EQ(error.substr(0, std::string(c.expected).size()), c.expected);
  }
  EXPECT_EQ(error_of([] { jobs::load_profile("nup"); }),
            "profile 'nup' is not known: expected npu, or a file, NAME.toml");
  EXPECT_EQ(error_of([] { jobs::load_profile("none/p.toml"); }),
            "profile 'none/p.toml': no such file");
}

TEST(FleetFile, MistakesAreNamed) {
  const struct {
    const char* from;
    const char* to;
    const char* expected;
  } kCases[] = {
      {"share = 0.70", "share = 0.80",
       "f.toml: the shares of its classes add up to 1.1, expected 1"},
      {"share = 0.70", "", "f.toml:4:1: [[class]] lacks the key 'share'"},
      {"share = 0.70", "share = nan", "f.toml: class 'nominal': share is nan, expected 0 to 1"},
      {"speed = 0.7", "speed = 0",
       "f.toml: class 'slow': speed is 0, expected more than 0 and at most 1000"},
      {"speed = 0.7", "speed = inf",
       "f.toml: class 'slow': speed is inf, expected more than 0 and at most 1000"},
      {"speed = 0.7", "speed = nan",
       "f.toml: class 'slow': speed is nan, expected more than 0 and at most 1000"},
      {"speed = 0.7", "memory_gb = inf",
       "f.toml: class 'slow': memory is inf, expected a finite number, more than 0"},
      {"speed = 0.7", "memory_gb = 0.3",
       "f.toml: class 'slow': its 300 MB of memory hold no instance of 'vgg16', which takes 434 "
       "MB"},
      {"kind = \"fail\"", "kind = \"burn\"",
       "f.toml:26:8: 'kind' in [[event]]: expected 'error', 'fail', 'hang', 'recover', 'slow' "
       "or 'wrong', found a string, 'burn'"},
      {"kind = \"fail\"", "kind = \"fail\"\nspeed = 1",
       "f.toml:27:1: 'speed' belongs to events of the kind 'slow'"},
      {"at = 0.5\nkind = \"fail\"", "at = 1.5\nkind = \"fail\"",
       "f.toml: event 1: at is 1.5, expected a share of the run, 0 to 1"},
      {"at = 0.5\nkind = \"slow\"", "at = 0.25\nkind = \"slow\"",
       "f.toml: event 2 is before the one in front of it: 0.25 after 0.5"},
      {"share = 0.05\n\n[[event]]", "\n[[event]]",
       "f.toml: event 1: expected either share or devices"},
      {"share = 0.20", "share = 0.20\ndevices = [3]",
       "f.toml: event 2: expected either share or devices"},
      {"share = 0.20", "share = nan", "f.toml: event 2: share is nan, expected 0 to 1"},
      {"share = 0.20", "devices = [1.5]",
       "f.toml:32:11: 'devices' in [[event]]: expected whole numbers, found an array"},
      {"share = 0.20\nspeed = 0.4", "share = 0.20\nspeed = inf",
       "f.toml: event 2: speed is inf, expected more than 0 and at most 1000"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.to);
    EXPECT_EQ(error_of([&] {
                jobs::parse_fleet(changed("fleet-troubled", c.from, c.to), "f.toml", npu());
              }),
              c.expected);
  }
  const struct {
    const char* random;
    const char* expected;
  } kFaults[] = {
      {"mean_between_s = 0\nmean_until_over_s = 0", "no error"},
      {"mean_between_s = 0.001\nmean_until_over_s = 0.001", "no error"},
      {"mean_between_s = 1e-7\nmean_until_over_s = 1",
       "f.toml: random: mean_between is 1e-07, expected 0.001 to 1000000000 s, or 0 for none"},
      {"mean_between_s = nan\nmean_until_over_s = 1",
       "f.toml: random: mean_between is nan, expected 0.001 to 1000000000 s, or 0 for none"},
      {"mean_between_s = 1\nmean_until_over_s = 1e-7",
       "f.toml: random: mean_until_over is 1e-07, expected 0.001 to 1000000000 s"},
      {"mean_between_s = 1\nmean_until_over_s = inf",
       "f.toml: random: mean_until_over is inf, expected 0.001 to 1000000000 s"},
      {"mean_between_s = 1\nmean_until_over_s = 1\nfail_share = nan",
       "f.toml: random: fail_share is nan, expected 0 to 1"},
      {"mean_between_s = 1\nmean_until_over_s = 1\nslow_speed = inf",
       "f.toml: random: slow_speed is inf, expected more than 0 and at most 1000"},
  };
  for (const auto& c : kFaults) {
    SCOPED_TRACE(c.random);
    const std::string text = changed("fleet-nominal", "name", "name");
    EXPECT_EQ(error_of([&] {
                jobs::parse_fleet(text + "\n[random]\n" + c.random + "\n", "f.toml", npu());
              }),
              c.expected);
  }
  EXPECT_EQ(error_of([] { jobs::load_fleet("x", npu()); }),
            "fleet 'x' is not known: expected mixed, nominal, small, troubled, or a file, "
            "NAME.toml");
}

}  // namespace
}  // namespace widepipe::npu_model
