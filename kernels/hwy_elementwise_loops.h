#pragma once
// The inner loops of hwy_elementwise, for the vector instructions of the machine it runs on.

#include <cstddef>

#include "kernels/activation.h"

namespace widepipe::kernels {

/// y[i] = clamp(x[i]). `y` may be `x`.
void clamp_all(const float* x, float* y, std::size_t count, const Bounds& bounds);

}  // namespace widepipe::kernels
