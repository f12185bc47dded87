#pragma once

#include <cstdint>
#include <memory>

#include "schedule/bulk_rules.h"
#include "schedule/policy.h"

namespace widepipe::schedule {

/// For data sets without deadlines: keep every device busy with batches of a steady length in
/// time, and end all devices and all streams together.
struct BulkSettings {
  Seconds target = kSteadyBatch;  ///< batches aim at this time
  /// First size tried, before anything is known.
  std::int64_t first_rows = 16;
};

std::unique_ptr<Policy> make_bulk_policy(const BulkSettings& settings);

}  // namespace widepipe::schedule
