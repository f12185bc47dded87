#include "jobs/plan_estimate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "jobs/ready_job.h"

namespace widepipe::jobs {
namespace {

/// Clouds and neighbours: no run is known better than this.
constexpr double kLeastBand = 0.05;
constexpr double kWarmShare = 0.25;
constexpr int kParts = 5;

/// Rows back at a moment, between two marks in proportion: batches come in lumps.
double rows_at(std::span<const Mark> marks, double seconds) {
  const auto next =
      std::upper_bound(marks.begin(), marks.end(), seconds,
                       [](double moment, const Mark& mark) { return moment < mark.seconds; });
  const Mark before = next == marks.begin() ? Mark{} : *std::prev(next);
  if (next == marks.end()) return static_cast<double>(before.rows);
  const double gap = next->seconds - before.seconds;
  const double part = gap > 0 ? (seconds - before.seconds) / gap : 0;
  return static_cast<double>(before.rows) + part * static_cast<double>(next->rows - before.rows);
}

double deviation(std::span<const double> values) {
  double mean = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return mean > 0 ? std::sqrt(squares / static_cast<double>(values.size() - 1)) / mean : 0;
}

/// Of a stream's rows on `devices` ranks.
double stream_seconds(const StreamTiming& stream, int devices) {
  const Timing& timing = stream.timing;
  if (timing.whole) {
    return timing.seconds * static_cast<double>(stream.rows) /
           (static_cast<double>(std::max<std::int64_t>(timing.rows, 1)) * devices);
  }
  const double left =
      static_cast<double>(stream.rows) - static_cast<double>(timing.warm_rows) * devices;
  return timing.warm_seconds + std::max(left, 0.0) / (timing.rows_per_second * devices);
}

}  // namespace

void add_rate(std::span<const Mark> marks, double end, Timing& timing) {
  if (marks.empty()) return;
  end = std::min(end, marks.back().seconds);
  const double begin = end * kWarmShare;
  timing.warm_seconds = begin;
  timing.warm_rows = std::llround(rows_at(marks, begin));
  std::array<double, kParts> rates{};
  const double part = (end - begin) / kParts;
  if (part <= 0) return;
  for (int i = 0; i < kParts; ++i) {
    const double from = begin + i * part;
    rates[static_cast<std::size_t>(i)] =
        (rows_at(marks, from + part) - rows_at(marks, from)) / part;
  }
  timing.rows_per_second = (rows_at(marks, end) - rows_at(marks, begin)) / (end - begin);
  timing.spread = deviation(rates);
}

NodesEstimate estimate(const PlanInput& plan, int nodes) {
  NodesEstimate result;
  result.nodes = nodes;
  result.ranks = nodes * plan.ranks_per_node;
  const bool dedicated = result.ranks > 1 &&
                         (plan.dedicated_scheduler || result.ranks > kMostRanksWithSharedScheduler);
  const int devices = result.ranks - (dedicated ? 1 : 0);
  double computing = 0;
  double writing = 0;
  double uncertain = 0;
  double all_rows = 0;
  double bytes_out = 0;
  for (const StreamTiming& stream : plan.streams) {
    const double seconds = stream_seconds(stream, devices);
    const auto rows = static_cast<double>(stream.rows);
    computing += seconds;
    uncertain += seconds * std::max(stream.timing.spread, kLeastBand);
    writing += rows * stream.timing.write_seconds;
    all_rows += rows;
    bytes_out += rows * stream.bytes_out;
  }
  result.writer_bound = !plan.write_via_ranks && writing > computing;
  const double running = result.writer_bound ? writing : computing;
  const double band = computing > 0 ? uncertain / computing * running : 0;
  // The others get the model when rank 0 has checked it, and load it in their turn.
  const double startup = plan.startup_seconds * (result.ranks > 1 ? 2 : 1);
  result.seconds = startup + running;
  result.least = result.seconds - band;
  result.most = result.seconds + band;
  result.node_hours = result.seconds * nodes / 3600;
  if (running > 0) {
    result.rows_per_second = all_rows / running;
    result.write_rate = bytes_out / running;
  }
  return result;
}

NodesEstimate fewest_within(std::span<const NodesEstimate> estimates, double seconds) {
  const auto found =
      std::find_if(estimates.begin(), estimates.end(),
                   [&](const NodesEstimate& estimate) { return estimate.most <= seconds; });
  return found != estimates.end() ? *found : estimates.back();
}

std::int64_t time_limit(const NodesEstimate& estimate) {
  constexpr double kMargin = 1.2;
  constexpr double kLaunch = 60;
  constexpr double kHour = 3600;
  const double seconds = estimate.most * kMargin + kLaunch;
  const double step = seconds <= kHour ? 60 : seconds <= 12 * kHour ? 300 : 1800;
  return static_cast<std::int64_t>(std::ceil(seconds / step) * step);
}

}  // namespace widepipe::jobs
