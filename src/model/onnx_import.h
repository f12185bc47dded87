#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "model/graph.h"

namespace widepipe::model {

/// Reads an ONNX model (a serialised ModelProto) into a graph: constants with their elements,
/// inputs with the shapes they declare, everything else without types. Constant nodes become
/// constants; Dropout, which does nothing in inference, becomes Identity. Nothing is kept of
/// `bytes`.
///
/// `label`, the name of the model's file, starts every message. Throws InputError if the bytes are
/// not a whole ONNX model; if the graph is not sound (a value that nobody makes, made twice, or
/// read before it is made); or if it uses what is not supported, naming it: an operator or its
/// version, a function, a subgraph, a sparse or external tensor, an element type.
Graph import_graph(std::span<const std::byte> bytes, std::string_view label);

}  // namespace widepipe::model
