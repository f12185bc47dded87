#include "kernels/ref_resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "core/aligned_buffer.h"
#include "kernels/checks.h"
#include "kernels/nearest_resize.h"
#include "kernels/resize_geometry.h"

namespace widepipe::kernels {
namespace {

/// The weights of the elements around a position, which is `part` behind the first (linear) or the
/// second (cubic) of them.
std::vector<double> weights_at(const ResizeGeometry& geometry, double part) {
  if (geometry.mode == "linear") return {1.0 - part, part};
  const double a = geometry.cubic_a;
  const auto near = [a](double d) { return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0; };
  const auto far = [a](double d) { return ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a; };
  return {far(1.0 + part), near(part), near(1.0 - part), far(2.0 - part)};
}

/// The elements, with their weights, that make each element of an output axis.
template <typename T>
struct Filter {
  struct Tap {
    std::int64_t from;
    T weight;
  };
  std::int64_t in;
  std::int64_t out;
  std::int64_t inner;  ///< elements between neighbours of the axis
  std::vector<Tap> taps;
  std::vector<std::size_t> ends;  ///< by output, of its taps
  std::vector<std::int64_t> extrapolated;
};

template <typename T>
Filter<T> filter_of(const ResizeGeometry& geometry, const ResizeAxis& axis) {
  Filter<T> filter{
      .in = axis.in, .out = axis.out, .inner = 1, .taps = {}, .ends = {}, .extrapolated = {}};
  for (std::int64_t o = 0; o < axis.out; ++o) {
    const double position = geometry.position(axis, o);
    const double below = std::floor(position);
    std::vector<double> weights = weights_at(geometry, position - below);
    const std::int64_t first = static_cast<std::int64_t>(below) - (weights.size() == 4 ? 1 : 0);
    const auto outside = [&](std::size_t i) {
      const std::int64_t from = first + static_cast<std::int64_t>(i);
      return from < 0 || from >= axis.in;
    };
    if (geometry.exclude_outside) {
      for (std::size_t i = 0; i < weights.size(); ++i) {
        if (outside(i)) weights[i] = 0.0;
      }
      const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
      for (double& weight : weights) weight /= sum;
    }
    for (std::size_t i = 0; i < weights.size(); ++i) {
      // A weight of zero must not bring in a NaN.
      if (weights[i] == 0.0) continue;
      const std::int64_t from =
          std::clamp<std::int64_t>(first + static_cast<std::int64_t>(i), 0, axis.in - 1);
      filter.taps.push_back({from, static_cast<T>(weights[i])});
    }
    filter.ends.push_back(filter.taps.size());
    if (geometry.extrapolates(axis, position)) filter.extrapolated.push_back(o);
  }
  return filter;
}

/// One axis after the other, the last first.
template <typename T>
class RefInterpolate final : public Kernel {
 public:
  explicit RefInterpolate(const KernelCase& kernel_case) {
    const ResizeGeometry geometry = resize_geometry(kernel_case);
    extrapolation_ = static_cast<T>(geometry.extrapolation);
    total_ = element_count(kernel_case.outputs[0].shape);
    Shape shape = kernel_case.inputs[0].shape;
    std::int64_t inner = 1;
    std::int64_t largest = 0;
    for (std::size_t i = shape.size(); i-- > 0; inner *= shape[i]) {
      if (geometry.keeps(geometry.axes[i])) continue;
      filters_.push_back(filter_of<T>(geometry, geometry.axes[i]));
      filters_.back().inner = inner;
      shape[i] = geometry.axes[i].out;
      sizes_.push_back(element_count(shape));
      largest = std::max(largest, sizes_.back());
    }
    half_ = round_up(static_cast<std::size_t>(largest) * sizeof(T), 64);
  }

  std::size_t scratch_bytes() const override { return filters_.size() > 1 ? 2 * half_ : 0; }

  void run(const KernelArgs& args) override {
    T* const y = as<T>(args.outputs[0]);
    if (total_ == 0) return;
    if (filters_.empty()) {
      std::memcpy(y, args.inputs[0], static_cast<std::size_t>(total_) * sizeof(T));
      return;
    }
    const T* from = as<T>(args.inputs[0]);
    for (std::size_t i = 0; i < filters_.size(); ++i) {
      T* to = i + 1 == filters_.size() ? y : as<T>(args.scratch + i % 2 * half_);
      apply(filters_[i], sizes_[i], from, to);
      from = to;
    }
    for (const Filter<T>& filter : filters_) extrapolate(filter, y);
  }

 private:
  static void apply(const Filter<T>& filter, std::int64_t size, const T* from, T* to) {
    const std::int64_t outer = size / (filter.out * filter.inner);
    for (std::int64_t i = 0; i < outer; ++i, from += filter.in * filter.inner) {
      std::size_t tap = 0;
      for (const std::size_t end : filter.ends) {
        std::fill_n(to, filter.inner, T{0});
        for (; tap < end; ++tap) {
          const T* source = from + filter.taps[tap].from * filter.inner;
          const T weight = filter.taps[tap].weight;
          for (std::int64_t j = 0; j < filter.inner; ++j) to[j] += source[j] * weight;
        }
        to += filter.inner;
      }
    }
  }

  /// By then the axes behind have their final sizes, and so `inner` is the output's.
  void extrapolate(const Filter<T>& filter, T* y) const {
    if (filter.extrapolated.empty()) return;
    const std::int64_t step = filter.out * filter.inner;
    for (std::int64_t i = 0; i < total_; i += step) {
      for (const std::int64_t o : filter.extrapolated) {
        std::fill_n(y + i + o * filter.inner, filter.inner, extrapolation_);
      }
    }
  }

  T extrapolation_;
  std::int64_t total_;
  std::vector<Filter<T>> filters_;
  std::vector<std::int64_t> sizes_;  ///< elements behind each filter
  std::size_t half_ = 0;             ///< bytes of scratch that hold what one filter makes
};

}  // namespace

Support ref_resize_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 4).same_dtype().no_activation();
  if (!checks.ok()) return checks.plain();
  const ResizeGeometry geometry = resize_geometry(kernel_case);
  const DType dtype = kernel_case.inputs[0].dtype;
  if (geometry.mode == "nearest") {
    return checks
        .require(dtype == DType::kF32 || geometry.coordinates != "tf_crop_and_resize",
                 "tf_crop_and_resize: expected f32, found {}", name_of(dtype))
        .plain();
  }
  return checks
      .require(dtype == DType::kF32 || dtype == DType::kF64,
               "mode {}: expected f32 or f64, found {}", geometry.mode, name_of(dtype))
      .plain();
}

std::unique_ptr<Kernel> ref_resize_create(const KernelCase& kernel_case, WeightStore&) {
  if (kernel_case.attributes->text("mode", "nearest") == "nearest") {
    const TensorDesc& x = kernel_case.inputs[0];
    const ResizeGeometry geometry = resize_geometry(kernel_case);
    return nearest_kernel({x.shape, nearest_maps(geometry), size_of(x.dtype)},
                          geometry.extrapolation);
  }
  if (kernel_case.inputs[0].dtype == DType::kF64) {
    return std::make_unique<RefInterpolate<double>>(kernel_case);
  }
  return std::make_unique<RefInterpolate<float>>(kernel_case);
}

}  // namespace widepipe::kernels
