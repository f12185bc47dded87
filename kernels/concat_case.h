#pragma once
// What the kernels of Concat share.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/checks.h"
#include "kernels/kernel.h"

namespace widepipe::kernels {

/// The axis along which a Concat puts its inputs together. Throws InputError if there is none.
std::size_t concat_axis(const KernelCase& kernel_case);

/// Whether the inputs make up the output.
Checks check_concat(const KernelCase& kernel_case);

/// A kernel that writes `outer` times a piece of each input; `pieces` are in bytes.
std::unique_ptr<Kernel> concat_kernel(std::int64_t outer, std::vector<std::size_t> pieces);

}  // namespace widepipe::kernels
