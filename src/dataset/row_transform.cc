#include "dataset/row_transform.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <type_traits>
#include <utility>

#include "core/error.h"
#include "dataset/dtype_dispatch.h"

namespace widepipe::dataset {
namespace {

/// e^x for x <= 0, within 2 units of the last place, in operations that round alike everywhere:
/// the C library has other code for other processors. NaN for NaN.
double exp_not_positive(double x) {
  if (std::isnan(x)) return x;
  if (x < -708) return 0;  // below are denormal numbers: far beyond what f32 holds
  constexpr double kLog2E = 1.4426950408889634;
  constexpr double kLn2High = 0x1.62e42fee00000p-1;  // its last bits are zero: n * it is exact
  constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
  const double n = std::nearbyint(x * kLog2E);
  const double r = (x - n * kLn2High) - n * kLn2Low;  // |r| <= ln(2) / 2
  // The Taylor series to r^13 / 13!: what it leaves out is below 2^-57.
  double sum = 1.0 / 6227020800;
  for (const double factorial : {479001600.0, 39916800.0, 3628800.0, 362880.0, 40320.0, 5040.0,
                                 720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0}) {
    sum = sum * r + 1 / factorial;
  }
  const auto exponent = static_cast<std::uint64_t>(static_cast<std::int64_t>(n) + 1023);
  return sum * std::bit_cast<double>(exponent << 52);
}

template <typename T>
void softmax(const T* in, float* out, std::int64_t count, std::vector<double>& powers) {
  double greatest = static_cast<double>(in[0]);
  for (std::int64_t i = 1; i < count; ++i) {
    greatest = std::max(greatest, static_cast<double>(in[i]));
  }
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    powers[static_cast<std::size_t>(i)] = exp_not_positive(static_cast<double>(in[i]) - greatest);
    sum += powers[static_cast<std::size_t>(i)];
  }
  if (std::isnan(sum)) {  // whose sign and payload would tell processors apart
    std::fill(out, out + count, std::numeric_limits<float>::quiet_NaN());
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = static_cast<float>(powers[static_cast<std::size_t>(i)] / sum);
  }
}

bool greater(Bool a, Bool b) { return a.byte > b.byte; }
template <typename T>
bool greater(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(b)) return !std::isnan(a);
  }
  return a > b;  // false where a is NaN
}

template <typename T>
std::int64_t argmax(const T* in, std::int64_t count) {
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < count; ++i) {
    if (greater(in[i], in[best])) best = i;
  }
  return best;
}

template <typename T>
void top_k(const T* in, std::int64_t* indices, T* values, std::int64_t k,
           std::vector<std::int64_t>& order) {
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::partial_sort(order.begin(), order.begin() + k, order.end(),
                    [in](std::int64_t a, std::int64_t b) {
                      if (greater(in[a], in[b])) return true;
                      return !greater(in[b], in[a]) && a < b;
                    });
  for (std::int64_t i = 0; i < k; ++i) {
    indices[i] = order[static_cast<std::size_t>(i)];
    values[i] = in[indices[i]];
  }
}

template <typename T>
T* as(std::span<std::byte> bytes) {
  return reinterpret_cast<T*>(bytes.data());
}

}  // namespace

RowTransform::RowTransform(OutputForm form, std::int64_t k, DType dtype, Shape row_shape)
    : form_(form), k_(k), dtype_(dtype), row_shape_(std::move(row_shape)) {
  Shape reduced = row_shape_;
  switch (form_) {
    case OutputForm::kRaw:
      columns_ = {{"", dtype_, row_shape_}};
      return;
    case OutputForm::kSoftmax:
      require_axis();
      if (dtype_ != DType::kF32 && dtype_ != DType::kF64) {
        throw_input_error("softmax: expected an output of f32 or f64, found {}", name_of(dtype_));
      }
      columns_ = {{"_softmax", DType::kF32, row_shape_}};
      return;
    case OutputForm::kArgmax:
      require_axis();
      reduced.pop_back();
      columns_ = {{"_argmax", DType::kI64, reduced}};
      return;
    case OutputForm::kTopK:
      require_axis();
      if (k_ < 1 || k_ > row_shape_.back()) {
        throw_input_error("top k: expected k from 1 to {}, the last axis of rows of {}, found {}",
                          row_shape_.back(), to_string(row_shape_), k_);
      }
      reduced.back() = k_;
      columns_ = {{"_indices", DType::kI64, reduced}, {"_values", dtype_, reduced}};
      return;
  }
}

void RowTransform::require_axis() const {
  if (row_shape_.empty() || row_shape_.back() == 0) {
    throw_input_error("{}: expected rows with values on their last axis, found rows of {}", name(),
                      to_string(row_shape_));
  }
}

std::string RowTransform::name() const {
  switch (form_) {
    case OutputForm::kRaw:
      return "raw";
    case OutputForm::kSoftmax:
      return "softmax";
    case OutputForm::kArgmax:
      return "argmax";
    case OutputForm::kTopK:
      break;
  }
  return fmt::format("top {}", k_);
}

std::vector<std::size_t> RowTransform::column_bytes() const {
  std::vector<std::size_t> bytes;
  for (const TransformedColumn& column : columns_) {
    bytes.push_back(static_cast<std::size_t>(element_count(column.row_shape)) *
                    size_of(column.dtype));
  }
  return bytes;
}

void RowTransform::apply(std::int64_t rows, std::span<const std::byte> in,
                         std::span<const std::span<std::byte>> outs) const {
  if (form_ == OutputForm::kRaw) {
    std::copy(in.begin(), in.end(), outs[0].begin());
    return;
  }
  const std::int64_t axis = row_shape_.back();
  const std::int64_t lanes = rows * (element_count(row_shape_) / axis);
  std::vector<double> powers(form_ == OutputForm::kSoftmax ? static_cast<std::size_t>(axis) : 0);
  std::vector<std::int64_t> order(form_ == OutputForm::kTopK ? static_cast<std::size_t>(axis) : 0);
  with_type(dtype_, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* from = reinterpret_cast<const T*>(in.data());
    for (std::int64_t lane = 0; lane < lanes; ++lane, from += axis) {
      if (form_ == OutputForm::kArgmax) {
        as<std::int64_t>(outs[0])[lane] = argmax(from, axis);
      } else if (form_ == OutputForm::kTopK) {
        top_k(from, as<std::int64_t>(outs[0]) + lane * k_, as<T>(outs[1]) + lane * k_, k_, order);
      } else if constexpr (std::is_floating_point_v<T>) {
        softmax(from, as<float>(outs[0]) + lane * axis, axis, powers);
      }
    }
  });
}

}  // namespace widepipe::dataset
