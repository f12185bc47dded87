#include "kernels/reduce_form.h"

namespace widepipe::kernels {

ReduceForm::ReduceForm(const Shape& shape, const std::vector<bool>& taken) {
  Shape inside;
  std::vector<std::int64_t> inside_strides;
  std::int64_t stride = 1;
  for (std::size_t axis = shape.size(); axis-- > 0; stride *= shape[axis]) {
    Shape& sizes = taken[axis] ? inside : kept;
    auto& steps = taken[axis] ? inside_strides : strides;
    if (!sizes.empty() && stride == steps.front() * sizes.front()) {
      sizes.front() *= shape[axis];
    } else {
      sizes.insert(sizes.begin(), shape[axis]);
      steps.insert(steps.begin(), stride);
    }
  }
  count = element_count(kept);
  if (!inside.empty()) {
    length = inside.back();
    step = inside_strides.back();
    inside.pop_back();
    inside_strides.pop_back();
  }
  const std::int64_t outer = element_count(inside);
  for (std::int64_t run = 0; run < outer; ++run) {
    runs.push_back(offset_at(run, inside, inside_strides));
  }
}

}  // namespace widepipe::kernels
