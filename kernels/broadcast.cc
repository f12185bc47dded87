#include "kernels/broadcast.h"

#include "core/error.h"
#include "kernels/checks.h"

namespace widepipe::kernels {

std::vector<std::int64_t> broadcast_strides(std::span<const std::int64_t> from,
                                            std::span<const std::int64_t> to) {
  std::vector<std::int64_t> strides(to.size(), 0);
  bool fits = from.size() <= to.size();
  std::int64_t stride = 1;
  for (std::size_t i = 1; fits && i <= from.size(); ++i) {
    const std::int64_t dim = from[from.size() - i];
    const std::int64_t target = to[to.size() - i];
    fits = dim == target || dim == 1;
    if (dim == target) strides[to.size() - i] = stride;
    stride *= dim;
  }
  if (!fits)
    throw_input_error("shape {} cannot be broadcast to {}", to_string(from), to_string(to));
  return strides;
}

std::int64_t offset_at(std::int64_t index, std::span<const std::int64_t> shape,
                       std::span<const std::int64_t> strides) {
  std::int64_t offset = 0;
  for (std::size_t i = shape.size(); i-- > 0;) {
    offset += index % shape[i] * strides[i];
    index /= shape[i];
  }
  return offset;
}

Shape modern_shape_of_b(const KernelCase& kernel_case) {
  const Shape& a = kernel_case.inputs[0].shape;
  Shape b = kernel_case.inputs[1].shape;
  if (kernel_case.version >= 7 || !kernel_case.attributes->has("axis")) return b;
  const auto rank = static_cast<std::int64_t>(a.size());
  const std::int64_t axis =
      normalized_axis(kernel_case.attributes->integer("axis", 0), rank, rank - 1);
  const std::int64_t end = axis + static_cast<std::int64_t>(b.size());
  if (end > rank) {
    throw_input_error("B {} at axis {} does not fit into A {}", to_string(b), axis, to_string(a));
  }
  b.insert(b.end(), static_cast<std::size_t>(rank - end), 1);
  return b;
}

}  // namespace widepipe::kernels
