#pragma once
// A profile's constants from timings of a real device: the equations, backwards.

#include <string>
#include <vector>

#include "npu_model/profile.h"

namespace widepipe::npu_model {

/// A batch that ran alone.
struct Timing {
  std::size_t network = 0;
  int cores = 1;
  int batch = 1;
  Seconds seconds = 0;
};

/// A batch beside others, all of which ran as long as it did.
struct NeighbourTiming {
  Timing batch;
  std::vector<Timing> others;  ///< with their seconds alone
  double slowdown = 1;         ///< its time, as a multiple of that alone
};

struct FitError {
  double median = 0;  ///< of |fitted / measured - 1|
  double worst = 0;
};

struct Fit {
  Profile profile;
  FitError alone;
  std::vector<FitError> by_network;
  FitError beside_others;  ///< of slowdowns; 0 where none were measured
};

/// Fills in launch, batch_half, scaling_exponent, flops_per_core and bytes_per_second, and of each
/// network launch, efficiency and sharing_loss; batch_gain becomes 1. The others are as in `known`.
///   seconds = launch + a * work + a * s * loss      work = b * 2 * macs / (eta(b) * c)
/// is linear in launch, a and a * s, whose least squares of relative errors, none of them negative,
/// are found for each network; batch_half and scaling_exponent, which all share, by search.
/// flops_per_core is the most that any network reaches, so the best of them has an efficiency of 1.
/// bytes_per_second is that whose slowdowns are nearest; without neighbours plenty.
/// Every network needs timings of at least two batch sizes; throws std::invalid_argument, also
/// where timings fit no constants at all.
Fit fit_profile(const Profile& known, const std::vector<Timing>& alone,
                const std::vector<NeighbourTiming>& beside);

}  // namespace widepipe::npu_model
