#include "model/infer_ml.h"

#include <string>
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
  require_no_rows("the columns", x, x.size() - 1);
  return x.size() == 2 ? x[0] : Dim{.fixed = 1};
}

void refuse_texts(const NodeView& view, const std::string& attribute) {
  if (!view.node.attributes.has(attribute)) return;
  throw_input_error("attribute {}: texts are not supported, only numbers", attribute);
}

ValueTypes classifier(const NodeView& view, const std::string& integers, const std::string& texts) {
  refuse_texts(view, texts);
  const Dim rows = rows_of(view);
  const auto labels = static_cast<std::int64_t>(view.node.attributes.integers(integers).size());
  return {{DType::kI64, {rows}}, {DType::kF32, {rows, {.fixed = labels}}}};
}

ValueType regressor(const NodeView& view, const char* attribute) {
  const std::int64_t targets = view.node.attributes.integer(attribute, 1);
  if (targets < 1) {
    throw_input_error("attribute {}: expected at least 1, found {}", attribute, targets);
  }
  return {DType::kF32, {rows_of(view), {.fixed = targets}}};
}

/// The type of the elements that the attributes `stem`_... of a LabelEncoder list.
DType listed_type(const NodeView& view, const std::string& stem) {
  const kernels::Attributes& attributes = view.node.attributes;
  refuse_texts(view, stem + "_strings");
  if (attributes.has(stem + "_int64s")) return DType::kI64;
  if (attributes.has(stem + "_floats")) return DType::kF32;
  const auto tensor = attributes.tensor(stem + "_tensor");
  if (tensor == nullptr) {
    throw_input_error("expected attribute {}_int64s, {}_floats or {}_tensor", stem, stem, stem);
  }
  return tensor->dtype();
}

}  // namespace

ValueType infer_scaler(const NodeView& view) {
  rows_of(view);
  return {DType::kF32, view.input(0).shape};
}

ValueType infer_feature_extractor(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  if (x.empty()) throw_input_error("X: expected at least one axis, found a scalar");
  require_no_rows("the columns", x, x.size() - 1);
  SymShape y = x;
  y.back() = product(view.input(1).shape);
  if (y.size() == 1) y.insert(y.begin(), {.fixed = 1});
  return {view.input(0).dtype, std::move(y)};
}

ValueType infer_label_encoder(const NodeView& view) {
  refuse_texts(view, "classes_strings");
  const DType keys = listed_type(view, "keys");
  if (view.input(0).dtype != keys) {
    throw_input_error("X: expected {} like the keys, found {}", name_of(keys),
                      name_of(view.input(0).dtype));
  }
  return {listed_type(view, "values"), view.input(0).shape};
}

ValueTypes infer_tree_classifier(const NodeView& view) {
  return classifier(view, "classlabels_int64s", "classlabels_strings");
}

ValueTypes infer_linear_classifier(const NodeView& view) {
  return classifier(view, "classlabels_ints", "classlabels_strings");
}

ValueType infer_tree_regressor(const NodeView& view) { return regressor(view, "n_targets"); }

ValueType infer_linear_regressor(const NodeView& view) { return regressor(view, "targets"); }

}  // namespace widepipe::model
