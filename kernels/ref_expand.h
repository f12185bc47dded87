#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Expand and Tile (from version 6 on) of elements of any type. The output's shape says all: an
/// axis of it holds the input's axis a whole number of times.
Support ref_expand_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_expand_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
