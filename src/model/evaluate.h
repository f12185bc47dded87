#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/graph.h"
#include "model/known_values.h"

namespace widepipe::model {

/// Computes one node's outputs with a reference kernel; an output that the node leaves out is an
/// empty tensor. `inputs` are in the order of the node's, null where one is left out. Throws
/// InputError if no reference kernel supports the node.
std::vector<Tensor> evaluate_node(const Graph& graph, const Node& node, std::int64_t rows,
                                  KnownValues& known, std::span<const Tensor* const> inputs);

/// Computes the whole graph, node by node, with reference kernels: what plans are measured
/// against. `inputs` and the result are in the order of the graph's.
std::vector<Tensor> evaluate(const Graph& graph, std::int64_t rows, std::span<const Tensor> inputs);

}  // namespace widepipe::model
