#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/external_files.h"
#include "model/graph.h"

namespace widepipe::model {

struct ImportOptions {
  ExternalFiles external;
  /// Called once all inputs are in the graph, outputs have their names, and no node is there: gives
  /// inputs their shapes, or values.
  /// Without it an If needs a constant condition.
  std::function<void(Graph&)> bind;
};

/// Reads an ONNX model (a serialised ModelProto) into a graph: constants with their elements,
/// inputs with the shapes they declare, everything else without types. Constant nodes become
/// constants; Dropout, which does nothing in inference, becomes Identity; of an If the branch that
/// is taken stays. Nothing is kept of `bytes`.
///
/// `label`, the name of the model's file, starts every message. Throws InputError if the bytes are
/// not a whole ONNX model; if the graph is not sound (a value that nobody makes, made twice, or
/// read before it is made); or if it uses what is not supported, naming it: an operator or its
/// version, a function, an If whose branch depends on the inputs, a sparse tensor, an element type.
Graph import_graph(std::span<const std::byte> bytes, std::string_view label,
                   const ImportOptions& options = {});

/// The inputs and the names of the outputs alone, of a model whose graph may be anything. Throws
/// InputError as import_graph() does, for what it reads.
Graph import_interface(std::span<const std::byte> bytes, std::string_view label,
                       const ImportOptions& options);

}  // namespace widepipe::model
