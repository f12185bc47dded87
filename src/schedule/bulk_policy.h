#pragma once

#include <cstdint>
#include <memory>

#include "schedule/policy.h"

namespace widepipe::schedule {

/// For data sets without deadlines: keep every device busy with batches of a steady length in
/// time, and end all devices together.
struct BulkSettings {
  /// Rows in every batch; 0 adapts the size to the measured time of a batch.
  std::int64_t fixed_rows = 0;
  /// Adaptive batches aim at this time: long beside a round (about 2 ms), short beside a job.
  Seconds target = 0.05;
  /// First size tried, before anything is known.
  std::int64_t first_rows = 16;
};

std::unique_ptr<Policy> make_bulk_policy(const BulkSettings& settings);

}  // namespace widepipe::schedule
