#pragma once
// What the kernels of nearest Resize and Upsample share.

#include <memory>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/mapped_copy.h"
#include "kernels/resize_geometry.h"

namespace widepipe::kernels {

/// Which element of the input each element of the output is, by axis.
std::vector<AxisMap> nearest_maps(const ResizeGeometry& geometry);

/// A kernel that copies so, from input 0 to output 0; `extrapolation` is what filled f32 elements
/// are.
std::unique_ptr<Kernel> nearest_kernel(MappedCopy copy, float extrapolation);

}  // namespace widepipe::kernels
