#include "kernels/broadcast.h"

#include "core/error.h"

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

}  // namespace widepipe::kernels
