#include "kernels/indices.h"

#include "core/error.h"
#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"

namespace widepipe::kernels {

void check_indices(const KernelCase& kernel_case, std::size_t i, std::int64_t size) {
  dispatch_index(kernel_case.inputs[i].dtype, []<typename T>() {});
  if (i >= kernel_case.constants.size() || kernel_case.constants[i] == nullptr) return;
  for (const std::int64_t index : constant_integers(kernel_case, i, "indices")) {
    if (element_at(index, size) < 0) {
      throw_input_error("indices: {} is outside an axis of {} elements", index, size);
    }
  }
}

}  // namespace widepipe::kernels
