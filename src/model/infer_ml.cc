#include "model/infer_ml.h"

#include <utility>

#include "core/error.h"
#include "model/row_axes.h"

namespace widepipe::model {
namespace {

/// The number of rows of X [rows, columns], 1 of [columns].
Dim rows_of(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  if (x.empty() || x.size() > 2) {
    throw_input_error("X: expected rows and columns, found shape {}", to_string(x));
  }
  require_no_rows("a decision", x, x.size() - 1);
  return x.size() == 2 ? x[0] : Dim{.fixed = 1};
}

}  // namespace

ValueType infer_scaler(const NodeView& view) {
  rows_of(view);
  return {DType::kF32, view.input(0).shape};
}

ValueTypes infer_tree_classifier(const NodeView& view) {
  const kernels::Attributes& attributes = view.node.attributes;
  if (attributes.has("classlabels_strings")) {
    throw_input_error(
        "attribute classlabels_strings: labels that are texts are not supported, "
        "only integers (classlabels_int64s)");
  }
  const Dim rows = rows_of(view);
  const auto labels = static_cast<std::int64_t>(attributes.integers("classlabels_int64s").size());
  return {{DType::kI64, {rows}}, {DType::kF32, {rows, {.fixed = labels}}}};
}

ValueType infer_tree_regressor(const NodeView& view) {
  const std::int64_t targets = view.node.attributes.integer("n_targets", 1);
  if (targets < 1) {
    throw_input_error("attribute n_targets: expected at least 1, found {}", targets);
  }
  return {DType::kF32, {rows_of(view), {.fixed = targets}}};
}

}  // namespace widepipe::model
