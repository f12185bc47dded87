#include "kernels/ref_topk.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"

namespace widepipe::kernels {
namespace {

std::size_t topk_axis(const KernelCase& kernel_case) {
  const auto rank = static_cast<std::int64_t>(kernel_case.inputs[0].shape.size());
  return static_cast<std::size_t>(
      normalized_axis(kernel_case.attributes->integer("axis", -1), rank, rank - 1));
}

const Shape& output_shape(const KernelCase& kernel_case) {
  return kernel_case.outputs[kernel_case.outputs[0].present() ? 0 : 1].shape;
}

/// `a` comes before `b` among the largest.
template <typename T>
bool above(T a, T b) {
  return a > b || (a != a && b == b);
}

template <typename T>
class RefTopK final : public Kernel {
 public:
  explicit RefTopK(const KernelCase& kernel_case)
      : largest_(kernel_case.attributes->integer("largest", 1) != 0) {
    const Shape& x = kernel_case.inputs[0].shape;
    const std::size_t axis = topk_axis(kernel_case);
    outer_ = element_count(std::span(x).first(axis));
    inner_ = element_count(std::span(x).subspan(axis + 1));
    size_ = x[axis];
    count_ = output_shape(kernel_case)[axis];
  }

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(size_) * sizeof(std::int64_t);
  }

  void run(const KernelArgs& args) override {
    auto* values = args.outputs[0] == nullptr ? nullptr : as<T>(args.outputs[0]);
    auto* indices = args.outputs.size() < 2 || args.outputs[1] == nullptr
                        ? nullptr
                        : as<std::int64_t>(args.outputs[1]);
    const std::span order(as<std::int64_t>(args.scratch), static_cast<std::size_t>(size_));
    for (std::int64_t o = 0; o < outer_; ++o) {
      for (std::int64_t i = 0; i < inner_; ++i) {
        const T* x = as<T>(args.inputs[0]) + o * size_ * inner_ + i;
        sort(x, order);
        for (std::int64_t k = 0; k < count_; ++k) {
          const std::int64_t index = order[static_cast<std::size_t>(k)];
          const std::int64_t to = (o * count_ + k) * inner_ + i;
          if (values != nullptr) values[to] = x[index * inner_];
          if (indices != nullptr) indices[to] = index;
        }
      }
    }
  }

 private:
  void sort(const T* x, std::span<std::int64_t> order) const {
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + count_, order.end(),
                      [&](std::int64_t a, std::int64_t b) {
                        const T first = x[(largest_ ? a : b) * inner_];
                        const T second = x[(largest_ ? b : a) * inner_];
                        if (above(first, second)) return true;
                        return !above(second, first) && a < b;
                      });
  }

  bool largest_;
  std::int64_t outer_;
  std::int64_t inner_;
  std::int64_t size_;   ///< of the axis
  std::int64_t count_;  ///< to be found
};

}  // namespace

Support ref_topk_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.inputs(1, kernel_case.version < 10 ? 1 : 2).no_activation();
  const std::size_t outputs = kernel_case.outputs.size();
  checks.require(outputs == 1 || outputs == 2, "expected at most 2 outputs, found {}", outputs);
  checks.require(outputs > 0 && (kernel_case.outputs[0].present() || outputs > 1),
                 "output 0 is missing");
  if (!checks.ok()) return checks.plain();
  const TensorDesc& x = kernel_case.inputs[0];
  dispatch_numeric(x.dtype, []<typename T>() {});
  const std::size_t axis = topk_axis(kernel_case);
  Shape y = x.shape;
  const Shape& found = output_shape(kernel_case);
  if (found.size() == y.size()) y[axis] = std::min(y[axis], found[axis]);
  for (std::size_t i = 0; i < outputs; ++i) {
    const TensorDesc& output = kernel_case.outputs[i];
    const DType expected = i == 0 ? x.dtype : DType::kI64;
    checks.require(!output.present() || (output.dtype == expected && output.shape == y),
                   "output {}: expected {} {}, found {} {}", i, name_of(expected), to_string(y),
                   name_of(output.dtype), to_string(output.shape));
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_topk_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename T>() -> std::unique_ptr<Kernel> {
                            return std::make_unique<RefTopK<T>>(kernel_case);
                          });
}

}  // namespace widepipe::kernels
