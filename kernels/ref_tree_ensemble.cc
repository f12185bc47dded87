#include "kernels/ref_tree_ensemble.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/error.h"
#include "kernels/checks.h"
#include "kernels/ml_scores.h"
#include "kernels/tree_ensemble.h"

namespace widepipe::kernels {
namespace {

/// What is added to the scores: nothing, or a number for each of `count`.
std::vector<double> base_values(const Attributes& attributes, std::size_t count) {
  const std::vector<float> given = attributes.reals("base_values");
  if (!given.empty() && given.size() != count) {
    throw_input_error("attribute base_values: expected none or {} elements, found {}", count,
                      given.size());
  }
  std::vector<double> values(given.begin(), given.end());
  values.resize(count, 0.0);
  return values;
}

std::vector<std::int64_t> labels_of(const Attributes& attributes) {
  std::vector<std::int64_t> labels = attributes.integers("classlabels_int64s");
  if (labels.size() < 2) {
    throw_input_error("attribute classlabels_int64s: expected at least 2 labels, found {}",
                      labels.size());
  }
  return labels;
}

/// How the scores of a row become a label and the scores that are shown.
class Classes {
 public:
  Classes(const Attributes& attributes, const std::vector<TreeEnsemble::Weight>& weights)
      : labels_(labels_of(attributes)), transform_(post_transform_of(attributes)) {
    const bool one_scored =
        !weights.empty() && std::all_of(weights.begin(), weights.end(), [&](const auto& weight) {
          return weight.target == weights[0].target;
        });
    if (labels_.size() == 2 && one_scored) only_scored_ = static_cast<int>(weights[0].target);
    const bool positive = std::all_of(weights.begin(), weights.end(),
                                      [](const auto& weight) { return weight.value >= 0.0; });
    threshold_ = positive ? 0.5 : 0.0;
    has_base_ = !attributes.reals("base_values").empty();
    base_ = base_values(attributes, only_scored_ == 0 ? 1 : labels_.size());
  }

  std::size_t count() const { return labels_.size(); }

  /// The label of a row of which class i has the sum `scores[i]`, from at least one leaf if
  /// `scored[i]`; makes of the scores what is shown. ONNX leaves open what the score of one class
  /// says of two; this is what other runtimes make of it.
  std::int64_t decide(std::span<double> scores, const std::vector<bool>& scored) const {
    for (std::size_t i = 0; i < base_.size(); ++i) scores[i] += base_[i];
    if (only_scored_ == 0) return decide_by_first(scores);
    std::size_t best = only_scored_ == 1 && scores[1] > threshold_ ? 1 : 0;
    if (only_scored_ < 0) best = highest(scores, scored);
    transform_scores(transform_, scores);
    return labels_[best];
  }

 private:
  /// Class 0 alone has a score, which is that of label 1.
  std::int64_t decide_by_first(std::span<double> scores) const {
    const double score = scores[0];
    scores[1] = transform_ == PostTransform::kLogistic ? logistic(score) : score;
    scores[0] =
        transform_ == PostTransform::kLogistic ? logistic(-score) : 2.0 * threshold_ - score;
    return labels_[score > threshold_ ? 1 : 0];
  }

  /// The first of the classes with the highest score, among those that have one.
  std::size_t highest(std::span<const double> scores, const std::vector<bool>& scored) const {
    std::size_t best = count();
    for (std::size_t i = 0; i < count(); ++i) {
      if (!scored[i] && !has_base_) continue;
      if (best == count() || scores[i] > scores[best]) best = i;
    }
    return best == count() ? 0 : best;
  }

  std::vector<std::int64_t> labels_;
  PostTransform transform_;
  int only_scored_ = -1;  ///< of two classes the only one that leaves give weights to
  double threshold_ = 0.0;
  bool has_base_ = false;
  std::vector<double> base_;
};

template <typename T>
class RefTreeClassifier final : public Kernel {
 public:
  explicit RefTreeClassifier(const KernelCase& kernel_case)
      : columns_(columns_of(kernel_case.inputs[0].shape)),
        rows_(rows_of(kernel_case.inputs[0].shape)),
        trees_(*kernel_case.attributes, "class", columns_,
               static_cast<std::int64_t>(labels_of(*kernel_case.attributes).size())),
        classes_(*kernel_case.attributes, trees_.weights()),
        scores_(classes_.count()),
        scored_(classes_.count()) {}

  void run(const KernelArgs& args) override {
    const T* x = as<T>(args.inputs[0]);
    for (std::int64_t row = 0; row < rows_; ++row, x += columns_) {
      std::fill(scores_.begin(), scores_.end(), 0.0);
      std::fill(scored_.begin(), scored_.end(), false);
      for (std::size_t tree = 0; tree < trees_.trees(); ++tree) {
        for (const TreeEnsemble::Weight& weight : trees_.leaf(tree, x)) {
          scores_[weight.target] += weight.value;
          scored_[weight.target] = true;
        }
      }
      const std::int64_t label = classes_.decide(scores_, scored_);
      if (args.outputs[0] != nullptr) as<std::int64_t>(args.outputs[0])[row] = label;
      if (args.outputs.size() < 2 || args.outputs[1] == nullptr) continue;
      float* y = as<float>(args.outputs[1]) + row * static_cast<std::int64_t>(scores_.size());
      std::transform(scores_.begin(), scores_.end(), y,
                     [](double score) { return static_cast<float>(score); });
    }
  }

 private:
  std::int64_t columns_;
  std::int64_t rows_;
  TreeEnsemble trees_;
  Classes classes_;
  std::vector<double> scores_;  ///< of the row at hand
  std::vector<bool> scored_;    ///< likewise
};

enum class Aggregate : std::uint8_t { kSum, kAverage, kMin, kMax };

Aggregate aggregate_of(const Attributes& attributes) {
  const std::string name = attributes.text("aggregate_function", "SUM");
  if (name == "SUM") return Aggregate::kSum;
  if (name == "AVERAGE") return Aggregate::kAverage;
  if (name == "MIN") return Aggregate::kMin;
  if (name == "MAX") return Aggregate::kMax;
  throw_input_error("attribute aggregate_function: expected SUM, AVERAGE, MIN or MAX, found {}",
                    name);
}

template <typename T>
class RefTreeRegressor final : public Kernel {
 public:
  explicit RefTreeRegressor(const KernelCase& kernel_case)
      : columns_(columns_of(kernel_case.inputs[0].shape)),
        targets_(static_cast<std::size_t>(kernel_case.outputs[0].shape.back())),
        rows_(rows_of(kernel_case.inputs[0].shape)),
        trees_(*kernel_case.attributes, "target", columns_, kernel_case.outputs[0].shape.back()),
        base_(base_values(*kernel_case.attributes, targets_)),
        aggregate_(aggregate_of(*kernel_case.attributes)),
        transform_(post_transform_of_targets(*kernel_case.attributes, targets_)),
        scores_(targets_),
        scored_(targets_) {}

  void run(const KernelArgs& args) override {
    const T* x = as<T>(args.inputs[0]);
    float* y = as<float>(args.outputs[0]);
    for (std::int64_t row = 0; row < rows_; ++row, x += columns_) {
      std::fill(scores_.begin(), scores_.end(), 0.0);
      std::fill(scored_.begin(), scored_.end(), false);
      for (std::size_t tree = 0; tree < trees_.trees(); ++tree) {
        for (const TreeEnsemble::Weight& weight : trees_.leaf(tree, x)) take(weight);
      }
      for (std::size_t i = 0; i < targets_; ++i) {
        if (aggregate_ == Aggregate::kAverage) scores_[i] /= static_cast<double>(trees_.trees());
        scores_[i] += base_[i];
      }
      transform_scores(transform_, scores_);
      for (const double score : scores_) *y++ = static_cast<float>(score);
    }
  }

 private:
  void take(const TreeEnsemble::Weight& weight) {
    double& score = scores_[weight.target];
    const bool first = !scored_[weight.target];
    scored_[weight.target] = true;
    switch (aggregate_) {
      case Aggregate::kSum:
      case Aggregate::kAverage:
        score += weight.value;
        break;
      case Aggregate::kMin:
        score = first ? weight.value : std::min(score, weight.value);
        break;
      case Aggregate::kMax:
        score = first ? weight.value : std::max(score, weight.value);
        break;
    }
  }

  std::int64_t columns_;
  std::size_t targets_;
  std::int64_t rows_;
  TreeEnsemble trees_;
  std::vector<double> base_;
  Aggregate aggregate_;
  PostTransform transform_;
  std::vector<double> scores_;  ///< of the row at hand
  std::vector<bool> scored_;    ///< likewise
};

template <template <typename> typename K>
std::unique_ptr<Kernel> create_typed(const KernelCase& kernel_case) {
  switch (kernel_case.inputs[0].dtype) {
    case DType::kF64:
      return std::make_unique<K<double>>(kernel_case);
    case DType::kI32:
      return std::make_unique<K<std::int32_t>>(kernel_case);
    case DType::kI64:
      return std::make_unique<K<std::int64_t>>(kernel_case);
    default:
      return std::make_unique<K<float>>(kernel_case);
  }
}

void check_features(const KernelCase& kernel_case, Checks& checks) {
  if (!checks.ok()) return;
  const DType dtype = kernel_case.inputs[0].dtype;
  checks.require(
      dtype == DType::kF32 || dtype == DType::kF64 || dtype == DType::kI32 || dtype == DType::kI64,
      "no code for features of type {}", name_of(dtype));
}

}  // namespace

Support ref_tree_classifier_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.inputs(1, 1).no_activation();
  check_features(kernel_case, checks);
  if (checks.ok()) {
    const std::int64_t columns = columns_of(kernel_case.inputs[0].shape);
    const auto labels = static_cast<std::int64_t>(labels_of(*kernel_case.attributes).size());
    const TreeEnsemble trees(*kernel_case.attributes, "class", columns, labels);
    Classes(*kernel_case.attributes, trees.weights());
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_tree_classifier_create(const KernelCase& kernel_case, WeightStore&) {
  return create_typed<RefTreeClassifier>(kernel_case);
}

Support ref_tree_regressor_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).no_activation();
  check_features(kernel_case, checks);
  if (checks.ok()) {
    const std::int64_t columns = columns_of(kernel_case.inputs[0].shape);
    const std::int64_t targets = kernel_case.outputs[0].shape.back();
    const TreeEnsemble checked(*kernel_case.attributes, "target", columns, targets);
    base_values(*kernel_case.attributes, static_cast<std::size_t>(targets));
    aggregate_of(*kernel_case.attributes);
    post_transform_of_targets(*kernel_case.attributes, static_cast<std::size_t>(targets));
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_tree_regressor_create(const KernelCase& kernel_case, WeightStore&) {
  return create_typed<RefTreeRegressor>(kernel_case);
}

}  // namespace widepipe::kernels
