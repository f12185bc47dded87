#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Pad (from version 2 on) of elements of any type by known pads, modes constant, reflect, edge and
/// wrap. The constant need not be known.
Support ref_pad_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_pad_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
