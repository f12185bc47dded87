#include "kernels/ml_scores.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace widepipe::kernels {
namespace {

/// With `keeps_zero`, scores that are 0 have no share in the sum and stay 0.
void softmax(std::span<double> scores, bool keeps_zero) {
  const double highest = *std::max_element(scores.begin(), scores.end());
  double sum = 0.0;
  for (double& score : scores) {
    score = keeps_zero && std::abs(score) <= 1e-7 ? 0.0 : std::exp(score - highest);
    sum += score;
  }
  for (double& score : scores) score = sum == 0.0 ? 0.0 : score / sum;
}

}  // namespace

PostTransform post_transform_of(const Attributes& attributes) {
  const std::string name = attributes.text("post_transform", "NONE");
  if (name == "NONE") return PostTransform::kNone;
  if (name == "SOFTMAX") return PostTransform::kSoftmax;
  if (name == "LOGISTIC") return PostTransform::kLogistic;
  if (name == "SOFTMAX_ZERO") return PostTransform::kSoftmaxZero;
  throw_input_error(
      "attribute post_transform: expected NONE, SOFTMAX, LOGISTIC or SOFTMAX_ZERO, found {}", name);
}

PostTransform post_transform_of_targets(const Attributes& attributes, std::size_t targets) {
  const PostTransform transform = post_transform_of(attributes);
  if (targets == 1 && transform != PostTransform::kNone) {
    throw_input_error("attribute post_transform: expected NONE for a single target, found {}",
                      attributes.text("post_transform", ""));
  }
  return transform;
}

double logistic(double x) {
  const double share = 1.0 / (1.0 + std::exp(-std::abs(x)));
  return x < 0 ? 1.0 - share : share;
}

void transform_scores(PostTransform transform, std::span<double> scores) {
  switch (transform) {
    case PostTransform::kNone:
      break;
    case PostTransform::kLogistic:
      std::transform(scores.begin(), scores.end(), scores.begin(), logistic);
      break;
    case PostTransform::kSoftmax:
    case PostTransform::kSoftmaxZero:
      softmax(scores, transform == PostTransform::kSoftmaxZero);
      break;
  }
}

std::int64_t columns_of(std::span<const std::int64_t> shape) {
  if (shape.empty() || shape.size() > 2) {
    throw_input_error("X: expected rows and columns, found shape {}", to_string(shape));
  }
  return shape.back();
}

std::int64_t rows_of(std::span<const std::int64_t> shape) {
  return shape.size() == 2 ? shape[0] : 1;
}

}  // namespace widepipe::kernels
