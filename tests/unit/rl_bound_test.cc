#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "jobs/profile_file.h"
#include "rl/simulator.h"

namespace widepipe::rl {
namespace {

/// Requests for vgg16, evenly over so many seconds.
WorkloadSpec even_trace(const npu_model::Profile& profile, std::size_t requests, Seconds length) {
  auto trace = std::make_shared<Trace>();
  trace->streams = {{.name = "vgg16",
                     .weights = "vgg16",
                     .network = find_network(profile, "vgg16"),
                     .slo = 0.05}};
  trace->stream.assign(requests, 0);
  for (std::size_t i = 0; i < requests; ++i) {
    trace->arrivals.push_back(length * static_cast<double>(i) / static_cast<double>(requests));
  }
  WorkloadSpec workload;
  workload.trace = std::move(trace);
  return workload;
}

TEST(Bound, OfATraceHasTheFaultsOfTheTimeThatItTakes) {
  const npu_model::Profile profile = jobs::load_profile("npu");
  npu_model::FleetSpec fleet = jobs::load_fleet("nominal", profile);
  const SimulationSettings settings{.devices = 16};
  const WorkloadSpec any = even_trace(profile, 10, 1);
  const double sound = bound_of(profile, any, fleet, settings);
  // Devices fail after five seconds on average, and stay so.
  fleet.random = {.mean_between = 5, .mean_until_over = 1e6, .fail_share = 1};
  const auto bound = [&](double seconds_at_the_bound, Seconds duration, Seconds length) {
    SimulationSettings mine = settings;
    mine.duration = duration;
    const auto requests = static_cast<std::size_t>(seconds_at_the_bound * sound);
    return bound_of(profile, even_trace(profile, requests, length), fleet, mine) / sound;
  };
  const struct {
    double seconds;
    double share;  ///< of its time that a device works: 5 / seconds * (1 - exp(-seconds / 5))
  } kCases[] = {{0.01, 0.999}, {5, 0.632}, {20, 0.245}};
  for (const auto& c : kCases) {
    const double expected = bound(c.seconds, 10, 3);
    EXPECT_NEAR(expected, c.share, 0.2 * c.share) << c.seconds;
    EXPECT_EQ(bound(c.seconds, 1000, 3), expected) << "--seconds does not apply";
    EXPECT_NEAR(bound(c.seconds, 10, 300), expected, 1e-9) << "nor how sparse the trace is";
  }
}

}  // namespace
}  // namespace widepipe::rl
