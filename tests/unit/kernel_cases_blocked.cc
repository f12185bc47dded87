#include "tests/unit/kernel_cases.h"

#include <utility>

namespace widepipe::kernels::testing {

std::vector<CaseSpec> blocked_cases() {
  std::vector<CaseSpec> cases;
  const auto concat = [&](std::vector<Shape> inputs, std::int64_t axis) {
    CaseSpec spec;
    spec.op = "Concat";
    spec.attributes.set("axis", axis);
    spec.output = inputs[0];
    spec.output[static_cast<std::size_t>(axis)] = 0;
    for (Shape& shape : inputs) {
      spec.output[static_cast<std::size_t>(axis)] += shape[static_cast<std::size_t>(axis)];
      spec.name += (spec.name.empty() ? "Concat " : " and ") + to_string(shape);
      spec.inputs.push_back({std::move(shape)});
    }
    cases.push_back(std::move(spec));
  };
  concat({{2, 16, 3, 4}, {2, 32, 3, 4}, {2, 5, 3, 4}}, 1);
  concat({{2, 5, 3, 4}, {2, 5, 3, 1}}, 3);
  concat({{1, 20, 2, 3}, {1, 20, 5, 3}}, 2);
  for (const Shape& x : {Shape{2, 5, 3, 4}, Shape{1, 16, 7}, Shape{2, 9, 2, 3, 2}}) {
    CaseSpec spec;
    spec.name = "Resize " + to_string(x);
    spec.op = "Resize";
    spec.attributes.set("coordinate_transformation_mode", "asymmetric");
    spec.attributes.set("nearest_mode", "floor");
    InputSpec scales{.shape = {static_cast<std::int64_t>(x.size())},
                     .constant = true,
                     .dtype = DType::kF32,
                     .values = std::vector<double>(x.size(), 2)};
    scales.values[0] = scales.values[1] = 1;
    spec.output = x;
    for (std::size_t i = 2; i < x.size(); ++i) spec.output[i] *= 2;
    spec.inputs = {{x}, {.shape = {}, .dtype = DType::kUndefined}, std::move(scales)};
    cases.push_back(spec);
    spec.name = "Upsample " + to_string(x);
    spec.op = "Upsample";
    spec.version = 9;
    spec.attributes = {};
    spec.inputs.erase(spec.inputs.begin() + 1);
    cases.push_back(std::move(spec));
  }
  return cases;
}

}  // namespace widepipe::kernels::testing
