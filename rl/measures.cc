#include "rl/measures.h"

#include <algorithm>
#include <cmath>
#include <functional>
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

std::vector<double> Measures::counted_shares(const PassRule& rule) const {
  std::vector<double> shares;
  for (const StreamMeasures& stream : streams) shares.push_back(stream.attainment());
  std::sort(shares.begin(), shares.end(), std::greater<>());
  const double wanted = rule.streams * static_cast<double>(shares.size());
  shares.resize(static_cast<std::size_t>(std::ceil(wanted - 1e-9)));
  return shares;
}

bool Measures::passes(const PassRule& rule) const {
  const std::vector<double> shares = counted_shares(rule);
  return all().attainment() >= rule.all && (shares.empty() || shares.back() >= rule.each);
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
