#include "rl/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <numeric>
#include <set>

#include "core/error.h"

namespace widepipe::rl {
namespace {

constexpr Seconds kNever = std::numeric_limits<Seconds>::infinity();
constexpr int kMostVariants = 10'000;
/// A steeper one has streams whose share is 0.
constexpr double kMostZipf = 10;
constexpr double kMostSloFactor = 1e6;
constexpr double kLeastCv = 1e-3;
constexpr double kMostCv = 100;
/// Rates that are drawn more often would fill memory.
constexpr Seconds kShortestRedraw = 1e-3;
constexpr Seconds kLongestRedraw = 1e9;
constexpr double kMostRows = 1e9;
/// Steps in which a wave of the load is followed.
constexpr int kDiurnalSteps = 50;

std::vector<double> mean_shares(const Trace& trace) {
  std::vector<double> shares(trace.streams.size(), 0);
  for (const std::uint32_t stream : trace.stream) shares[stream] += 1;
  for (double& share : shares) share /= static_cast<double>(trace.stream.size());
  return shares;
}

}  // namespace

Seconds Trace::length() const {
  const auto count = static_cast<double>(arrivals.size());
  const Seconds last = arrivals.back();
  if (last <= 0) return 1;
  return count > 1 ? last * count / (count - 1) : 2 * last;
}

std::string problem_of(const WorkloadSpec& spec, const npu_model::Profile& profile) {
  if (spec.networks.empty()) return "it has no network";
  std::set<std::string> names;
  for (const std::string& network : spec.networks) {
    if (find_network(profile, network) < 0) {
      return fmt::format("network '{}' is not in the profile '{}'", network, profile.name);
    }
    if (!names.insert(network).second) return fmt::format("network '{}' is there twice", network);
  }
  if (!(spec.zipf >= 0 && spec.zipf <= kMostZipf)) {
    return fmt::format("zipf is {}, expected 0 to {}", spec.zipf, kMostZipf);
  }
  if (spec.variants < 1 || spec.variants > kMostVariants) {
    return fmt::format("variants is {}, expected 1 to {}", spec.variants, kMostVariants);
  }
  if (spec.slo_factors.empty()) return "it has no slo_factor";
  for (const double factor : spec.slo_factors) {
    if (factor > 0 && factor <= kMostSloFactor) continue;
    return fmt::format("slo_factor is {}, expected more than 0 and at most {}", factor,
                       kMostSloFactor);
  }
  if (!(spec.cv >= kLeastCv && spec.cv <= kMostCv)) {
    return fmt::format("cv is {}, expected {} to {}", spec.cv, kLeastCv, kMostCv);
  }
  for (std::size_t i = 0; i < spec.rotations.size(); ++i) {
    const double at = spec.rotations[i].at;
    if (!(at >= 0 && at <= 1)) {
      return fmt::format("rotation {}: at is {}, expected a share of the run, 0 to 1", i + 1, at);
    }
    if (i > 0 && at < spec.rotations[i - 1].at) {
      return fmt::format("rotation {} is before the one in front of it: {} after {}", i + 1, at,
                         spec.rotations[i - 1].at);
    }
  }
  if (spec.redraw_period != 0 &&
      !(spec.redraw_period >= kShortestRedraw && spec.redraw_period <= kLongestRedraw)) {
    return fmt::format("redraw_period_s is {}, expected {} to {}, or 0 for never",
                       spec.redraw_period, kShortestRedraw, kLongestRedraw);
  }
  if (!(spec.redraw_sigma >= 0 && spec.redraw_sigma <= 5)) {
    return fmt::format("redraw_sigma is {}, expected 0 to 5", spec.redraw_sigma);
  }
  if (!(spec.diurnal >= 0 && spec.diurnal < 1)) {
    return fmt::format("diurnal is {}, expected 0 or more and less than 1", spec.diurnal);
  }
  for (const auto& [name, share] :
       {std::pair("all", spec.pass.all), std::pair("each", spec.pass.each),
        std::pair("streams", spec.pass.streams)}) {
    if (!(share >= 0 && share <= 1)) {
      return fmt::format("pass: {} is {}, expected 0 to 1", name, share);
    }
  }
  return "";
}

std::vector<double> popularity(const WorkloadSpec& spec) {
  std::vector<double> shares;
  const std::size_t streams = spec.networks.size() * static_cast<std::size_t>(spec.variants);
  for (std::size_t rank = 1; rank <= streams; ++rank) {
    shares.push_back(std::pow(static_cast<double>(rank), -spec.zipf));
  }
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share /= sum;
  return shares;
}

std::vector<WorkloadStream> streams_of(const WorkloadSpec& spec, const npu_model::Profile& profile,
                                       std::uint64_t seed) {
  if (spec.trace) return spec.trace->streams;
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::size_t> which(0, spec.slo_factors.size() - 1);
  std::vector<WorkloadStream> streams;
  for (int variant = 0; variant < spec.variants; ++variant) {
    for (const std::string& name : spec.networks) {
      const int network = find_network(profile, name);
      const Seconds base = profile.networks[static_cast<std::size_t>(network)].slo_base;
      const std::string weights = spec.variants > 1 ? fmt::format("{}/{:02}", name, variant) : name;
      // Numbered before they are shuffled: what is tuned for a model is for its number.
      const int model = static_cast<int>(streams.size());
      const Seconds slo = spec.bulk ? kNever : base * spec.slo_factors[which(random)];
      streams.push_back({weights, weights, model, network, slo});
    }
  }
  if (spec.shuffled) std::shuffle(streams.begin(), streams.end(), random);
  return streams;
}

void share_rows(const WorkloadSpec& spec, double rows, std::vector<WorkloadStream>& streams) {
  if (!(rows >= 0.5 && rows <= kMostRows)) {
    throw_input_error(
        "the data set of workload '{}' has {:.6g} rows, expected 1 to {:.0f}: as many as the rate "
        "comes to in the time",
        spec.name, rows, kMostRows);
  }
  const std::vector<double> shares = popularity(spec);
  double before = 0;
  for (std::size_t stream = 0; stream < streams.size(); ++stream) {
    // Rounded so that they add up.
    const double after = before + shares[stream] * rows;
    streams[stream].rows = static_cast<std::size_t>(std::llround(after) - std::llround(before));
    before = after;
  }
}

std::vector<RatePhase> rate_phases(const WorkloadSpec& spec, Seconds duration, std::uint64_t seed) {
  if (spec.trace) return {{0, mean_shares(*spec.trace)}};
  std::set<Seconds> begins = {0};
  for (const Rotation& rotation : spec.rotations) begins.insert(rotation.at * duration);
  if (spec.redraw_period > 0) {
    for (std::int64_t i = 0;; ++i) {
      const Seconds begin = static_cast<double>(i) * spec.redraw_period;
      if (begin >= duration) break;
      begins.insert(begins.end(), begin);
    }
  }
  if (spec.diurnal > 0) {
    for (int i = 0; i < kDiurnalSteps; ++i) begins.insert(i * duration / kDiurnalSteps);
  }
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> multiple(0, spec.redraw_sigma);
  const std::vector<double> by_rank = popularity(spec);
  const std::size_t streams = by_rank.size();
  std::vector<double> factors(streams, 1);
  std::vector<RatePhase> phases;
  std::int64_t drawn = -1;
  for (const Seconds begin : begins) {
    if (begin >= duration) break;
    std::int64_t places = 0;
    for (const Rotation& rotation : spec.rotations) {
      if (rotation.at * duration <= begin) places += rotation.places;
    }
    if (spec.redraw_period > 0) {
      const auto period = static_cast<std::int64_t>(begin / spec.redraw_period + 1e-9);
      if (period != drawn) {
        for (double& factor : factors) factor = multiple(random);
        drawn = period;
      }
    }
    RatePhase phase{begin, std::vector<double>(streams)};
    double sum = 0;
    for (std::size_t stream = 0; stream < streams; ++stream) {
      const auto count = static_cast<std::int64_t>(streams);
      const auto rank = static_cast<std::size_t>(
          ((static_cast<std::int64_t>(stream) + places) % count + count) % count);
      phase.shares[stream] = by_rank[rank] * factors[stream];
      sum += phase.shares[stream];
    }
    // In the middle of a step, so that the mean is 1.
    const double middle = (begin + duration / kDiurnalSteps / 2) / duration;
    const double load = 1 + spec.diurnal * std::sin(2 * std::numbers::pi * middle);
    for (double& share : phase.shares) share *= load / sum;
    phases.push_back(std::move(phase));
  }
  return phases;
}

ArrivalGenerator::ArrivalGenerator(const WorkloadSpec& spec, std::vector<RatePhase> phases,
                                   double rate, std::uint64_t seed)
    : trace_(spec.trace),
      phases_(std::move(phases)),
      rate_(rate),
      random_(seed),
      poisson_(spec.cv == 1),
      gamma_(1 / (spec.cv * spec.cv), spec.cv * spec.cv) {
  if (trace_) return;
  if (poisson_) {
    enter_phase(0);
    return;
  }
  for (std::uint32_t stream = 0; stream < phases_[0].shares.size(); ++stream) {
    // Anywhere in a gap, as one who comes at any time finds it.
    const double part = std::uniform_real_distribution<double>()(random_);
    heap_.push_back({after(0, stream, part * gap()), stream});
  }
  std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
}

ArrivalGenerator::Arrival ArrivalGenerator::next() {
  if (trace_) return next_of_trace();
  return poisson_ ? next_poisson() : next_renewal();
}

ArrivalGenerator::Arrival ArrivalGenerator::next_of_trace() {
  if (place_ == trace_->arrivals.size() || rate_ <= 0) return {kNever, 0};
  const Arrival arrival{trace_->arrivals[place_] * trace_->rate() / rate_, trace_->stream[place_]};
  ++place_;
  return arrival;
}

void ArrivalGenerator::enter_phase(std::size_t phase) {
  phase_ = phase;
  cumulative_.clear();
  double sum = 0;
  for (const double share : phases_[phase].shares) cumulative_.push_back(sum += share * rate_);
}

ArrivalGenerator::Arrival ArrivalGenerator::next_poisson() {
  constexpr double kUnit = 0x1p-53;
  const auto uniform = [this] { return static_cast<double>(random_() >> 11) * kUnit; };
  for (;;) {
    const double all = cumulative_.back();
    const Seconds at = now_ - std::log1p(-uniform()) / all;
    // Poisson arrivals have no memory: at a border they begin anew.
    if (phase_ + 1 < phases_.size() && at >= phases_[phase_ + 1].begin) {
      now_ = phases_[phase_ + 1].begin;
      enter_phase(phase_ + 1);
      continue;
    }
    now_ = at;
    const double mark = uniform() * all;
    const auto stream = std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, mark);
    return {at, static_cast<std::uint32_t>(stream - cumulative_.begin())};
  }
}

double ArrivalGenerator::gap() { return gamma_(random_); }

/// The time at which so many arrivals of the stream are due, on average, from a time on.
Seconds ArrivalGenerator::after(Seconds from, std::uint32_t stream, double mean_gaps) const {
  auto phase = static_cast<std::size_t>(
      std::upper_bound(phases_.begin(), phases_.end(), from,
                       [](Seconds at, const RatePhase& p) { return at < p.begin; }) -
      phases_.begin() - 1);
  for (;; ++phase) {
    const double rate = phases_[phase].shares[stream] * rate_;
    const Seconds end = phase + 1 < phases_.size() ? phases_[phase + 1].begin : kNever;
    const Seconds at = from + mean_gaps / rate;
    if (at < end) return at;
    mean_gaps -= (end - from) * rate;
    from = end;
  }
}

ArrivalGenerator::Arrival ArrivalGenerator::next_renewal() {
  std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
  Pending& first = heap_.back();
  const Arrival arrival{first.at, first.stream};
  first.at = after(first.at, first.stream, gap());
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  return arrival;
}

}  // namespace widepipe::rl
