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

  std::optional<Decision> next(const Observation& seen, DeviceId device) override {
    const auto fullest = std::max_element(
        seen.streams.begin(), seen.streams.end(),
        [](const StreamView& a, const StreamView& b) { return a.rows_waiting < b.rows_waiting; });
    if (fullest == seen.streams.end() || fullest->rows_waiting == 0) return std::nullopt;
    const auto stream = static_cast<StreamId>(fullest - seen.streams.begin());
    if (settings_.fixed_rows > 0) return Decision{stream, settings_.fixed_rows};
    const std::int64_t rows =
        std::min(steady_rows(seen.devices[device], stream), last_share(seen, *fullest));
    return Decision{stream, std::max<std::int64_t>(rows, 1)};
  }

 private:
  /// Rows that take the target time, by what this device has shown.
  std::int64_t steady_rows(const DeviceView& view, StreamId stream) const {
    const Estimate& per_row = view.seconds_per_row[stream];
    if (!per_row.known() || per_row.value() <= 0) return settings_.first_rows;
    const double wanted = settings_.target / per_row.value();
    const std::int64_t reach = view.largest_measured[stream] * kGrowth;
    if (wanted >= static_cast<double>(reach)) return reach;
    // A power of two: a device keeps one plan for each size that it meets.
    return std::int64_t{1} << static_cast<int>(std::log2(std::max(wanted, 1.0)));
  }

  /// Towards the end batches shrink with what is left, so that no device is still at work on a
  /// long batch when the others have none (guided self-scheduling, Polychronopoulos and Kuck,
  /// IEEE Trans. Computers 1987).
  static std::int64_t last_share(const Observation& seen, const StreamView& stream) {
    std::int64_t instances = 0;
    for (const DeviceView& device : seen.devices) instances += device.spec.instances;
    return stream.rows_waiting / (2 * std::max<std::int64_t>(instances, 1)) + 1;
  }

  BulkSettings settings_;
};

}  // namespace

std::unique_ptr<Policy> make_bulk_policy(const BulkSettings& settings) {
  return std::make_unique<BulkPolicy>(settings);
}

}  // namespace widepipe::schedule
