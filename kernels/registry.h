#pragma once
// The one list of kernels: for each operator the fastest first, the reference last.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// All kernels of this build, in order of preference.
std::span<const KernelEntry> registry();

/// True if any kernel is registered for the operator.
bool knows(std::string_view op);

struct Decline {
  std::string_view kernel;
  std::string reason;
};

/// The outcome of asking every kernel of an operator in turn.
struct Choice {
  const KernelEntry* entry = nullptr;  ///< null if all declined
  Support support;                     ///< of `entry`
  std::vector<Decline> declined;       ///< those asked before `entry`, in order
};

/// The first kernel of the registry that supports the case.
Choice choose(const KernelCase& kernel_case);

/// "reference" kernels only: for constant folding and as an oracle in tests.
Choice choose_reference(const KernelCase& kernel_case);

}  // namespace widepipe::kernels
