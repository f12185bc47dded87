// What is left of a fleet's work when more is asked for than it can do, for a while or for good.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "jobs/profile_file.h"
#include "jobs/workload_file.h"
#include "rl/run_setup.h"
#include "rl/simulator.h"
#include "schedule/greedy_policy.h"

namespace widepipe::rl {
namespace {

const npu_model::Profile& npu() {
  static const npu_model::Profile profile = jobs::load_profile("npu");
  return profile;
}

Measures run(const WorkloadSpec& workload, int devices, Seconds duration, double rate,
             std::uint64_t seed = 5) {
  const SimulationSettings settings{
      .duration = duration, .rate = rate, .devices = devices, .seed = seed};
  return simulate(npu(), workload, jobs::load_fleet(workload.fleet, npu()), settings,
                  [] { return schedule::make_greedy_policy(); });
}

TEST(Overload, BatchesStayLargeWhateverIsAskedFor) {
  // A device does about 1,900 requests a second of A5 in time, and 1,500 of F in the end.
  const struct {
    const char* workload;
    int devices;
    double rate;  ///< of a device
    double in_time;
  } kCases[] = {
      {"A5", 60, 2200, 0.88}, {"A5", 60, 2700, 0.65}, {"A5", 400, 2200, 0.9},
      {"F", 60, 2000, 0.74},  {"F", 60, 2500, 0.62},  {"F", 400, 2000, 0.76},
  };
  for (const auto& c : kCases) {
    const WorkloadSpec workload = jobs::load_workload(c.workload, npu());
    constexpr int kSeeds = 4;
    double in_time = 0;
    for (std::uint64_t seed = 5; seed < 5 + kSeeds; ++seed) {
      const Measures measures = run(workload, c.devices, 1.5, c.rate * c.devices, seed);
      in_time += measures.all().attainment() / kSeeds;
    }
    EXPECT_GT(in_time, c.in_time) << c.workload << " " << c.devices << " " << c.rate;
  }
}

TEST(Overload, OfAMomentIsOverSoonAfter) {
  // 300 devices with nine tenths of what they can do; once 16 ms of that more, all at a time.
  constexpr double kRate = 300 * 1700;
  constexpr Seconds kSurgeAt = 0.2;
  constexpr Seconds kSurge = 0.016;
  const WorkloadSpec a5 = jobs::load_workload("A5", npu());
  auto trace = std::make_shared<Trace>();
  trace->streams = streams_of(a5, npu(), 1);
  std::mt19937_64 random(3);
  std::exponential_distribution<> pause(kRate);
  const std::vector<double> shares = popularity(a5);
  std::discrete_distribution<std::uint32_t> stream(shares.begin(), shares.end());
  for (Seconds at = 0; at < 1; at += pause(random)) {
    if (!trace->arrivals.empty() && trace->arrivals.back() < kSurgeAt && at >= kSurgeAt) {
      trace->arrivals.insert(trace->arrivals.end(), static_cast<std::size_t>(kSurge * kRate), at);
    }
    trace->arrivals.push_back(at);
  }
  for (std::size_t i = 0; i < trace->arrivals.size(); ++i) trace->stream.push_back(stream(random));
  WorkloadSpec workload = a5;
  workload.trace = trace;
  const Measures measures = run(workload, 300, 1, trace->rate());
  EXPECT_GT(measures.all().attainment(), 0.95);
}

}  // namespace
}  // namespace widepipe::rl
