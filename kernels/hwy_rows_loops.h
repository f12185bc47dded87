#pragma once
// The inner loops of hwy_rows, for the vector instructions of the machine it runs on.

#include <cstddef>

namespace widepipe::kernels {

/// y[i] = exp(x[i]) / sum of exp(x).
void softmax_row(const float* x, float* y, std::size_t count);

/// y[i] = (x[i] - mean) / sqrt(variance + epsilon) * scale[i] + bias[i]. `bias` may be null.
void layer_norm_row(const float* x, const float* scale, const float* bias, float epsilon, float* y,
                    std::size_t count);

}  // namespace widepipe::kernels
