#include "kernels/broadcast_loop.h"

#include <algorithm>

namespace widepipe::kernels {

void join_axes(Shape& shape, std::span<std::vector<std::int64_t>> strides) {
  std::size_t kept = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] == 1) continue;
    const bool joins =
        kept > 0 && std::all_of(strides.begin(), strides.end(), [&](const auto& list) {
          return list[kept - 1] == list[axis] * shape[axis];
        });
    const std::size_t to = joins ? kept - 1 : kept++;
    shape[to] = joins ? shape[to] * shape[axis] : shape[axis];
    for (auto& list : strides) list[to] = list[axis];
  }
  shape.resize(kept);
  for (auto& list : strides) list.resize(kept);
}

}  // namespace widepipe::kernels
