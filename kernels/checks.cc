#include "kernels/checks.h"

#include <algorithm>

#include "core/error.h"

namespace widepipe::kernels {

bool has_input(const KernelCase& kernel_case, std::size_t i) {
  return i < kernel_case.inputs.size() && kernel_case.inputs[i].present();
}

Checks& Checks::inputs(std::size_t required, std::size_t allowed) {
  for (std::size_t i = 0; i < required; ++i) {
    require(has_input(case_, i), "input {} is missing", i);
  }
  return require(case_.inputs.size() <= allowed, "expected at most {} inputs, found {}", allowed,
                 case_.inputs.size());
}

Checks& Checks::arity(std::size_t required, std::size_t allowed) {
  inputs(required, allowed);
  require(!case_.outputs.empty() && case_.outputs[0].present(), "output 0 is missing");
  for (std::size_t i = 1; i < case_.outputs.size(); ++i) {
    require(!case_.outputs[i].present(), "output {} is not computed", i);
  }
  return *this;
}

Checks& Checks::all_f32() {
  for (std::size_t i = 0; i < case_.inputs.size(); ++i) {
    require(!case_.inputs[i].present() || case_.inputs[i].dtype == DType::kF32,
            "input {}: expected f32, found {}", i, name_of(case_.inputs[i].dtype));
  }
  if (ok()) {
    require(case_.outputs[0].dtype == DType::kF32, "output 0: expected f32, found {}",
            name_of(case_.outputs[0].dtype));
  }
  return *this;
}

Checks& Checks::dtype_in(std::initializer_list<DType> allowed) {
  if (!ok()) return *this;
  const DType dtype = case_.inputs[0].dtype;
  require(std::find(allowed.begin(), allowed.end(), dtype) != allowed.end(),
          "no code for elements of type {}", name_of(dtype));
  require(case_.outputs[0].dtype == dtype, "output 0: expected {}, found {}", name_of(dtype),
          name_of(case_.outputs[0].dtype));
  return *this;
}

Checks& Checks::numeric() {
  return dtype_in({DType::kF32, DType::kF64, DType::kI8, DType::kI16, DType::kI32, DType::kI64,
                   DType::kU8, DType::kU16, DType::kU32, DType::kU64});
}

Checks& Checks::floating() { return dtype_in({DType::kF32, DType::kF64}); }

Checks& Checks::like_input_0(std::size_t i) {
  if (!ok() || !has_input(case_, i)) return *this;
  const DType dtype = case_.inputs[0].dtype;
  return require(case_.inputs[i].dtype == dtype, "input {}: expected {}, found {}", i,
                 name_of(dtype), name_of(case_.inputs[i].dtype));
}

Checks& Checks::same_dtype() {
  for (std::size_t i = 0; ok() && i < case_.outputs.size(); ++i) {
    require(!case_.outputs[i].present() || case_.outputs[i].dtype == case_.inputs[0].dtype,
            "output {}: expected {}, found {}", i, name_of(case_.inputs[0].dtype),
            name_of(case_.outputs[i].dtype));
  }
  return *this;
}

Checks& Checks::no_activation() {
  return require(case_.activation.none(), "cannot fuse an activation");
}

Checks& Checks::constant(std::size_t i, std::string_view name) {
  return require(
      !has_input(case_, i) || (i < case_.constants.size() && case_.constants[i] != nullptr),
      "{} is not a constant", name);
}

namespace {

const Tensor& constant_of(const KernelCase& kernel_case, std::size_t i, std::string_view name) {
  const bool known = i < kernel_case.constants.size() && kernel_case.constants[i] != nullptr;
  if (!known) throw_input_error("{} is not a constant", name);
  return *kernel_case.constants[i];
}

}  // namespace

std::vector<std::int64_t> constant_integers(const KernelCase& kernel_case, std::size_t i,
                                            std::string_view name) {
  const Tensor& tensor = constant_of(kernel_case, i, name);
  if (tensor.dtype() == DType::kI64) {
    const auto elements = tensor.as<std::int64_t>();
    return {elements.begin(), elements.end()};
  }
  if (tensor.dtype() == DType::kI32) {
    const auto elements = tensor.as<std::int32_t>();
    return {elements.begin(), elements.end()};
  }
  throw_input_error("{}: expected i64 or i32, found {}", name, name_of(tensor.dtype()));
}

std::vector<float> constant_reals(const KernelCase& kernel_case, std::size_t i,
                                  std::string_view name) {
  const Tensor& tensor = constant_of(kernel_case, i, name);
  if (tensor.dtype() != DType::kF32) {
    throw_input_error("{}: expected f32, found {}", name, name_of(tensor.dtype()));
  }
  const auto elements = tensor.as<float>();
  return {elements.begin(), elements.end()};
}

std::int64_t normalized_axis(std::int64_t axis, std::int64_t rank, std::int64_t last) {
  const std::int64_t from_front = axis < 0 ? axis + rank : axis;
  if (from_front < 0 || from_front > last) {
    throw_input_error("axis {} is outside a tensor of rank {}", axis, rank);
  }
  return from_front;
}

}  // namespace widepipe::kernels
