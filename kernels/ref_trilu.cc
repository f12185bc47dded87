#include "kernels/ref_trilu.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "kernels/checks.h"

namespace widepipe::kernels {
namespace {

/// 0 without input 1.
std::int64_t diagonal_of(const KernelCase& kernel_case) {
  if (!has_input(kernel_case, 1)) return 0;
  const auto elements = constant_integers(kernel_case, 1, "k");
  return elements.size() == 1 ? elements[0] : 0;
}

class RefTrilu final : public Kernel {
 public:
  explicit RefTrilu(const KernelCase& kernel_case)
      : rows_(*(kernel_case.inputs[0].shape.end() - 2)),
        columns_(kernel_case.inputs[0].shape.back()),
        matrices_(element_count(
            std::span(kernel_case.inputs[0].shape).first(kernel_case.inputs[0].shape.size() - 2))),
        // Beyond the matrix all diagonals are alike.
        diagonal_(std::clamp(diagonal_of(kernel_case), -rows_, columns_)),
        upper_(kernel_case.attributes->integer("upper", 1) != 0),
        element_(size_of(kernel_case.inputs[0].dtype)) {}

  void run(const KernelArgs& args) override {
    const std::byte* from = args.inputs[0];
    std::byte* to = args.outputs[0];
    const std::size_t row_bytes = static_cast<std::size_t>(columns_) * element_;
    if (row_bytes == 0) return;
    for (std::int64_t i = 0; i < matrices_; ++i) {
      for (std::int64_t row = 0; row < rows_; ++row, from += row_bytes, to += row_bytes) {
        // The first column of the upper part, or the first behind the lower one.
        const std::int64_t column = row + diagonal_ + (upper_ ? 0 : 1);
        const std::size_t cut =
            static_cast<std::size_t>(std::clamp<std::int64_t>(column, 0, columns_)) * element_;
        const std::size_t begin = upper_ ? cut : 0;
        const std::size_t end = upper_ ? row_bytes : cut;
        std::memset(to, 0, row_bytes);
        std::memcpy(to + begin, from + begin, end - begin);
      }
    }
  }

 private:
  std::int64_t rows_;
  std::int64_t columns_;
  std::int64_t matrices_;
  std::int64_t diagonal_;
  bool upper_;
  std::size_t element_;
};

}  // namespace

Support ref_trilu_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 2).same_dtype().no_activation();
  if (!checks.ok()) return checks.plain();
  const Shape& x = kernel_case.inputs[0].shape;
  checks.require(x.size() >= 2, "expected at least 2 axes, found shape {}", to_string(x))
      .require(kernel_case.outputs[0].shape == x, "output 0: expected shape {}, found {}",
               to_string(x), to_string(kernel_case.outputs[0].shape))
      .constant(1, "k");
  if (checks.ok()) diagonal_of(kernel_case);
  return checks.plain();
}

std::unique_ptr<Kernel> ref_trilu_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<RefTrilu>(kernel_case);
}

}  // namespace widepipe::kernels
