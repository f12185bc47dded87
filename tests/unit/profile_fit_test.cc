// A profile's constants from timings: of a device that the equations describe, and of one with
// noise.

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "jobs/profile_file.h"
#include "jobs/profile_text.h"
#include "npu_model/equations.h"
#include "npu_model/fit.h"

namespace widepipe::npu_model {
namespace {

Profile truth() {
  Profile profile{.name = "cpu", .device = {}, .networks = {}};
  profile.device = {.cores = 8,
                    .flops_per_core = 5e10,
                    .bytes_per_second = 2e10,
                    .memory = 16e9,
                    .launch = 0,
                    .batch_gain = 1,
                    .batch_half = 0.7,
                    .scaling_exponent = 0.6,
                    .load = 0.01,
                    .load_bytes_per_second = 1e12,
                    .bytes_per_value = 4,
                    .max_batch = 32,
                    .core_choices = {1, 2, 4, 8}};
  profile.networks = {{.name = "large",
                       .macs = 4e8,
                       .parameters = 5e6,
                       .features = 1e6,
                       .efficiency = 1,
                       .sharing_loss = 0.2,
                       .reference_cores = 8,
                       .slo_base = 0.01,
                       .launch = 1e-4},
                      {.name = "small",
                       .macs = 1e6,
                       .parameters = 8e4,
                       .features = 5e3,
                       .efficiency = 0.3,
                       .sharing_loss = 0.9,
                       .reference_cores = 8,
                       .slo_base = 0.001,
                       .launch = 2e-5}};
  return profile;
}

struct Timings {
  std::vector<Timing> alone;
  std::vector<NeighbourTiming> beside;
};

/// Each timing takes up to (1 + noise) times as long.
Timings timings_of(const Profile& profile, double noise) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> excess(0, noise);
  Timings timings;
  for (std::size_t network = 0; network < profile.networks.size(); ++network) {
    for (const int cores : profile.device.core_choices) {
      for (int batch = 1; batch <= 32; batch *= 2) {
        timings.alone.push_back(
            {network, cores, batch,
             alone_seconds(profile.device, profile.networks[network], cores, batch) *
                 (1 + excess(random))});
      }
    }
  }
  for (const int others : {1, 3, 7}) {
    const Timing one{0, 1, 8, alone_seconds(profile.device, profile.networks[0], 1, 8)};
    const double demand = bandwidth_demand(profile.device, profile.networks[0], 1, 8);
    timings.beside.push_back({one, std::vector<Timing>(static_cast<std::size_t>(others), one),
                              (1 + excess(random)) * progress_rate(1, demand) /
                                  progress_rate(1, demand * (1 + others))});
  }
  return timings;
}

/// With nothing that is measured.
Profile known_of(Profile profile) {
  profile.device.flops_per_core = profile.device.bytes_per_second = profile.device.batch_half = 0;
  profile.device.scaling_exponent = 0;
  for (Network& network : profile.networks) {
    network.efficiency = network.sharing_loss = network.launch = 0;
  }
  return profile;
}

TEST(Fit, FindsTheConstantsOfADeviceThatFollowsTheEquations) {
  const Profile expected = truth();
  const Timings timings = timings_of(expected, 0);
  const Fit fit = fit_profile(known_of(expected), timings.alone, timings.beside);
  EXPECT_LT(fit.alone.worst, 1e-3);
  EXPECT_LT(fit.beside_others.worst, 1e-2);
  const Profile& found = fit.profile;
  EXPECT_NEAR(found.device.flops_per_core / expected.device.flops_per_core, 1, 0.01);
  EXPECT_NEAR(found.device.bytes_per_second / expected.device.bytes_per_second, 1, 0.02);
  EXPECT_NEAR(found.device.batch_half, 0.7, 0.02);
  EXPECT_NEAR(found.device.scaling_exponent, 0.6, 0.02);
  ASSERT_EQ(fit.by_network.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(found.networks[i].efficiency, expected.networks[i].efficiency, 0.01);
    EXPECT_NEAR(found.networks[i].sharing_loss, expected.networks[i].sharing_loss, 0.02);
    EXPECT_NEAR(found.networks[i].launch / expected.networks[i].launch, 1, 0.05);
    EXPECT_LT(fit.by_network[i].worst, 1e-3);
  }
  EXPECT_EQ(problem_of(found), "");
}

TEST(Fit, NoiseOfTimingsIsTheErrorThatItTells) {
  const Profile expected = truth();
  const Timings timings = timings_of(expected, 0.1);
  const Fit fit = fit_profile(known_of(expected), timings.alone, timings.beside);
  EXPECT_GT(fit.alone.worst, 0.02);
  EXPECT_LT(fit.alone.worst, 0.1);
  EXPECT_LT(fit.alone.median, 0.05);
  EXPECT_LE(fit.alone.median, fit.alone.worst);
  EXPECT_EQ(problem_of(fit.profile), "");
}

TEST(Fit, NothingBecomesNegative) {
  // More cores do not help at all, and a batch is as long as its rows one by one.
  Profile known = known_of(truth());
  known.networks.resize(1);
  std::vector<Timing> alone;
  for (const int cores : {1, 2}) {
    for (const int batch : {1, 4, 16}) alone.push_back({0, cores, batch, 0.01 * batch});
  }
  const Fit fit = fit_profile(known, alone, {});
  EXPECT_LT(fit.alone.worst, 0.05);
  EXPECT_GE(fit.profile.networks[0].launch, 0);
  EXPECT_NEAR(fit.profile.networks[0].sharing_loss, 1, 0.1);
  EXPECT_EQ(fit.beside_others.worst, 0);
  EXPECT_LT(bandwidth_demand(fit.profile.device, fit.profile.networks[0], 1, 16), 0.01)
      << "nothing is known of it";
  EXPECT_EQ(problem_of(fit.profile), "");
}

TEST(Fit, OneBatchSizeIsTooFew) {
  Profile known = known_of(truth());
  EXPECT_THROW(fit_profile(known, {{0, 1, 1, 0.1}, {0, 2, 1, 0.1}}, {}), std::invalid_argument);
}

TEST(ProfileText, WarnsOfABadFit) {
  for (const auto& [median, warns] : {std::pair(0.19, false), {0.21, true}}) {
    const FitError error{.median = median, .worst = 1};
    const std::string text = profiled_text(
        jobs::Profiled{.device = "cpu",
                       .host = "here",
                       .alone = {{0, 1, 1, 0.01}},
                       .fit = {.profile = truth(), .alone = error, .by_network = {error, error}}});
    EXPECT_EQ(text.find("warning: this profile is off by more than 20 %") != text.npos, warns);
  }
}

TEST(ProfileToml, IsReadAsItWas) {
  const Profile expected = truth();
  const std::string text = jobs::profile_toml(expected, "# measured\n");
  EXPECT_EQ(text.substr(0, 11), "# measured\n");
  const Profile found = jobs::parse_profile(text, "p.toml");
  EXPECT_EQ(found.name, "cpu");
  EXPECT_EQ(found.device.core_choices, expected.device.core_choices);
  EXPECT_EQ(found.device.bytes_per_value, 4);
  EXPECT_DOUBLE_EQ(found.device.flops_per_core, expected.device.flops_per_core);
  EXPECT_DOUBLE_EQ(found.device.load_bytes_per_second, expected.device.load_bytes_per_second);
  ASSERT_EQ(found.networks.size(), 2U);
  EXPECT_EQ(found.networks[1].name, "small");
  EXPECT_DOUBLE_EQ(found.networks[1].launch, 2e-5);
  EXPECT_DOUBLE_EQ(found.networks[0].macs, 4e8);
  for (const int cores : {1, 8}) {
    EXPECT_DOUBLE_EQ(solo_seconds(found.device, found.networks[0], cores, 8),
                     solo_seconds(expected.device, expected.networks[0], cores, 8));
  }
}

}  // namespace
}  // namespace widepipe::npu_model
