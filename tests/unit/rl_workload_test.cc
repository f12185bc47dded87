// What arrives in a simulation, and what counts and orders it.

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>

#include "core/time_heap.h"
#include "jobs/profile_file.h"
#include "jobs/workload_file.h"
#include "rl/measures.h"
#include "rl/run_setup.h"
#include "rl/workload.h"

namespace widepipe::rl {
namespace {

const npu_model::Profile& npu() {
  static const npu_model::Profile profile = jobs::load_profile("npu");
  return profile;
}

TEST(TimeHeap, FirstIsFirstWhateverChanges) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> time;
  TimeHeap heap(37);
  std::vector<double> times(37, INFINITY);
  for (int i = 0; i < 5000; ++i) {
    const auto thing = static_cast<std::uint32_t>(random() % 37);
    times[thing] = random() % 5 == 0 ? INFINITY : std::floor(time(random) * 50);
    heap.set(thing, times[thing]);
    const auto first = std::min_element(times.begin(), times.end());
    ASSERT_EQ(heap.next_time(), *first);
    ASSERT_EQ(heap.next(), static_cast<std::uint32_t>(first - times.begin())) << "ties: the lower";
    ASSERT_EQ(heap.time_of(thing), times[thing]);
  }
}

TEST(LatencyHistogram, PercentilesAreWithinOnePercent) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.percentile(0.5), 0);
  for (int i = 1; i <= 10'000; ++i) histogram.add(i * 1e-5);
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    EXPECT_NEAR(histogram.percentile(share), share * 0.1, share * 0.1 * 0.0101) << share;
  }
}

/// Of arrivals: by stream, how many in each of `parts` of the run.
std::vector<std::vector<double>> arrivals(const WorkloadSpec& spec, double rate, int parts,
                                          std::uint64_t seed = 1) {
  ArrivalGenerator generator(spec, rate_phases(spec, 1, seed), rate, seed);
  std::vector<std::vector<double>> counts(spec.networks.size(),
                                          std::vector<double>(static_cast<std::size_t>(parts)));
  double last = 0;
  for (auto next = generator.next(); next.at < 1; next = generator.next()) {
    EXPECT_GE(next.at, last);
    last = next.at;
    counts[next.stream][static_cast<std::size_t>(next.at * parts)] += 1;
  }
  return counts;
}

TEST(Streams, OfManyTenantsAreDrawn) {
  const WorkloadSpec spec = jobs::load_workload("G", npu());
  const std::vector<WorkloadStream> streams = streams_of(spec, npu(), 3);
  ASSERT_EQ(streams.size(), 120U);
  EXPECT_EQ(popularity(spec).size(), 120U);
  std::map<int, int> networks;
  std::map<int, int> factors;
  std::set<std::string> names;
  for (const WorkloadStream& stream : streams) {
    ++networks[stream.network];
    const Seconds base = npu().networks[static_cast<std::size_t>(stream.network)].slo_base;
    ++factors[static_cast<int>(std::lround(stream.slo / base))];
    names.insert(stream.name);
  }
  EXPECT_EQ(networks.size(), 10U);
  for (const auto& [network, count] : networks) EXPECT_EQ(count, 12) << network;
  EXPECT_EQ(factors.size(), 3U);
  for (const int factor : {3, 5, 10}) EXPECT_GT(factors[factor], 20);
  EXPECT_EQ(names.size(), 120U);
  // What is tuned for a model is for its number, whatever order a seed draws.
  std::map<int, std::string> weights;
  for (const std::uint64_t seed : {3, 4}) {
    const auto order = streams_of(spec, npu(), seed);
    const auto cluster = make_cluster(npu(), order, {});
    ASSERT_EQ(cluster.models.size(), 120U);
    for (const WorkloadStream& stream : order) {
      EXPECT_EQ(weights.try_emplace(stream.model, stream.weights).first->second, stream.weights);
      EXPECT_EQ(cluster.models[static_cast<std::size_t>(stream.model)].name, stream.weights);
    }
  }
  const auto first = [&](std::uint64_t seed) { return streams_of(spec, npu(), seed)[0].name; };
  EXPECT_EQ(first(3), first(3));
  EXPECT_TRUE(first(3) != first(4) || first(4) != first(5)) << "the order is drawn";
}

TEST(Arrivals, ComeAtTheirRates) {
  for (const char* name : {"A5", "D"}) {
    const WorkloadSpec spec = jobs::load_workload(name, npu());
    const std::vector<double> shares = popularity(spec);
    constexpr double kRate = 500'000;
    const auto counts = arrivals(spec, kRate, 1);
    for (std::size_t s = 0; s < shares.size(); ++s) {
      const double expected = shares[s] * kRate;
      EXPECT_NEAR(counts[s][0], expected, 5 * spec.cv * std::sqrt(expected)) << name << " " << s;
    }
  }
}

TEST(Arrivals, ComeInBurstsOfTheirVariation) {
  for (const char* name : {"A5", "D"}) {
    const WorkloadSpec spec = jobs::load_workload(name, npu());
    const auto counts = arrivals(spec, 2'000'000, 400);
    // Of a renewal process, the index of dispersion of long counts is the gaps' cv squared.
    const std::vector<double>& first = counts[0];
    double mean = 0;
    for (const double count : first) mean += count / 400;
    double variance = 0;
    for (const double count : first) variance += (count - mean) * (count - mean) / 399;
    EXPECT_NEAR(variance / mean / (spec.cv * spec.cv), 1, 0.3) << name;
  }
}

TEST(Arrivals, FollowAChangingMix) {
  const WorkloadSpec spec = jobs::load_workload("F", npu());
  const std::vector<double> shares = popularity(spec);
  const auto counts = arrivals(spec, 300'000, 3);
  for (std::size_t s = 0; s < shares.size(); ++s) {
    for (int third = 0; third < 3; ++third) {
      const double expected = shares[third == 0 ? s : (s + 5) % 10] * 100'000;
      EXPECT_NEAR(counts[s][static_cast<std::size_t>(third)], expected,
                  6 * std::sqrt(expected) + 0.001 * expected)
          << s;
    }
  }
}

TEST(RatePhases, RedrawnAndInWavesTheyAverageToOne) {
  const WorkloadSpec spec = jobs::load_workload("E", npu());
  const std::vector<RatePhase> phases = rate_phases(spec, 30, 9);
  double total = 0;
  for (std::size_t i = 0; i < phases.size(); ++i) {
    const double end = i + 1 < phases.size() ? phases[i + 1].begin : 30;
    double sum = 0;
    for (const double share : phases[i].shares) sum += share;
    EXPECT_GT(sum, 0.75);
    EXPECT_LT(sum, 1.25);
    total += sum * (end - phases[i].begin) / 30;
  }
  EXPECT_NEAR(total, 1, 0.02);
  EXPECT_NE(phases[0].shares, phases[phases.size() / 2].shares);
}
}  // namespace
}  // namespace widepipe::rl
