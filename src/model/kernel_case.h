#pragma once

#include <cstdint>
#include <string>

#include "kernels/registry.h"
#include "model/graph.h"
#include "model/known_values.h"

namespace widepipe::model {

/// What a kernel needs to know of a node, for `rows` rows and one thread, all layouts plain. Types
/// must have been inferred. Refers to the node and to what `known` holds, for the same graph and
/// number of rows.
kernels::KernelCase kernel_case(const Graph& graph, const Node& node, std::int64_t rows,
                                KnownValues& known);

/// Throws InputError with every kernel's reason if all declined.
void require_kernel(const Graph& graph, const Node& node, const kernels::Choice& choice);

/// "", "relu", "clip(0, 6)".
std::string describe(const kernels::Activation& activation);

}  // namespace widepipe::model
