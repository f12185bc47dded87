#pragma once

#include <limits>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// An activation as the interval that values are clamped to: one form for all three kinds, so
/// that inner loops need no branch.
struct Bounds {
  float lo = -std::numeric_limits<float>::infinity();
  float hi = std::numeric_limits<float>::infinity();

  /// NaN stays NaN; `hi` wins if lo > hi.
  float clamp(float value) const {
    const float raised = value < lo ? lo : value;
    return raised > hi ? hi : raised;
  }
};

inline Bounds bounds_of(const Activation& activation) {
  switch (activation.kind) {
    case Activation::Kind::kRelu:
      return {0.0F, std::numeric_limits<float>::infinity()};
    case Activation::Kind::kClip:
      return {activation.lo, activation.hi};
    case Activation::Kind::kNone:
      break;
  }
  return {};
}

}  // namespace widepipe::kernels
