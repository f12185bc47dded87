#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/window.h"

namespace widepipe::kernels {

/// A MaxPool, AveragePool, GlobalMaxPool or GlobalAveragePool case as numbers; a global pool is one
/// window that covers the input.
struct PoolGeometry {
  std::int64_t batch;
  std::int64_t channels;
  bool max;
  bool count_padding;  ///< averages count the padding that the model states
  std::vector<WindowAxis> axes;
};

/// Throws InputError, naming the attribute or shape, if the parts of the case disagree. Input 0
/// and output 0 must be present.
PoolGeometry pool_geometry(const KernelCase& kernel_case);

}  // namespace widepipe::kernels
