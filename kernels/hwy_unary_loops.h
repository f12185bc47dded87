#pragma once
// The inner loops of hwy_unary, for the vector instructions of the machine it runs on.

#include <cstddef>
#include <cstdint>

namespace widepipe::kernels {

enum class UnaryFunction : std::uint8_t { kErf, kExp, kHardSigmoid, kHardSwish, kSigmoid, kTanh };

/// y[i] = f(x[i]). `alpha` and `beta` are those of HardSigmoid. `y` may be `x`.
void unary_all(UnaryFunction function, float alpha, float beta, const float* x, float* y,
               std::size_t count);

}  // namespace widepipe::kernels
