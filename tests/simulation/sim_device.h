#pragma once

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "device/device.h"
#include "tests/simulation/world.h"

namespace widepipe::simulation {

/// The model that simulated devices run, and what it makes of rows. Row r is (r, hash of r).
std::shared_ptr<const model::Model> the_model();
inline constexpr std::size_t kInputsPerRow = 2;
inline constexpr std::size_t kOutputsPerRow = 3;
void make_input(std::int64_t row, float* to);
void make_output(std::int64_t row, float* to);
/// Its outputs hold a NaN.
bool is_nan_row(std::int64_t row);
/// Every device fails every batch with it.
bool is_poison_row(std::int64_t row);

struct DeviceTraits {
  Duration per_row = microseconds(500);
  int instances = 1;
  double failing = 0;                ///< share of its batches that fail
  std::int64_t hangs_after = -1;     ///< batches; -1: never
  bool wrong = false;                ///< its results are
  std::int64_t most_rows = 1 << 30;  ///< that fit in its memory
};

/// What devices did that may be seen in a job's outcome.
struct DeviceDeeds {
  std::set<std::int64_t> failed_alone;  ///< rows, in a batch of their own
  std::set<std::int64_t> wrong;         ///< rows
};

std::unique_ptr<device::Device> make_sim_device(World& world, int process, DeviceTraits traits,
                                                DeviceDeeds& deeds, device::CompletionSink sink);

}  // namespace widepipe::simulation
