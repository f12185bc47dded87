#pragma once
// The inner loops of hwy_pool, for the vector instructions of the machine it runs on.

#include <array>
#include <cstdint>

#include "kernels/window.h"

namespace widepipe::kernels {

/// One axis of a pool, with what its outputs see worked out in advance.
struct PoolAxis {
  WindowAxis window;
  const Range* taps;     ///< [window.out]: those inside the input
  const float* divisor;  ///< [window.out]: elements that an average counts, at least 1
};

/// One block of channels of one image: x is [in0, in1, in2, block], y [out0, out1, out2, block].
struct PoolImage {
  const float* x;
  float* y;
  std::array<PoolAxis, 3> axes;
  std::int64_t block;  ///< 8 or 16
  bool max;            ///< else the average
};

void pool_image(const PoolImage& image);

/// f32 lanes of the machine's vectors.
std::size_t vector_lanes();

}  // namespace widepipe::kernels
