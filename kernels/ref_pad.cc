#include "kernels/ref_pad.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "kernels/checks.h"
#include "kernels/mapped_copy.h"
#include "kernels/pads.h"

namespace widepipe::kernels {
namespace {

/// Up to version 10 attributes, inputs since.
bool by_attributes(const KernelCase& kernel_case) { return kernel_case.version < 11; }

std::vector<AxisPads> pads_of(const KernelCase& kernel_case) {
  const std::size_t rank = kernel_case.inputs[0].shape.size();
  if (by_attributes(kernel_case)) {
    return axis_pads(kernel_case.attributes->integers("pads"), std::nullopt, rank);
  }
  return axis_pads(constant_integers(kernel_case, 1, "pads"),
                   has_input(kernel_case, 3)
                       ? std::optional(constant_integers(kernel_case, 3, "axes"))
                       : std::nullopt,
                   rank);
}

/// The element that stands at position `i`, which is outside the axis.
std::int64_t reflected(std::int64_t i, std::int64_t size) {
  if (size == 1) return 0;
  const std::int64_t period = 2 * (size - 1);
  const std::int64_t in_period = ((i % period) + period) % period;
  return in_period < size ? in_period : period - in_period;
}

AxisMap pad_map(const std::string& mode, std::int64_t size, const AxisPads& pads) {
  AxisMap map;
  for (std::int64_t i = -pads.begin; i < size + pads.end; ++i) {
    if (i >= 0 && i < size) {
      map.push_back(i);
    } else if (mode == "constant") {
      map.push_back(kFilled);
    } else if (size == 0) {
      throw_input_error("cannot pad an empty axis in mode {}", mode);
    } else if (mode == "reflect") {
      map.push_back(reflected(i, size));
    } else if (mode == "edge") {
      map.push_back(i < 0 ? 0 : size - 1);
    } else if (mode == "wrap") {
      map.push_back(((i % size) + size) % size);
    } else {
      throw_input_error("attribute mode: expected constant, reflect, edge or wrap, found {}", mode);
    }
  }
  return map;
}

std::vector<AxisMap> maps_of(const KernelCase& kernel_case) {
  const Shape& x = kernel_case.inputs[0].shape;
  const std::string mode = kernel_case.attributes->text("mode", "constant");
  const std::vector<AxisPads> pads = pads_of(kernel_case);
  std::vector<AxisMap> maps;
  for (std::size_t i = 0; i < x.size(); ++i) maps.push_back(pad_map(mode, x[i], pads[i]));
  return maps;
}

class RefPad final : public Kernel {
 public:
  explicit RefPad(const KernelCase& kernel_case)
      : copy_(kernel_case.inputs[0].shape, maps_of(kernel_case),
              size_of(kernel_case.inputs[0].dtype)),
        value_(by_attributes(kernel_case) ? kernel_case.attributes->real("value", 0.0F) : 0.0F),
        value_given_(!by_attributes(kernel_case) && has_input(kernel_case, 2)) {}

  void run(const KernelArgs& args) override {
    const auto* stated = reinterpret_cast<const std::byte*>(&value_);
    if (value_given_) stated = args.inputs[2];
    copy_.run(args.inputs[0], value_ == 0.0F && !value_given_ ? kZero.data() : stated,
              args.outputs[0]);
  }

 private:
  static constexpr std::array<std::byte, 8> kZero = {};

  MappedCopy copy_;
  float value_;
  bool value_given_;  ///< as input 2
};

}  // namespace

Support ref_pad_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, by_attributes(kernel_case) ? 1 : 4).same_dtype().no_activation();
  if (!checks.ok()) return checks.plain();
  Shape y;
  for (const AxisMap& map : maps_of(kernel_case)) {
    y.push_back(static_cast<std::int64_t>(map.size()));
  }
  const TensorDesc& x = kernel_case.inputs[0];
  if (by_attributes(kernel_case)) {
    checks.require(x.dtype == DType::kF32 || kernel_case.attributes->real("value", 0.0F) == 0.0F,
                   "attribute value: expected 0 for elements of type {}", name_of(x.dtype));
  } else if (has_input(kernel_case, 2)) {
    const TensorDesc& value = kernel_case.inputs[2];
    checks.require(value.dtype == x.dtype && element_count(value.shape) == 1,
                   "constant_value: expected one {}, found {} {}", name_of(x.dtype),
                   to_string(value.shape), name_of(value.dtype));
  }
  return checks
      .require(kernel_case.outputs[0].shape == y, "output 0: expected shape {}, found {}",
               to_string(y), to_string(kernel_case.outputs[0].shape))
      .plain();
}

std::unique_ptr<Kernel> ref_pad_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<RefPad>(kernel_case);
}

}  // namespace widepipe::kernels
