#include "schedule/bulk_policy.h"

#include <algorithm>
#include <cmath>

namespace widepipe::schedule {
namespace {

/// Batches queued at a device behind each running one: the next batch must be there when one
/// ends, and a round takes a while.
constexpr int kAhead = 2;

/// An unknown size is reached in steps, so that one bad guess costs little.
constexpr std::int64_t kGrowth = 4;

class BulkPolicy final : public Policy {
 public:
  explicit BulkPolicy(const BulkSettings& settings) : settings_(settings) {}

  std::string_view name() const override { return "bulk"; }

  int credit(const DeviceView& device) const override {
    return device.spec.instances * (1 + kAhead);
  }

  /// The stream that is furthest behind, by the share of its rows that still waits: all streams
  /// then advance alike, whatever a row of each costs, and end together.
  std::optional<Decision> next(const Observation& seen, DeviceId device) override {
    const auto behind = std::max_element(seen.streams.begin(), seen.streams.end(),
                                         [](const StreamView& a, const StreamView& b) {
                                           return share_waiting(a) < share_waiting(b);
                                         });
    if (behind == seen.streams.end() || behind->rows_waiting == 0) return std::nullopt;
    const auto stream = static_cast<StreamId>(behind - seen.streams.begin());
    if (behind->spec.batch_rows > 0) return Decision{stream, behind->spec.batch_rows};
    const std::int64_t rows =
        std::min(steady_rows(seen.devices[device], stream), last_share(seen, stream));
    return Decision{stream, std::max<std::int64_t>(rows, 1)};
  }

 private:
  static double share_waiting(const StreamView& stream) {
    return static_cast<double>(stream.rows_waiting) /
           static_cast<double>(std::max<std::int64_t>(stream.rows_total, 1));
  }

  /// Rows that take the target time, by what this device has shown.
  std::int64_t steady_rows(const DeviceView& view, StreamId stream) const {
    const Estimate& per_row = view.seconds_per_row[stream];
    if (!per_row.known() || per_row.value() <= 0) return settings_.first_rows;
    const double wanted = settings_.target / per_row.value();
    const std::int64_t reach = view.largest_measured[stream] * kGrowth;
    if (wanted >= static_cast<double>(reach)) return reach;
    return schedule::steady_rows(settings_.target, per_row.value());
  }

  /// Towards the end batches shrink with what is left of all streams.
  static std::int64_t last_share(const Observation& seen, StreamId stream) {
    std::int64_t instances = 0;
    for (const DeviceView& device : seen.devices) {
      if (!device.quarantined) instances += device.spec.instances;
    }
    const std::int64_t share = guided_rows(seen.streams[stream].rows_waiting, instances);
    return static_cast<std::int64_t>(static_cast<double>(share) * all_work(seen, stream)) + 1;
  }

  /// What is left of all streams, in units of what is left of this one: 1 if there is no other,
  /// or as long as the time of some stream's rows is unknown.
  static double all_work(const Observation& seen, StreamId stream) {
    double total = 0;
    double own = 0;
    for (StreamId id = 0; id < seen.streams.size(); ++id) {
      if (seen.streams[id].rows_waiting == 0) continue;
      const double work =
          static_cast<double>(seen.streams[id].rows_waiting) * seconds_per_row(seen, id);
      if (work <= 0) return 1;
      total += work;
      if (id == stream) own = work;
    }
    return total / own;
  }

  /// The mean over the devices that have shown it; 0 if none has.
  static double seconds_per_row(const Observation& seen, StreamId stream) {
    double sum = 0;
    int known = 0;
    for (const DeviceView& device : seen.devices) {
      const Estimate& estimate = device.seconds_per_row[stream];
      if (!estimate.known()) continue;
      sum += estimate.value();
      ++known;
    }
    return known == 0 ? 0 : sum / known;
  }

  BulkSettings settings_;
};

}  // namespace

std::unique_ptr<Policy> make_bulk_policy(const BulkSettings& settings) {
  return std::make_unique<BulkPolicy>(settings);
}

}  // namespace widepipe::schedule
