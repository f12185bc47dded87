#include "rl/measures.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace widepipe::rl {
namespace {

constexpr Seconds kShortest = 1e-6;
const double kWidth = std::log(1.01);

}  // namespace

void LatencyHistogram::add(Seconds latency) {
  const double place = std::log(std::max(latency, kShortest) / kShortest) / kWidth;
  ++buckets_[std::min(static_cast<std::size_t>(place), kBuckets - 1)];
  ++count_;
}

void LatencyHistogram::add(const LatencyHistogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
}

Seconds LatencyHistogram::percentile(double share) const {
  const auto wanted = static_cast<std::int64_t>(std::ceil(share * static_cast<double>(count_)));
  std::int64_t below = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    below += buckets_[i];
    // The upper edge: what they do not exceed.
    if (below >= std::max<std::int64_t>(wanted, 1)) {
      return kShortest * std::exp(kWidth * static_cast<double>(i + 1));
    }
  }
  return 0;
}

StreamMeasures Measures::all() const {
  StreamMeasures all;
  all.name = "all";
  all.slo = std::numeric_limits<Seconds>::infinity();
  for (const StreamMeasures& stream : streams) {
    all.offered += stream.offered;
    all.in_time += stream.in_time;
    all.late += stream.late;
    all.dropped += stream.dropped;
    all.unfinished += stream.unfinished;
    all.latency.add(stream.latency);
    all.batches += stream.batches;
    all.batched += stream.batched;
  }
  return all;
}

bool Measures::passes(const PassRule& rule) const {
  if (all().attainment() < rule.all) return false;
  const auto good =
      std::count_if(streams.begin(), streams.end(),
                    [&](const StreamMeasures& stream) { return stream.attainment() >= rule.each; });
  return static_cast<double>(good) >= rule.streams * static_cast<double>(streams.size()) - 1e-9;
}

double Measures::goodput() const {
  return duration > 0 ? static_cast<double>(all().in_time) / duration : 0;
}

double Measures::throughput() const {
  const StreamMeasures total = all();
  const std::int64_t answered = total.in_time + total.late;
  return makespan > 0 && answered == total.offered ? static_cast<double>(answered) / makespan : 0;
}

}  // namespace widepipe::rl
