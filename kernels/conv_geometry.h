#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/window.h"

namespace widepipe::kernels {

/// A Conv or ConvTranspose case (inputs X, W and perhaps B) as numbers.
struct ConvGeometry {
  std::int64_t batch;
  std::int64_t groups;
  std::int64_t in_channels;      ///< of all groups
  std::int64_t out_channels;     ///< of all groups
  std::vector<WindowAxis> axes;  ///< of a ConvTranspose: see transposed_window()

  std::int64_t group_in() const { return in_channels / groups; }
  std::int64_t group_out() const { return out_channels / groups; }
};

/// Throws InputError, naming the attribute or shape, if the parts of the case disagree. Inputs 0
/// and 1 and output 0 must be present.
ConvGeometry conv_geometry(const KernelCase& kernel_case);

/// The same for a ConvTranspose.
ConvGeometry conv_transpose_geometry(const KernelCase& kernel_case);

}  // namespace widepipe::kernels
