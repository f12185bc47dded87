#pragma once
// The inner loops of hwy_binary, for the vector instructions of the machine it runs on.

#include <cstddef>
#include <cstdint>

#include "kernels/activation.h"

namespace widepipe::kernels {

enum class BinaryOp : std::uint8_t { kAdd, kSub, kMul, kDiv };

/// y[i] = clamp(a[i * a_step] op b[i * b_step]), steps 0 or 1. `y` may be `a` or `b`.
void binary_run(BinaryOp op, const float* a, std::int64_t a_step, const float* b,
                std::int64_t b_step, float* y, std::size_t count, const Bounds& bounds);

/// For each of `pixels` blocks of `block` channels in `x`: clamp(x op channels), or, with
/// `channels_first`, clamp(channels op x). `block` is 8 or 16.
void binary_pixels(BinaryOp op, const float* x, const float* channels, bool channels_first,
                   float* y, std::size_t pixels, std::size_t block, const Bounds& bounds);

}  // namespace widepipe::kernels
