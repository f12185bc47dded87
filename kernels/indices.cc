#include "kernels/indices.h"

#include "core/error.h"
#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"

namespace widepipe::kernels {

void check_indices(const KernelCase& kernel_case, std::size_t i, std::int64_t size) {
  check_tuples(kernel_case, i, {&size, 1});
}

void check_tuples(const KernelCase& kernel_case, std::size_t i,
                  std::span<const std::int64_t> sizes) {
  dispatch_index(kernel_case.inputs[i].dtype, []<typename T>() {});
  if (i >= kernel_case.constants.size() || kernel_case.constants[i] == nullptr) return;
  std::size_t axis = 0;
  for (const std::int64_t index : constant_integers(kernel_case, i, "indices")) {
    if (element_at(index, sizes[axis]) < 0) {
      throw_input_error("indices: {} is outside an axis of {} elements", index, sizes[axis]);
    }
    axis = axis + 1 == sizes.size() ? 0 : axis + 1;
  }
}

void refuse_index(std::int64_t index, std::int64_t size) {
  throw_run_error("index {} is not one of {} elements: expected {} to {}", index, size, -size,
                  size - 1);
}

}  // namespace widepipe::kernels
