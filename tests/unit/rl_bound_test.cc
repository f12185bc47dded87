#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "jobs/profile_file.h"
#include "jobs/workload_file.h"
#include "rl/goodput.h"
#include "rl/run_setup.h"
#include "rl/simulator.h"
#include "schedule/greedy_policy.h"

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

/// Half of the devices fail for good after 0.3 of the time that is given.
TEST(Bound, OfADataSetIsByTheLeastTimeThatItTakes) {
  const npu_model::Profile profile = jobs::load_profile("npu");
  const WorkloadSpec workload = jobs::load_workload("bulk", profile);
  const npu_model::FleetSpec sound = jobs::load_fleet("nominal", profile);
  npu_model::FleetSpec half = sound;
  half.events = {{.at = 0.3, .share = 0.5, .devices = {}}};
  SimulationSettings settings{.duration = 10, .devices = 8};
  const double full = bound_of(profile, workload, sound, settings);
  const struct {
    const npu_model::FleetSpec& fleet;
    double load;  ///< rows, as a multiple of what the sound fleet does in `duration`
    double takes;
  } kCases[] = {{sound, 1, 10}, {sound, 0.2, 2},  {sound, 3, 30},
                {half, 0.2, 2}, {half, 0.65, 10}, {half, 1, 17}};
  for (const auto& c : kCases) {
    settings.rate = c.load * full;
    const double bound = bulk_bound_of(profile, workload, c.fleet, settings);
    EXPECT_NEAR(settings.rate * settings.duration / bound, c.takes, 1e-6 * c.takes) << c.load;
  }
  npu_model::FleetSpec none = sound;
  none.events = {{.at = 0.3, .share = 1, .devices = {}}};
  settings.rate = full;
  EXPECT_EQ(bulk_bound_of(profile, workload, none, settings), 0) << "never done";
  const Goodput found = find_goodput(profile, workload, none, settings,
                                     [] { return schedule::make_greedy_policy(); });
  EXPECT_EQ(found.rate, 0) << "rows are missing";
}

}  // namespace
}  // namespace widepipe::rl
