#pragma once
// Which elements of a tensor a reduction or a normalization takes together.

#include <cstdint>
#include <type_traits>
#include <vector>

#include "core/tensor.h"
#include "kernels/broadcast.h"

namespace widepipe::kernels {

/// The tensor as `count` groups of equal form.
struct ReduceForm {
  std::int64_t count = 0;
  Shape kept;                         ///< the axes on which groups differ
  std::vector<std::int64_t> strides;  ///< of those
  std::vector<std::int64_t> runs;     ///< where runs of elements start within a group
  std::int64_t length = 1;            ///< of a run
  std::int64_t step = 0;              ///< from one of its elements to the next

  /// `taken` says of each axis whether its elements are of one group.
  ReduceForm(const Shape& shape, const std::vector<bool>& taken);

  /// Where a group starts.
  std::int64_t first(std::int64_t group) const { return offset_at(group, kept, strides); }
  /// Elements of a group.
  std::int64_t size() const { return static_cast<std::int64_t>(runs.size()) * length; }
  /// Calls f(offset) for each element of a group, in ascending order.
  template <typename F>
  void for_each_offset(const F& f) const {
    for (const std::int64_t run : runs) {
      for (std::int64_t i = 0; i < length; ++i) f(run + i * step);
    }
  }
};

/// What sums and products are taken in: wide enough that the order, which is fixed, hardly shows.
template <typename T>
using Sum = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;

/// The elements of a group, always in the same order.
template <typename T>
class Elements {
 public:
  Elements(const T* first, const ReduceForm& form) : first_(first), form_(&form) {}

  template <typename F>
  void for_each(const F& f) const {
    form_->for_each_offset([&](std::int64_t offset) { f(first_[offset]); });
  }
  std::int64_t count() const { return form_->size(); }

 private:
  const T* first_;
  const ReduceForm* form_;
};

/// The sum of f(element).
template <typename T, typename F>
Sum<T> sum_of(const Elements<T>& elements, const F& f) {
  Sum<T> sum = 0;
  elements.for_each([&](T value) { sum += f(static_cast<Sum<T>>(value)); });
  return sum;
}

}  // namespace widepipe::kernels
