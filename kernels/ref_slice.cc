#include "kernels/ref_slice.h"

#include <optional>
#include <utility>
#include <vector>

#include "kernels/checks.h"
#include "kernels/parts.h"
#include "kernels/strided_copy.h"

namespace widepipe::kernels {
namespace {

using Integers = std::vector<std::int64_t>;

/// Up to version 9 attributes, inputs since.
SliceRequest slice_request(const KernelCase& kernel_case) {
  const Attributes& attributes = *kernel_case.attributes;
  if (kernel_case.version < 10) {
    return {
        .starts = attributes.integers("starts"),
        .ends = attributes.integers("ends"),
        .axes = attributes.has("axes") ? std::optional(attributes.integers("axes")) : std::nullopt,
        .steps = std::nullopt};
  }
  const auto optional = [&](std::size_t i, const char* name) {
    return has_input(kernel_case, i) ? std::optional(constant_integers(kernel_case, i, name))
                                     : std::nullopt;
  };
  return {.starts = constant_integers(kernel_case, 1, "starts"),
          .ends = constant_integers(kernel_case, 2, "ends"),
          .axes = optional(3, "axes"),
          .steps = optional(4, "steps")};
}

struct SplitPlan {
  std::size_t axis;
  Integers sizes;
};

/// Up to version 12 an attribute, an input since.
SplitPlan split_plan(const KernelCase& kernel_case) {
  const Attributes& attributes = *kernel_case.attributes;
  const Shape& x = kernel_case.inputs[0].shape;
  const auto rank = static_cast<std::int64_t>(x.size());
  const auto axis =
      static_cast<std::size_t>(normalized_axis(attributes.integer("axis", 0), rank, rank - 1));
  std::optional<Integers> stated;
  if (kernel_case.version < 13) {
    if (attributes.has("split")) stated = attributes.integers("split");
  } else if (has_input(kernel_case, 1)) {
    stated = constant_integers(kernel_case, 1, "split");
  }
  return {axis, split_sizes(attributes, stated, x[axis], kernel_case.outputs.size())};
}

class RefSplit final : public Kernel {
 public:
  RefSplit(const KernelCase& kernel_case, const SplitPlan& plan) {
    const TensorDesc& x = kernel_case.inputs[0];
    const std::vector<std::int64_t> strides = dense_strides(x.shape);
    std::int64_t first = 0;
    for (std::size_t i = 0; i < plan.sizes.size(); ++i) {
      std::vector<StridedAxis> axes;
      for (std::size_t a = 0; a < x.shape.size(); ++a) {
        axes.push_back({a == plan.axis ? plan.sizes[i] : x.shape[a], strides[a]});
      }
      if (kernel_case.outputs[i].present()) {
        parts_.push_back({i, StridedCopy(axes, first, size_of(x.dtype))});
      }
      first += plan.sizes[i] * strides[plan.axis];
    }
  }

  void run(const KernelArgs& args) override {
    for (const auto& [output, copy] : parts_) copy.run(args.inputs[0], args.outputs[output]);
  }

 private:
  std::vector<std::pair<std::size_t, StridedCopy>> parts_;
};

}  // namespace

Support ref_slice_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, kernel_case.version < 10 ? 1 : 5).same_dtype().no_activation();
  if (!checks.ok()) return checks.plain();
  Shape y;
  for (const SliceAxis& axis :
       slice_axes(kernel_case.inputs[0].shape, slice_request(kernel_case))) {
    y.push_back(axis.count);
  }
  return checks
      .require(kernel_case.outputs[0].shape == y, "output 0: expected shape {}, found {}",
               to_string(y), to_string(kernel_case.outputs[0].shape))
      .plain();
}

std::unique_ptr<Kernel> ref_slice_create(const KernelCase& kernel_case, WeightStore&) {
  const TensorDesc& x = kernel_case.inputs[0];
  const std::vector<std::int64_t> strides = dense_strides(x.shape);
  const std::vector<SliceAxis> slices = slice_axes(x.shape, slice_request(kernel_case));
  std::int64_t first = 0;
  std::vector<StridedAxis> axes;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    first += slices[i].start * strides[i];
    // A step is not multiplied where it is not taken: it may be as large as numbers go.
    axes.push_back({slices[i].count, slices[i].count > 1 ? slices[i].step * strides[i] : 1});
  }
  return strided_copy_kernel({axes, first, size_of(x.dtype)});
}

Support ref_split_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.inputs(1, kernel_case.version < 13 ? 1 : 2).same_dtype().no_activation();
  if (!checks.ok()) return checks.plain();
  const SplitPlan plan = split_plan(kernel_case);
  for (std::size_t i = 0; i < plan.sizes.size(); ++i) {
    if (!kernel_case.outputs[i].present()) continue;
    Shape y = kernel_case.inputs[0].shape;
    y[plan.axis] = plan.sizes[i];
    checks.require(kernel_case.outputs[i].shape == y, "output {}: expected shape {}, found {}", i,
                   to_string(y), to_string(kernel_case.outputs[i].shape));
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_split_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<RefSplit>(kernel_case, split_plan(kernel_case));
}

}  // namespace widepipe::kernels
