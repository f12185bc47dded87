#include "tests/unit/kernel_cases.h"

#include <fmt/format.h>

#include <utility>

namespace widepipe::kernels::testing {
namespace {

CaseSpec clip_case(Shape shape, float lo, float hi) {
  CaseSpec spec;
  spec.name = fmt::format("Clip {} to {} {}", to_string(shape), lo, hi);
  spec.op = "Clip";
  spec.version = 6;
  spec.attributes.set("min", lo);
  spec.attributes.set("max", hi);
  spec.inputs = {{shape}};
  spec.output = std::move(shape);
  return spec;
}

CaseSpec simple_case(std::string op, Shape shape, std::size_t inputs, Activation activation = {}) {
  CaseSpec spec;
  spec.name = fmt::format("{} {}{}", op, to_string(shape), name_of(activation));
  spec.op = std::move(op);
  spec.inputs.assign(inputs, {shape});
  spec.output = std::move(shape);
  spec.activation = activation;
  return spec;
}

/// An operator on two inputs, of which the second one, or with `swapped` the first, is small.
CaseSpec broadcast_case(std::string op, Shape shape, InputSpec small, bool swapped = false,
                        Activation activation = {}) {
  CaseSpec spec;
  spec.name = fmt::format("{} {} with {}{}{}{}", op, to_string(shape), to_string(small.shape),
                          small.constant ? " constant" : "", swapped ? " swapped" : "",
                          name_of(activation));
  spec.op = std::move(op);
  spec.inputs = {{shape}, std::move(small)};
  if (swapped) std::swap(spec.inputs[0], spec.inputs[1]);
  spec.output = std::move(shape);
  spec.activation = activation;
  return spec;
}

CaseSpec layer_normalization_case(Shape shape, std::int64_t axis, bool bias) {
  CaseSpec spec = simple_case("LayerNormalization", shape, 1);
  spec.name += fmt::format(" axis {}{}", axis, bias ? " bias" : "");
  spec.version = 17;
  spec.attributes.set("axis", axis);
  const Shape group(shape.begin() + axis, shape.end());
  spec.inputs.push_back({group, true});
  if (bias) spec.inputs.push_back({group, true});
  return spec;
}

}  // namespace

std::vector<CaseSpec> elementwise_cases() {
  std::vector<CaseSpec> cases;
  const std::vector<Shape> shapes = {{2, 3, 5, 7}, {7, 17, 4, 4}, {2, 16, 9}, {5, 13}, {70000}, {}};
  for (const Shape& shape : shapes) {
    cases.push_back(simple_case("Relu", shape, 1));
    cases.push_back(clip_case(shape, -0.5F, 0.5F));
    cases.push_back(clip_case(shape, 0.25F, 0.75F));
    for (const char* op : {"Add", "Sub", "Mul", "Div"}) {
      cases.push_back(simple_case(op, shape, 2));
      cases.push_back(simple_case(op, shape, 2, kRelu));
      cases.push_back(simple_case(op, shape, 2, kShiftedClip));
    }
    for (const char* op : {"Erf", "Exp", "HardSigmoid", "HardSwish", "Sigmoid", "Tanh"}) {
      cases.push_back(simple_case(op, shape, 1));
    }
  }
  return cases;
}

std::vector<CaseSpec> broadcast_cases() {
  std::vector<CaseSpec> cases;
  for (const char* op : {"Add", "Sub", "Mul", "Div"}) {
    for (const bool swapped : {false, true}) {
      for (const std::int64_t channels : {3, 8, 17, 24}) {
        const Shape image = {2, channels, 5, 7};
        cases.push_back(broadcast_case(op, image, {{2, channels, 1, 1}}, swapped));
        cases.push_back(broadcast_case(op, image, {{channels, 1, 1}, true}, swapped, kRelu));
        cases.push_back(broadcast_case(op, image, {{1, channels, 1, 1}, true}, swapped));
        cases.push_back(broadcast_case(op, image, {{}, true}, swapped));
        cases.push_back(broadcast_case(op, image, {{}}, swapped, kShiftedClip));
      }
      cases.push_back(broadcast_case(op, {5, 13}, {{13}, true}, swapped));
      cases.push_back(broadcast_case(op, {2, 16, 9}, {{16, 1}, true}, swapped));
    }
  }
  // Large enough for threads.
  cases.push_back(broadcast_case("Mul", {3, 24, 40, 40}, {{3, 24, 1, 1}}));
  cases.push_back(broadcast_case("Sub", {3, 120, 120}, {{1}, true}, true));
  cases.push_back(broadcast_case("Add", {7, 16, 384}, {{384}, true}));
  return cases;
}

std::vector<CaseSpec> row_cases() {
  std::vector<CaseSpec> cases;
  for (const std::int64_t length : {1, 3, 8, 17, 384, 2500}) {
    cases.push_back(simple_case("Softmax", {3, length}, 1));
    cases.push_back(simple_case("Softmax", {2, 12, 5, length}, 1));
    cases.push_back(layer_normalization_case({3, length, 2}, 1, true));
    cases.push_back(layer_normalization_case({2, 9, length}, 2, length % 2 == 0));
  }
  return cases;
}

}  // namespace widepipe::kernels::testing
