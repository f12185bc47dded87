#include "kernels/ref_ml_features.h"

#include <vector>

#include "core/error.h"
#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"
#include "kernels/ml_scores.h"

namespace widepipe::kernels {
namespace {

/// One number for each column, of a list that may have one for all.
std::vector<float> for_columns(const KernelCase& kernel_case, const char* name, float absent) {
  const auto columns = static_cast<std::size_t>(columns_of(kernel_case.inputs[0].shape));
  std::vector<float> list = kernel_case.attributes->reals(name, {absent});
  if (list.size() == 1) list.resize(columns, list[0]);
  if (list.size() != columns) {
    throw_input_error("attribute {}: expected 1 or {} elements, found {}", name, columns,
                      list.size());
  }
  return list;
}

template <typename T>
class RefScaler final : public Kernel {
 public:
  explicit RefScaler(const KernelCase& kernel_case)
      : count_(element_count(kernel_case.inputs[0].shape)),
        offset_(for_columns(kernel_case, "offset", 0.0F)),
        scale_(for_columns(kernel_case, "scale", 1.0F)) {}

  void run(const KernelArgs& args) override {
    const T* x = as<T>(args.inputs[0]);
    float* y = as<float>(args.outputs[0]);
    for (std::int64_t i = 0; i < count_;) {
      for (std::size_t column = 0; column < scale_.size(); ++column, ++i) {
        y[i] = (static_cast<float>(x[i]) - offset_[column]) * scale_[column];
      }
    }
  }

 private:
  std::int64_t count_;
  std::vector<float> offset_;
  std::vector<float> scale_;
};

}  // namespace

Support ref_scaler_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).no_activation();
  if (!checks.ok()) return checks.plain();
  const DType dtype = kernel_case.inputs[0].dtype;
  checks.require(dtype != DType::kBool, "no code for elements of type {}", name_of(dtype))
      .require(kernel_case.outputs[0].dtype == DType::kF32, "output 0: expected f32, found {}",
               name_of(kernel_case.outputs[0].dtype));
  for_columns(kernel_case, "offset", 0.0F);
  for_columns(kernel_case, "scale", 1.0F);
  return checks.plain();
}

std::unique_ptr<Kernel> ref_scaler_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename T>() -> std::unique_ptr<Kernel> {
                            return std::make_unique<RefScaler<T>>(kernel_case);
                          });
}

}  // namespace widepipe::kernels
