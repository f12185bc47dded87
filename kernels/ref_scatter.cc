#include "kernels/ref_scatter.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"
#include "kernels/indices.h"
#include "kernels/strided_copy.h"
#include "kernels/wrapping.h"

namespace widepipe::kernels {
namespace {

/// Puts `count` updates to consecutive elements.
using Put = void (*)(std::byte* to, const std::byte* updates, std::size_t count);

template <typename T, typename F>
void combine(std::byte* to, const std::byte* updates, std::size_t count, const F& f) {
  for (std::size_t i = 0; i < count; ++i) as<T>(to)[i] = f(as<T>(to)[i], as<T>(updates)[i]);
}

template <std::size_t kBytes>
void replace(std::byte* to, const std::byte* updates, std::size_t count) {
  std::memcpy(to, updates, count * kBytes);
}

Put replacement(DType dtype) {
  switch (size_of(dtype)) {
    case 1:
      return replace<1>;
    case 2:
      return replace<2>;
    case 4:
      return replace<4>;
    default:
      return replace<8>;
  }
}

template <typename T>
Put reduction_of(const std::string& name) {
  if (name == "add") {
    return [](std::byte* to, const std::byte* updates, std::size_t count) {
      combine<T>(to, updates, count, wrapping_sum<T>);
    };
  }
  if (name == "mul") {
    return [](std::byte* to, const std::byte* updates, std::size_t count) {
      combine<T>(to, updates, count, wrapping_product<T>);
    };
  }
  if (name == "min") {
    return [](std::byte* to, const std::byte* updates, std::size_t count) {
      combine<T>(to, updates, count, [](T a, T b) { return b < a || b != b ? b : a; });
    };
  }
  if (name == "max") {
    return [](std::byte* to, const std::byte* updates, std::size_t count) {
      combine<T>(to, updates, count, [](T a, T b) { return b > a || b != b ? b : a; });
    };
  }
  throw_input_error("attribute reduction: expected none, add, mul, min or max, found {}", name);
}

Put put_of(const KernelCase& kernel_case) {
  const DType dtype = kernel_case.inputs[0].dtype;
  const std::string name = kernel_case.attributes->text("reduction", "none");
  if (name == "none") return replacement(dtype);
  return dispatch_numeric(dtype, [&]<typename T>() { return reduction_of<T>(name); });
}

std::size_t scatter_axis(const KernelCase& kernel_case) {
  const auto rank = static_cast<std::int64_t>(kernel_case.inputs[0].shape.size());
  return static_cast<std::size_t>(
      normalized_axis(kernel_case.attributes->integer("axis", 0), rank, rank - 1));
}

template <typename Index>
class RefScatterElements final : public Kernel {
 public:
  explicit RefScatterElements(const KernelCase& kernel_case)
      : updates_(kernel_case.inputs[2].shape),
        strides_(dense_strides(kernel_case.inputs[0].shape)),
        axis_(scatter_axis(kernel_case)),
        size_(kernel_case.inputs[0].shape[axis_]),
        element_(size_of(kernel_case.inputs[0].dtype)),
        bytes_(kernel_case.inputs[0].bytes()),
        put_(put_of(kernel_case)) {}

  void run(const KernelArgs& args) override {
    if (bytes_ != 0) std::memcpy(args.outputs[0], args.inputs[0], bytes_);
    const auto* index = as<Index>(args.inputs[1]);
    const std::byte* update = args.inputs[2];
    scatter(args.outputs[0], index, update, 0, 0);
  }

 private:
  /// `at`: the position in the data of the update, but for `axis_`.
  void scatter(std::byte* data, const Index*& index, const std::byte*& update, std::int64_t at,
               std::size_t depth) const {
    if (depth == updates_.size()) {
      const std::int64_t position = at + named_element(*index++, size_) * strides_[axis_];
      put_(data + static_cast<std::size_t>(position) * element_, update, 1);
      update += element_;
      return;
    }
    const std::int64_t stride = depth == axis_ ? 0 : strides_[depth];
    for (std::int64_t i = 0; i < updates_[depth]; ++i) {
      scatter(data, index, update, at + i * stride, depth + 1);
    }
  }

  Shape updates_;
  std::vector<std::int64_t> strides_;  ///< of the data
  std::size_t axis_;
  std::int64_t size_;
  std::size_t element_;
  std::size_t bytes_;
  Put put_;
};

template <typename Index>
class RefScatterNd final : public Kernel {
 public:
  explicit RefScatterNd(const KernelCase& kernel_case)
      : bytes_(kernel_case.inputs[0].bytes()), put_(put_of(kernel_case)) {
    const Shape& data = kernel_case.inputs[0].shape;
    const Shape& indices = kernel_case.inputs[1].shape;
    tuples_ = element_count(std::span(indices).first(indices.size() - 1));
    sizes_.assign(data.begin(), data.begin() + indices.back());
    count_ = static_cast<std::size_t>(element_count(std::span(data).subspan(sizes_.size())));
    piece_ = count_ * size_of(kernel_case.inputs[0].dtype);
  }

  void run(const KernelArgs& args) override {
    if (bytes_ == 0) return;
    std::memcpy(args.outputs[0], args.inputs[0], bytes_);
    const auto* index = as<Index>(args.inputs[1]);
    const std::byte* update = args.inputs[2];
    for (std::int64_t i = 0; i < tuples_; ++i, index += sizes_.size(), update += piece_) {
      const std::int64_t piece = piece_at<Index>({index, sizes_.size()}, sizes_);
      put_(args.outputs[0] + static_cast<std::size_t>(piece) * piece_, update, count_);
    }
  }

 private:
  std::size_t bytes_;
  Put put_;
  std::int64_t tuples_;
  Shape sizes_;        ///< of the indexed axes
  std::size_t count_;  ///< elements of the piece that a tuple names
  std::size_t piece_;  ///< its bytes
};

template <template <typename> typename KernelOf>
std::unique_ptr<Kernel> create(const KernelCase& kernel_case) {
  return dispatch_index(kernel_case.inputs[1].dtype,
                        [&]<typename Index>() -> std::unique_ptr<Kernel> {
                          return std::make_unique<KernelOf<Index>>(kernel_case);
                        });
}

Checks common_checks(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(3, 3).same_dtype().no_activation();
  if (!checks.ok()) return checks;
  put_of(kernel_case);
  const TensorDesc& data = kernel_case.inputs[0];
  return checks
      .require(kernel_case.inputs[2].dtype == data.dtype, "updates: expected {}, found {}",
               name_of(data.dtype), name_of(kernel_case.inputs[2].dtype))
      .require(kernel_case.outputs[0].shape == data.shape, "output 0: expected shape {}, found {}",
               to_string(data.shape), to_string(kernel_case.outputs[0].shape));
}

}  // namespace

Support ref_scatter_elements_supports(const KernelCase& kernel_case) {
  Checks checks = common_checks(kernel_case);
  if (!checks.ok()) return checks.plain();
  const Shape& data = kernel_case.inputs[0].shape;
  const Shape& indices = kernel_case.inputs[1].shape;
  const std::size_t axis = scatter_axis(kernel_case);
  check_indices(kernel_case, 1, data[axis]);
  bool inside = indices.size() == data.size() && kernel_case.inputs[2].shape == indices;
  for (std::size_t i = 0; inside && i < data.size(); ++i) {
    inside = i == axis || indices[i] <= data[i];
  }
  return checks
      .require(inside, "data {}, indices {} and updates {} do not fit", to_string(data),
               to_string(indices), to_string(kernel_case.inputs[2].shape))
      .plain();
}

std::unique_ptr<Kernel> ref_scatter_elements_create(const KernelCase& kernel_case, WeightStore&) {
  return create<RefScatterElements>(kernel_case);
}

Support ref_scatter_nd_supports(const KernelCase& kernel_case) {
  Checks checks = common_checks(kernel_case);
  if (!checks.ok()) return checks.plain();
  const Shape& data = kernel_case.inputs[0].shape;
  const Shape& indices = kernel_case.inputs[1].shape;
  bool fits = !indices.empty() && indices.back() >= 1 &&
              indices.back() <= static_cast<std::int64_t>(data.size());
  if (fits) {
    check_tuples(kernel_case, 1, std::span(data).first(static_cast<std::size_t>(indices.back())));
    Shape updates(indices.begin(), indices.end() - 1);
    updates.insert(updates.end(), data.begin() + indices.back(), data.end());
    fits = updates == kernel_case.inputs[2].shape;
  }
  return checks
      .require(fits, "data {}, indices {} and updates {} do not fit", to_string(data),
               to_string(indices), to_string(kernel_case.inputs[2].shape))
      .plain();
}

std::unique_ptr<Kernel> ref_scatter_nd_create(const KernelCase& kernel_case, WeightStore&) {
  return create<RefScatterNd>(kernel_case);
}

}  // namespace widepipe::kernels
