#pragma once

#include <vector>

#include "npu_model/profile.h"

namespace widepipe::npu_model {

/// Devices of one kind, for the bound.
struct BoundDevice {
  double count = 1;
  double speed = 1;
  int cores = 0;
};

/// Requests for one network.
struct BoundStream {
  int network = 0;
  double share = 0;  ///< of all requests; shares add up to 1
  Seconds slo = 0;   ///< infinity: none
};

/// What no scheduler can exceed: requests a second that these devices serve when requests never
/// wait and batches are always full. At every instant the cores in use and the bandwidth in use,
/// each as a share, obey (Uc / s)^2 + Ub^2 <= 1 (from progress_rate: work advances at s /
/// sqrt(1 + (s u)^2)); the disc is convex, so averages obey it, too. A stream is served by batches
/// whose time alone, at the device's speed, is within its SLO.
///
/// Computed as the dual: prices of streams, and for each kind of device the angle of a tangent to
/// the disc. Every choice of them gives a valid bound; the least that a search finds is returned.
/// 0 if a stream cannot be served at all.
double fluid_bound(const Profile& profile, const std::vector<BoundDevice>& devices,
                   const std::vector<BoundStream>& streams);

}  // namespace widepipe::npu_model
