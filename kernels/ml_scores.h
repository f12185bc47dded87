#pragma once
// What the classifiers and regressors of ai.onnx.ml do to their scores at the end.

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/attributes.h"

namespace widepipe::kernels {

enum class PostTransform : std::uint8_t { kNone, kSoftmax, kLogistic, kSoftmaxZero };

/// The attribute post_transform. Throws InputError for PROBIT and unknown ones.
PostTransform post_transform_of(const Attributes& attributes);
/// The same of a regressor with this many targets. Other runtimes leave the score of a single
/// target as it is, against the words of ONNX: throws InputError for anything but NONE there.
PostTransform post_transform_of_targets(const Attributes& attributes, std::size_t targets);

/// Applies it to the scores of one row.
void transform_scores(PostTransform transform, std::span<double> scores);

/// 1 / (1 + exp(-x)), exact at both ends.
double logistic(double x);

/// The number of a row's columns: axis 1 of [rows, columns], the only axis of [columns]. Throws
/// InputError for other ranks.
std::int64_t columns_of(std::span<const std::int64_t> shape);
/// Likewise the number of rows, 1 of [columns].
std::int64_t rows_of(std::span<const std::int64_t> shape);

}  // namespace widepipe::kernels
