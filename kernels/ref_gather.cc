#include "kernels/ref_gather.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"
#include "kernels/indices.h"
#include "kernels/strided_copy.h"

namespace widepipe::kernels {
namespace {

std::int64_t count_from(const Shape& shape, std::size_t axis) {
  return element_count(std::span(shape).subspan(axis));
}

std::int64_t count_before(const Shape& shape, std::size_t axis) {
  return element_count(std::span(shape).first(axis));
}

std::size_t gather_axis(const KernelCase& kernel_case) {
  const auto rank = static_cast<std::int64_t>(kernel_case.inputs[0].shape.size());
  return static_cast<std::size_t>(
      normalized_axis(kernel_case.attributes->integer("axis", 0), rank, rank - 1));
}

/// The piece number `element` of `from`.
void copy_piece(std::byte* to, const std::byte* from, std::int64_t element, std::size_t bytes) {
  if (bytes == 4) {
    std::memcpy(to, from + element * 4, 4);
  } else if (bytes == 8) {
    std::memcpy(to, from + element * 8, 8);
  } else {
    std::memcpy(to, from + static_cast<std::size_t>(element) * bytes, bytes);
  }
}

template <typename Index>
class RefGather final : public Kernel {
 public:
  explicit RefGather(const KernelCase& kernel_case) {
    const TensorDesc& data = kernel_case.inputs[0];
    const std::size_t axis = gather_axis(kernel_case);
    outer_ = count_before(data.shape, axis);
    size_ = data.shape[axis];
    indices_ = element_count(kernel_case.inputs[1].shape);
    bytes_ = static_cast<std::size_t>(count_from(data.shape, axis + 1)) * size_of(data.dtype);
  }

  void run(const KernelArgs& args) override {
    if (bytes_ == 0) return;
    const std::byte* from = args.inputs[0];
    const auto* indices = as<Index>(args.inputs[1]);
    std::byte* to = args.outputs[0];
    for (std::int64_t i = 0; i < outer_; ++i) {
      for (std::int64_t j = 0; j < indices_; ++j, to += bytes_) {
        copy_piece(to, from, named_element(indices[j], size_), bytes_);
      }
      from += static_cast<std::size_t>(size_) * bytes_;
    }
  }

 private:
  std::int64_t outer_;
  std::int64_t size_;     ///< of the axis
  std::int64_t indices_;  ///< number of them
  std::size_t bytes_;     ///< of the piece that an index names
};

template <typename Index>
class RefGatherElements final : public Kernel {
 public:
  explicit RefGatherElements(const KernelCase& kernel_case)
      : indices_(kernel_case.inputs[1].shape),
        strides_(dense_strides(kernel_case.inputs[0].shape)),
        axis_(gather_axis(kernel_case)),
        size_(kernel_case.inputs[0].shape[axis_]),
        element_(size_of(kernel_case.inputs[0].dtype)) {}

  void run(const KernelArgs& args) override {
    const auto* index = as<Index>(args.inputs[1]);
    std::byte* to = args.outputs[0];
    gather(args.inputs[0], index, to, 0, 0);
  }

 private:
  /// `at`: the position in the data of the output's element, but for `axis_`.
  void gather(const std::byte* data, const Index*& index, std::byte*& to, std::int64_t at,
              std::size_t depth) const {
    if (depth == indices_.size()) {
      const std::int64_t element = named_element(*index++, size_);
      copy_piece(to, data, element < 0 ? element : at + element * strides_[axis_], element_);
      to += element_;
      return;
    }
    const std::int64_t stride = depth == axis_ ? 0 : strides_[depth];
    for (std::int64_t i = 0; i < indices_[depth]; ++i) {
      gather(data, index, to, at + i * stride, depth + 1);
    }
  }

  Shape indices_;
  std::vector<std::int64_t> strides_;  ///< of the data
  std::size_t axis_;
  std::int64_t size_;
  std::size_t element_;
};

struct GatherNd {
  std::size_t batch_axes;
  std::size_t indexed;  ///< axes that an index names an element of
};

GatherNd gather_nd(const KernelCase& kernel_case) {
  const Shape& data = kernel_case.inputs[0].shape;
  const Shape& indices = kernel_case.inputs[1].shape;
  const std::int64_t batch = kernel_case.attributes->integer("batch_dims", 0);
  const auto known = static_cast<std::int64_t>(std::min(data.size(), indices.size()));
  if (batch < 0 || batch >= known || indices.back() < 1 ||
      batch + indices.back() > static_cast<std::int64_t>(data.size())) {
    throw_input_error("indices {} with batch_dims {} do not fit data {}", to_string(indices), batch,
                      to_string(data));
  }
  return {static_cast<std::size_t>(batch), static_cast<std::size_t>(indices.back())};
}

template <typename Index>
class RefGatherNd final : public Kernel {
 public:
  explicit RefGatherNd(const KernelCase& kernel_case) {
    const TensorDesc& data = kernel_case.inputs[0];
    const auto [batch, indexed] = gather_nd(kernel_case);
    batches_ = count_before(data.shape, batch);
    const Shape& indices = kernel_case.inputs[1].shape;
    tuples_ = element_count(std::span(indices).subspan(batch, indices.size() - 1 - batch));
    const auto first = data.shape.begin() + static_cast<std::ptrdiff_t>(batch);
    sizes_.assign(first, first + static_cast<std::ptrdiff_t>(indexed));
    bytes_ =
        static_cast<std::size_t>(count_from(data.shape, batch + indexed)) * size_of(data.dtype);
  }

  void run(const KernelArgs& args) override {
    if (bytes_ == 0) return;
    const std::byte* from = args.inputs[0];
    const auto* index = as<Index>(args.inputs[1]);
    std::byte* to = args.outputs[0];
    const std::size_t batch_bytes = static_cast<std::size_t>(element_count(sizes_)) * bytes_;
    for (std::int64_t i = 0; i < batches_; ++i, from += batch_bytes) {
      for (std::int64_t j = 0; j < tuples_; ++j, to += bytes_, index += sizes_.size()) {
        copy_piece(to, from, piece_at<Index>({index, sizes_.size()}, sizes_), bytes_);
      }
    }
  }

 private:
  std::int64_t batches_;
  std::int64_t tuples_;  ///< of indices, in a batch
  Shape sizes_;          ///< of the indexed axes
  std::size_t bytes_;    ///< of the piece that a tuple names
};

template <template <typename> typename KernelOf>
std::unique_ptr<Kernel> create(const KernelCase& kernel_case) {
  return dispatch_index(kernel_case.inputs[1].dtype,
                        [&]<typename Index>() -> std::unique_ptr<Kernel> {
                          return std::make_unique<KernelOf<Index>>(kernel_case);
                        });
}

void require_output(Checks& checks, const KernelCase& kernel_case, const Shape& y) {
  checks.require(kernel_case.outputs[0].shape == y, "output 0: expected shape {}, found {}",
                 to_string(y), to_string(kernel_case.outputs[0].shape));
}

}  // namespace

Support ref_gather_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 2).same_dtype().no_activation();
  if (!checks.ok()) return checks.plain();
  const Shape& data = kernel_case.inputs[0].shape;
  const Shape& indices = kernel_case.inputs[1].shape;
  const std::size_t axis = gather_axis(kernel_case);
  check_indices(kernel_case, 1, data[axis]);
  Shape y(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(axis));
  y.insert(y.end(), indices.begin(), indices.end());
  y.insert(y.end(), data.begin() + static_cast<std::ptrdiff_t>(axis) + 1, data.end());
  require_output(checks, kernel_case, y);
  return checks.plain();
}

std::unique_ptr<Kernel> ref_gather_create(const KernelCase& kernel_case, WeightStore&) {
  return create<RefGather>(kernel_case);
}

Support ref_gather_elements_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 2).same_dtype().no_activation();
  if (!checks.ok()) return checks.plain();
  const Shape& data = kernel_case.inputs[0].shape;
  const Shape& indices = kernel_case.inputs[1].shape;
  const std::size_t axis = gather_axis(kernel_case);
  check_indices(kernel_case, 1, data[axis]);
  bool inside = indices.size() == data.size();
  for (std::size_t i = 0; inside && i < data.size(); ++i) {
    inside = i == axis || indices[i] <= data[i];
  }
  checks.require(inside, "indices {} reach beyond data {}", to_string(indices), to_string(data));
  require_output(checks, kernel_case, indices);
  return checks.plain();
}

std::unique_ptr<Kernel> ref_gather_elements_create(const KernelCase& kernel_case, WeightStore&) {
  return create<RefGatherElements>(kernel_case);
}

Support ref_gather_nd_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 2).same_dtype().no_activation();
  if (!checks.ok()) return checks.plain();
  const Shape& data = kernel_case.inputs[0].shape;
  const Shape& indices = kernel_case.inputs[1].shape;
  const auto [batch, indexed] = gather_nd(kernel_case);
  check_tuples(kernel_case, 1, std::span(data).subspan(batch, indexed));
  checks.require(
      std::equal(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(batch), indices.begin()),
      "data {} and indices {} differ in their {} batch axes", to_string(data), to_string(indices),
      batch);
  Shape y(indices.begin(), indices.end() - 1);
  y.insert(y.end(), data.begin() + static_cast<std::ptrdiff_t>(batch + indexed), data.end());
  require_output(checks, kernel_case, y);
  return checks.plain();
}

std::unique_ptr<Kernel> ref_gather_nd_create(const KernelCase& kernel_case, WeightStore&) {
  return create<RefGatherNd>(kernel_case);
}

}  // namespace widepipe::kernels
