#pragma once
// Runs a line of the kernel registry on a described case, as the planner would: asks supports(),
// brings the inputs into the layouts it wants, creates and runs, and brings the output back.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "kernels/kernel.h"

namespace widepipe::kernels::testing {

struct InputSpec {
  Shape shape;
  bool constant = false;
  DType dtype = DType::kF32;        ///< kUndefined: absent
  std::vector<double> values = {};  ///< the elements; without them, see CaseData
};

/// A kernel case without data.
struct CaseSpec {
  std::string name;
  std::string op;
  int version = 13;
  Attributes attributes;
  std::vector<InputSpec> inputs;
  Shape output;
  Activation activation;
  DType output_dtype = DType::kF32;
};

/// The case with another number of rows on axis 0 of its output and of its inputs that are not
/// constant, which lose their stated values.
CaseSpec with_rows(CaseSpec spec, std::int64_t rows);

/// The elements as numbers, of any numeric type or bool.
std::vector<double> numbers_of(const Tensor& tensor);

/// A case with data: inputs without stated values hold random ones of [-1, 1) if they are f32, else
/// zeros.
class CaseData {
 public:
  explicit CaseData(CaseSpec spec, std::uint32_t seed = 1);

  const CaseSpec& spec() const { return spec_; }
  Tensor& input(std::size_t i) { return *inputs_[i]; }
  const Tensor& input(std::size_t i) const { return *inputs_[i]; }
  void set_activation(const Activation& activation) { spec_.activation = activation; }
  /// Points into this object. Inputs of rank 3 and more that are not constant arrive in `layout`.
  KernelCase kernel_case(Layout arriving = Layout::kPlain, int threads = 1) const;
  /// The same constants, and of the other inputs the given rows in the given order.
  CaseData rows(std::span<const std::int64_t> picked) const;

 private:
  CaseSpec spec_;
  std::vector<std::shared_ptr<Tensor>> inputs_;
};

/// The registry's line of this kernel and operator; fails the test if there is none.
const KernelEntry& entry_of(std::string_view kernel, std::string_view op);
/// The answer of supports(), an InputError turned into a decline.
Support ask(const KernelEntry& entry, const KernelCase& kernel_case);

/// A kernel that is ready to run on the data it was prepared with, again and again.
class PreparedRun {
 public:
  /// supports() must accept the case; `weights` must outlive this.
  PreparedRun(const KernelEntry& entry, const CaseData& data, WeightStore& weights,
              Layout arriving = Layout::kPlain, int threads = 1);

  void run();
  /// In ONNX's order of elements.
  Tensor output() const;
  /// All padding of a blocked output is zero; true for a plain one.
  bool padding_is_zero() const;

 private:
  KernelCase case_;
  std::unique_ptr<Kernel> kernel_;
  std::vector<AlignedBuffer> inputs_;
  AlignedBuffer output_;
  AlignedBuffer scratch_;
};

/// One run on data that arrives plain.
Tensor run_once(const KernelEntry& entry, const CaseData& data, WeightStore& weights,
                Layout arriving = Layout::kPlain, int threads = 1);
/// The reference's output for the data.
Tensor reference_output(const CaseData& data);

/// The largest difference, as a share of the largest expected value.
double relative_error(const Tensor& expected, const Tensor& found);
bool same_bits(const Tensor& a, const Tensor& b);

/// Changes of layout, written apart from the kernels so that they can check them.
AlignedBuffer to_layout(const Tensor& plain, Layout layout);
Tensor from_layout(const AlignedBuffer& buffer, const TensorDesc& desc);

}  // namespace widepipe::kernels::testing
