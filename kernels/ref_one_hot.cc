#include "kernels/ref_one_hot.h"

#include <cstring>
#include <span>

#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"
#include "kernels/indices.h"

namespace widepipe::kernels {
namespace {

/// The output's axis that holds the classes.
std::size_t class_axis(const KernelCase& kernel_case) {
  const auto rank = static_cast<std::int64_t>(kernel_case.inputs[0].shape.size()) + 1;
  return static_cast<std::size_t>(
      normalized_axis(kernel_case.attributes->integer("axis", -1), rank, rank - 1));
}

template <typename Index>
class RefOneHot final : public Kernel {
 public:
  explicit RefOneHot(const KernelCase& kernel_case) {
    const Shape& indices = kernel_case.inputs[0].shape;
    const std::size_t axis = class_axis(kernel_case);
    outer_ = element_count(std::span(indices).first(axis));
    inner_ = element_count(std::span(indices).subspan(axis));
    depth_ = kernel_case.outputs[0].shape[axis];
    element_ = size_of(kernel_case.outputs[0].dtype);
  }

  void run(const KernelArgs& args) override {
    const auto* index = as<Index>(args.inputs[0]);
    const std::byte* off = args.inputs[2];
    const std::byte* on = off + element_;
    std::byte* to = args.outputs[0];
    for (std::int64_t o = 0; o < outer_; ++o, index += inner_) {
      for (std::int64_t c = 0; c < depth_; ++c) {
        for (std::int64_t i = 0; i < inner_; ++i, to += element_) {
          std::memcpy(to, class_of(index[i]) == c ? on : off, element_);
        }
      }
    }
  }

 private:
  std::int64_t class_of(Index index) const {
    // Floats beyond what an integer holds, and NaN, name no class.
    const auto limit = static_cast<double>(depth_);
    const auto number = static_cast<double>(index);
    if (!(number >= -limit && number < limit)) return -1;
    return element_at(static_cast<std::int64_t>(index), depth_);
  }

  std::int64_t outer_;
  std::int64_t inner_;
  std::int64_t depth_;
  std::size_t element_;
};

}  // namespace

Support ref_one_hot_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(3, 3).no_activation();
  if (!checks.ok()) return checks.plain();
  const Shape& indices = kernel_case.inputs[0].shape;
  const TensorDesc& values = kernel_case.inputs[2];
  const TensorDesc& y = kernel_case.outputs[0];
  dispatch_numeric(kernel_case.inputs[0].dtype, []<typename T>() {});
  const std::size_t axis = class_axis(kernel_case);
  Shape expected = indices;
  expected.insert(expected.begin() + static_cast<std::ptrdiff_t>(axis),
                  axis < y.shape.size() ? y.shape[axis] : 0);
  return checks
      .require(values.dtype == y.dtype && values.shape == Shape{2},
               "values: expected {} [2], found {} {}", name_of(y.dtype), name_of(values.dtype),
               to_string(values.shape))
      .require(y.shape == expected, "output 0: expected shape {}, found {}", to_string(expected),
               to_string(y.shape))
      .plain();
}

std::unique_ptr<Kernel> ref_one_hot_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename Index>() -> std::unique_ptr<Kernel> {
                            return std::make_unique<RefOneHot<Index>>(kernel_case);
                          });
}

}  // namespace widepipe::kernels
