#include "kernels/ref_linear_ml.h"

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"
#include "kernels/ml_scores.h"

namespace widepipe::kernels {
namespace {

/// A matrix of coefficients, one row a score, and what is added to the scores.
class LinearScores {
 public:
  /// `targets`: the number of scores; 0: as many as there are coefficients for.
  LinearScores(const KernelCase& kernel_case, std::size_t targets)
      : columns_(static_cast<std::size_t>(columns_of(kernel_case.inputs[0].shape))),
        coefficients_(kernel_case.attributes->reals("coefficients")),
        intercepts_(kernel_case.attributes->reals("intercepts")) {
    if (targets == 0) targets = columns_ == 0 ? 0 : coefficients_.size() / columns_;
    if (targets == 0 || coefficients_.size() != targets * columns_) {
      throw_input_error("attribute coefficients: expected {} for each of {} columns, found {}",
                        targets == 0 ? "one or more" : fmt::format("{}", targets), columns_,
                        coefficients_.size());
    }
    if (intercepts_.empty()) intercepts_.resize(targets, 0.0F);
    if (intercepts_.size() != targets) {
      throw_input_error("attribute intercepts: expected none or {} elements, found {}", targets,
                        intercepts_.size());
    }
  }

  std::size_t columns() const { return columns_; }
  std::size_t count() const { return intercepts_.size(); }

  template <typename T>
  void of(const T* row, std::span<double> scores) const {
    const float* coefficient = coefficients_.data();
    for (std::size_t i = 0; i < count(); ++i) {
      double score = intercepts_[i];
      for (std::size_t column = 0; column < columns_; ++column) {
        score += static_cast<double>(row[column]) * *coefficient++;
      }
      scores[i] = score;
    }
  }

 private:
  std::size_t columns_;
  std::vector<float> coefficients_;
  std::vector<float> intercepts_;
};

void store(std::span<const double> scores, float* y) {
  std::transform(scores.begin(), scores.end(), y,
                 [](double score) { return static_cast<float>(score); });
}

template <typename T>
class RefLinearRegressor final : public Kernel {
 public:
  explicit RefLinearRegressor(const KernelCase& kernel_case)
      : rows_(rows_of(kernel_case.inputs[0].shape)),
        linear_(kernel_case, static_cast<std::size_t>(kernel_case.outputs[0].shape.back())),
        transform_(post_transform_of_targets(*kernel_case.attributes, linear_.count())),
        scores_(linear_.count()) {}

  void run(const KernelArgs& args) override {
    const T* x = as<T>(args.inputs[0]);
    float* y = as<float>(args.outputs[0]);
    for (std::int64_t row = 0; row < rows_; ++row) {
      linear_.of(x, scores_);
      transform_scores(transform_, scores_);
      store(scores_, y);
      x += linear_.columns();
      y += scores_.size();
    }
  }

 private:
  std::int64_t rows_;
  LinearScores linear_;
  PostTransform transform_;
  std::vector<double> scores_;  ///< of the row at hand
};

template <typename T>
class RefLinearClassifier final : public Kernel {
 public:
  explicit RefLinearClassifier(const KernelCase& kernel_case)
      : rows_(rows_of(kernel_case.inputs[0].shape)),
        linear_(kernel_case, 0),
        labels_(kernel_case.attributes->integers("classlabels_ints")),
        transform_(post_transform_of(*kernel_case.attributes)),
        scores_(labels_.size()) {}

  void run(const KernelArgs& args) override {
    const T* x = as<T>(args.inputs[0]);
    for (std::int64_t row = 0; row < rows_; ++row, x += linear_.columns()) {
      linear_.of(x, scores_);
      const std::size_t best = linear_.count() == 1 ? decide_by_one() : decide();
      if (args.outputs[0] != nullptr) as<std::int64_t>(args.outputs[0])[row] = labels_[best];
      if (args.outputs.size() < 2 || args.outputs[1] == nullptr) continue;
      store(scores_, as<float>(args.outputs[1]) + row * static_cast<std::int64_t>(scores_.size()));
    }
  }

 private:
  /// The only score is that of the second label; ONNX leaves open what the first one's is. This is
  /// what other runtimes make of it.
  std::size_t decide_by_one() {
    const double score = scores_[0];
    const bool shared = transform_ == PostTransform::kLogistic;
    scores_[0] = shared ? logistic(-score) : 1.0 - score;
    scores_[1] = shared ? logistic(score) : score;
    return score > 0.0 ? 1 : 0;
  }

  std::size_t decide() {
    const auto best = std::max_element(scores_.begin(), scores_.end()) - scores_.begin();
    transform_scores(transform_, scores_);
    return static_cast<std::size_t>(best);
  }

  std::int64_t rows_;
  LinearScores linear_;
  std::vector<std::int64_t> labels_;
  PostTransform transform_;
  std::vector<double> scores_;  ///< of the row at hand
};

void require_numeric(const KernelCase& kernel_case, Checks& checks) {
  if (!checks.ok()) return;
  checks.require(kernel_case.inputs[0].dtype != DType::kBool, "no code for elements of type bool");
}

}  // namespace

Support ref_linear_classifier_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.inputs(1, 1).no_activation();
  require_numeric(kernel_case, checks);
  if (checks.ok()) {
    post_transform_of(*kernel_case.attributes);
    const std::size_t scores = LinearScores(kernel_case, 0).count();
    const std::size_t labels = kernel_case.attributes->integers("classlabels_ints").size();
    checks.require(labels >= 2 && (scores == labels || (scores == 1 && labels == 2)),
                   "attribute classlabels_ints: {} labels do not fit {} scores", labels, scores);
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_linear_classifier_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename T>() -> std::unique_ptr<Kernel> {
                            return std::make_unique<RefLinearClassifier<T>>(kernel_case);
                          });
}

Support ref_linear_regressor_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).no_activation();
  require_numeric(kernel_case, checks);
  if (checks.ok()) {
    const auto targets = static_cast<std::size_t>(kernel_case.outputs[0].shape.back());
    const LinearScores checked(kernel_case, targets);
    post_transform_of_targets(*kernel_case.attributes, targets);
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_linear_regressor_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename T>() -> std::unique_ptr<Kernel> {
                            return std::make_unique<RefLinearRegressor<T>>(kernel_case);
                          });
}

}  // namespace widepipe::kernels
