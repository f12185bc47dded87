#pragma once
// Values that are known before any input is: constants, and what is computed from shapes.

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "model/graph.h"
#include "model/operators.h"

namespace widepipe::model {

/// The elements of an integer value of at most one axis, if they are known.
std::optional<std::vector<Dim>> known_integers(const Value& value);

/// The elements of input `i`. Throws InputError, naming the input as `what`, if it is missing or
/// not known.
std::vector<Dim> required_dims(const NodeView& view, std::size_t i, const char* what);

/// The elements of input `i` as numbers. Throws InputError, naming the input as `what`, if it is
/// missing, not known, or depends on the number of rows.
std::vector<std::int64_t> required_integers(const NodeView& view, std::size_t i, const char* what);

/// What an operator on shapes makes of known integers (Shape, Gather, Concat, Mul ...), for output
/// 0; nothing if it does not follow from what is known.
std::optional<std::vector<Dim>> known_result(const NodeView& view, const ValueType& output);

/// The integers as a tensor, for `rows` rows.
Tensor materialized(const Value& value, std::int64_t rows);

/// The elements of all known values of a graph for one number of rows. Keeps what it makes; the
/// graph must outlive it.
class KnownValues {
 public:
  KnownValues(const Graph& graph, std::int64_t rows) : graph_(&graph), rows_(rows) {}

  /// Null if the value depends on the inputs. The tensor stays where it is.
  const Tensor* tensor(ValueId id);

 private:
  const Graph* graph_;
  std::int64_t rows_;
  std::unordered_map<ValueId, std::unique_ptr<Tensor>> made_;
};

}  // namespace widepipe::model
