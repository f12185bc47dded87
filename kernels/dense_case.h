#pragma once

#include <cstdint>
#include <vector>

#include "kernels/activation.h"
#include "kernels/checks.h"
#include "kernels/kernel.h"

namespace widepipe::kernels {

/// What a Gemm or MatMul with a constant matrix B comes to:
/// Y[rows, columns] = clamp(X[rows, depth] * B[depth, columns] + bias[columns]).
struct DenseCase {
  std::int64_t rows;
  std::int64_t depth;
  std::int64_t columns;
  const Tensor* b;
  bool b_transposed;
  float alpha;              ///< multiplies B
  std::vector<float> bias;  ///< multiplied by beta; zeros if the case has none
  Bounds bounds;

  float weight(std::int64_t k, std::int64_t column) const {
    const auto at = b_transposed ? column * depth + k : k * columns + column;
    return alpha * b->as<float>()[static_cast<std::size_t>(at)];
  }
};

/// Whether the case comes to that. Throws InputError if its shapes do not fit.
Checks check_dense(const KernelCase& kernel_case);
/// Of a case that passed the check.
DenseCase dense_case(const KernelCase& kernel_case);

}  // namespace widepipe::kernels
