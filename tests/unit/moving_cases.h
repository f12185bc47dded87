#pragma once
// Operators that move, pick, repeat or resample elements, with results worked out by hand from the
// ONNX definitions.

#include <vector>

#include "tests/unit/kernel_harness.h"

namespace widepipe::kernels::testing {

struct MovingCase {
  CaseSpec spec;
  std::vector<double> expected;
  /// The row axis of input and output is axis 0, so that rows can be run alone.
  bool has_rows = false;
};

std::vector<MovingCase> moving_cases();

}  // namespace widepipe::kernels::testing
