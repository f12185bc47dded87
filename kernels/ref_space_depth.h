#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// DepthToSpace (modes DCR and CRD) and SpaceToDepth of elements of any type.
Support ref_space_depth_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_space_depth_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
