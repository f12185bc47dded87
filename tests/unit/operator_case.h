#pragma once
// Cases of one operator with numbers worked out elsewhere, for reference kernels of all types.

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor.h"
#include "kernels/kernel.h"

namespace widepipe::kernels::testing {

/// A tensor, its elements as numbers that its type can hold.
struct Numbers {
  DType dtype = DType::kF32;
  Shape shape;
  std::vector<double> values;
};

struct OperatorCase {
  std::string name;
  std::string op;
  int version;
  Attributes attributes;
  std::vector<Numbers> inputs;    ///< all but the first are constants
  std::vector<Numbers> expected;  ///< outputs
};

Attributes with(std::initializer_list<std::pair<std::string, Attributes::Value>> values);

/// Runs the reference kernel; floats must agree to 1e-6 of their size, other types exactly.
void expect_outputs(const OperatorCase& operator_case);

/// Why every reference kernel declines the case, of which only types and shapes of the outputs
/// matter; "" if one takes it.
std::string decline_of(const OperatorCase& operator_case);

}  // namespace widepipe::kernels::testing
