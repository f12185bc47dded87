#pragma once
// What every kernel's supports() has to ask of a case.

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// True if the case has input `i` and the model connects it.
bool has_input(const KernelCase& kernel_case, std::size_t i);

/// Bytes of `p` as elements of type T.
template <typename T>
const T* as(const std::byte* p) {
  return reinterpret_cast<const T*>(p);
}
template <typename T>
T* as(std::byte* p) {
  return reinterpret_cast<T*>(p);
}

/// Gathers the first reason why a kernel cannot compute a case; the checks after it do nothing.
class Checks {
 public:
  explicit Checks(const KernelCase& kernel_case) : case_(kernel_case) {}

  /// The first `required` inputs are present, and there are at most `allowed`.
  Checks& inputs(std::size_t required, std::size_t allowed);
  /// The same, and only output 0 is asked for.
  Checks& arity(std::size_t required, std::size_t allowed);
  /// Every present input and output 0 is f32.
  Checks& all_f32();
  /// Input 0 has one of the types, and so has output 0.
  Checks& dtype_in(std::initializer_list<DType> allowed);
  /// Input 0 and output 0 are of one type, any but bool.
  Checks& numeric();
  /// Input 0 and output 0 are both f32 or both f64.
  Checks& floating();
  /// Input `i`, if present, has the type of input 0.
  Checks& like_input_0(std::size_t i);
  /// Every output that is asked for has the type of input 0.
  Checks& same_dtype();
  Checks& no_activation();
  /// Input `i`, if present, is a constant.
  Checks& constant(std::size_t i, std::string_view name);
  template <typename... Args>
  Checks& require(bool holds, fmt::format_string<Args...> reason, Args&&... args) {
    if (ok() && !holds) reason_ = fmt::format(reason, std::forward<Args>(args)...);
    return *this;
  }

  bool ok() const { return reason_.empty(); }
  /// The reason, or else that the case is supported with all layouts plain.
  Support plain() const { return ok() ? Support::plain() : Support::declined(reason_); }

 private:
  const KernelCase& case_;
  std::string reason_;
};

/// The elements of input `i`, which must be known integers. Throws InputError, naming the input as
/// `name`, if they are not.
std::vector<std::int64_t> constant_integers(const KernelCase& kernel_case, std::size_t i,
                                            std::string_view name);
/// The same of f32 elements.
std::vector<float> constant_reals(const KernelCase& kernel_case, std::size_t i,
                                  std::string_view name);

/// `axis` of a tensor of rank `rank`, counted from the front. Throws InputError out of
/// [-rank, last].
std::int64_t normalized_axis(std::int64_t axis, std::int64_t rank, std::int64_t last);

}  // namespace widepipe::kernels
