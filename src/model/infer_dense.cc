#include "model/infer_dense.h"

#include <utility>

#include "core/error.h"

namespace widepipe::model {
namespace {

/// A product sums over `a` of A and `b` of B: they must be equal, and must not hold the rows.
void require_inner(const NodeView& view, const Dim& a, const Dim& b) {
  const SymShape& a_shape = view.input(0).shape;
  const SymShape& b_shape = view.input(1).shape;
  if (!a.is_fixed() || !b.is_fixed()) {
    throw_input_error("A {} times B {} sums over the batch: rows must not depend on each other",
                      to_string(a_shape), to_string(b_shape));
  }
  if (a != b) {
    throw_input_error("A {} times B {}: the inner dimensions {} and {} differ", to_string(a_shape),
                      to_string(b_shape), to_string(a), to_string(b));
  }
}

void require_same_dtype(const NodeView& view) {
  for (std::size_t i = 1; i < view.node.inputs.size(); ++i) {
    if (view.has(i) && view.input(i).dtype != view.input(0).dtype) {
      throw_input_error("input {} ('{}'): expected {} like input 0, found {}", i,
                        view.input(i).name, name_of(view.input(0).dtype),
                        name_of(view.input(i).dtype));
    }
  }
}

SymShape as_matrix(const NodeView& view, std::size_t i, bool transposed) {
  SymShape shape = view.input(i).shape;
  if (shape.size() != 2) {
    throw_input_error("{}: expected a matrix, found shape {}", i == 0 ? "A" : "B",
                      to_string(shape));
  }
  if (transposed) std::swap(shape[0], shape[1]);
  return shape;
}

}  // namespace

ValueType infer_gemm(const NodeView& view) {
  require_same_dtype(view);
  const SymShape a = as_matrix(view, 0, view.node.attributes.integer("transA", 0) != 0);
  const SymShape b = as_matrix(view, 1, view.node.attributes.integer("transB", 0) != 0);
  require_inner(view, a[1], b[0]);
  const SymShape y = {a[0], b[1]};
  if (view.has(2)) {
    const SymShape& c = view.input(2).shape;
    if (c.size() > 2 || broadcast(y, c) != y) {
      throw_input_error("C: shape {} cannot be broadcast to {}", to_string(c), to_string(y));
    }
  }
  return {view.input(0).dtype, y};
}

ValueType infer_matmul(const NodeView& view) {
  require_same_dtype(view);
  SymShape a = view.input(0).shape;
  SymShape b = view.input(1).shape;
  if (a.empty() || b.empty()) {
    throw_input_error("expected at least one axis, found A {} and B {}", to_string(a),
                      to_string(b));
  }
  // A vector is a matrix of one row (A) or one column (B) that the result does not show.
  const bool a_vector = a.size() == 1;
  const bool b_vector = b.size() == 1;
  if (a_vector) a.insert(a.begin(), {.fixed = 1});
  if (b_vector) b.push_back({.fixed = 1});
  require_inner(view, a.back(), b[b.size() - 2]);
  SymShape y = broadcast({a.begin(), a.end() - 2}, {b.begin(), b.end() - 2});
  if (!a_vector) y.push_back(a[a.size() - 2]);
  if (!b_vector) y.push_back(b.back());
  return {view.input(0).dtype, std::move(y)};
}

}  // namespace widepipe::model
