#include "kernels/window.h"

#include <algorithm>
#include <string>

#include "core/error.h"
#include "core/tensor.h"

namespace widepipe::kernels {
namespace {

/// Rounded up, for any sign of `a`; b > 0.
std::int64_t divide_up(std::int64_t a, std::int64_t b) {
  return a > 0 ? (a + b - 1) / b : -(-a / b);
}

/// Sizes beyond this are nonsense, and would overflow the arithmetic below.
constexpr std::int64_t kMost = std::int64_t{1} << 31;

std::vector<std::int64_t> list(const Attributes& attributes, const char* name, std::size_t size,
                               std::int64_t absent, std::int64_t least) {
  auto values = attributes.integers(name);
  if (values.empty()) values.assign(size, absent);
  if (values.size() != size || *std::min_element(values.begin(), values.end()) < least ||
      *std::max_element(values.begin(), values.end()) > kMost) {
    throw_input_error("attribute {}: expected {} values of at least {}, found {}", name, size,
                      least, to_string(values));
  }
  return values;
}

enum class AutoPad : std::uint8_t { kNone, kValid, kSameUpper, kSameLower };

AutoPad auto_pad_of(const Attributes& attributes) {
  const std::string text = attributes.text("auto_pad", "NOTSET");
  if (text == "SAME_UPPER") return AutoPad::kSameUpper;
  if (text == "SAME_LOWER") return AutoPad::kSameLower;
  if (text == "VALID") return AutoPad::kValid;
  if (text != "NOTSET" && !text.empty()) {
    throw_input_error(
        "attribute auto_pad: expected NOTSET, SAME_UPPER, SAME_LOWER or VALID, found {}", text);
  }
  return AutoPad::kNone;
}

bool is_same(AutoPad auto_pad) {
  return auto_pad == AutoPad::kSameUpper || auto_pad == AutoPad::kSameLower;
}

/// All that the attributes state: not `out`, nor the padding where auto_pad derives it from `out`.
std::vector<WindowAxis> stated_axes(const Attributes& attributes, AutoPad auto_pad,
                                    std::span<const std::int64_t> in,
                                    std::span<const std::int64_t> kernel) {
  const std::size_t rank = kernel.size();
  const auto out_of_range = [](std::int64_t size) { return size < 1 || size > kMost; };
  if (rank == 0 || in.size() != rank || std::any_of(kernel.begin(), kernel.end(), out_of_range) ||
      *std::max_element(in.begin(), in.end()) > kMost) {
    throw_input_error("a window of shape {} does not fit an input of shape {}", to_string(kernel),
                      to_string(in));
  }
  const auto strides = list(attributes, "strides", rank, 1, 1);
  const auto dilations = list(attributes, "dilations", rank, 1, 1);
  const auto pads = list(attributes, "pads", 2 * rank, 0, 0);
  std::vector<WindowAxis> axes(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    axes[i] = {.in = in[i], .kernel = kernel[i], .stride = strides[i], .dilation = dilations[i]};
    if (axes[i].span() > kMost) {
      throw_input_error("attribute dilations: a window of {} taps with dilation {} is too large",
                        kernel[i], dilations[i]);
    }
    if (auto_pad == AutoPad::kNone) {
      axes[i].pad_begin = pads[i];
      axes[i].pad_end = pads[rank + i];
    }
  }
  return axes;
}

/// 0 if the window is larger than the padded input.
std::int64_t outputs(const WindowAxis& axis, bool same, bool ceil_mode) {
  if (same) return divide_up(axis.in, axis.stride);
  const std::int64_t room = axis.in + axis.pad_begin + axis.pad_end - axis.span();
  if (room < 0) return 0;
  if (!ceil_mode) return room / axis.stride + 1;
  const std::int64_t rounded_up = divide_up(room, axis.stride) + 1;
  const bool last_starts_inside = (rounded_up - 1) * axis.stride < axis.in + axis.pad_begin;
  return last_starts_inside ? rounded_up : rounded_up - 1;
}

void set_same_pads(WindowAxis& axis, bool lower) {
  const std::int64_t total =
      std::max<std::int64_t>(0, (axis.out - 1) * axis.stride + axis.span() - axis.in);
  axis.pad_begin = lower ? total - total / 2 : total / 2;
  axis.pad_end = total - axis.pad_begin;
}

void check_output(const WindowAxis& axis, std::size_t i, bool same) {
  // Rounded down, or up where a pool's ceil_mode says so; the model's shapes were inferred with
  // that in mind.
  if (axis.out >= 1 &&
      (axis.out == outputs(axis, same, false) || axis.out == outputs(axis, same, true))) {
    return;
  }
  throw_input_error(
      "spatial axis {}: a window of {} taps, stride {}, dilation {}, pads {} and {} does not map "
      "{} inputs to {} outputs",
      i, axis.kernel, axis.stride, axis.dilation, axis.pad_begin, axis.pad_end, axis.in, axis.out);
}

}  // namespace

Range WindowAxis::taps_inside(std::int64_t o) const {
  const std::int64_t first = start(o);
  const std::int64_t begin = std::clamp<std::int64_t>(divide_up(-first, dilation), 0, kernel);
  const std::int64_t end = std::clamp<std::int64_t>(divide_up(in - first, dilation), begin, kernel);
  return {begin, end};
}

std::int64_t WindowAxis::taps_padded(std::int64_t o) const {
  return std::clamp<std::int64_t>(divide_up(in + pad_end - start(o), dilation), 0, kernel);
}

Range WindowAxis::outputs_of(std::int64_t tap) const {
  const std::int64_t offset = tap * dilation - pad_begin;
  const std::int64_t begin = std::clamp<std::int64_t>(divide_up(-offset, stride), 0, out);
  const std::int64_t end = std::clamp<std::int64_t>(divide_up(in - offset, stride), begin, out);
  return {begin, end};
}

std::vector<std::int64_t> window_outputs(const Attributes& attributes,
                                         std::span<const std::int64_t> in,
                                         std::span<const std::int64_t> kernel, bool ceil_mode) {
  const AutoPad auto_pad = auto_pad_of(attributes);
  std::vector<std::int64_t> out;
  for (const WindowAxis& axis : stated_axes(attributes, auto_pad, in, kernel)) {
    out.push_back(outputs(axis, is_same(auto_pad), ceil_mode));
    if (out.back() < 1) {
      throw_input_error(
          "spatial axis {}: a window of {} taps with dilation {} is larger than {} inputs with "
          "pads {} and {}",
          out.size() - 1, axis.kernel, axis.dilation, axis.in, axis.pad_begin, axis.pad_end);
    }
  }
  return out;
}

std::vector<WindowAxis> resolve_window(const Attributes& attributes,
                                       std::span<const std::int64_t> in,
                                       std::span<const std::int64_t> out,
                                       std::span<const std::int64_t> kernel) {
  const AutoPad auto_pad = auto_pad_of(attributes);
  std::vector<WindowAxis> axes = stated_axes(attributes, auto_pad, in, kernel);
  if (out.size() != axes.size()) {
    throw_input_error("a window of shape {} does not map an input of shape {} to one of shape {}",
                      to_string(kernel), to_string(in), to_string(out));
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    axes[i].out = out[i];
    if (is_same(auto_pad)) set_same_pads(axes[i], auto_pad == AutoPad::kSameLower);
    check_output(axes[i], i, is_same(auto_pad));
  }
  return axes;
}

std::vector<WindowAxis> transposed_window(const Attributes& attributes,
                                          std::span<const std::int64_t> in,
                                          std::span<const std::int64_t> kernel) {
  const AutoPad auto_pad = auto_pad_of(attributes);
  std::vector<WindowAxis> axes = stated_axes(attributes, auto_pad, in, kernel);
  const auto added = list(attributes, "output_padding", axes.size(), 0, 0);
  auto stated = attributes.integers("output_shape");
  // Some models state batch and channels too.
  if (stated.size() == axes.size() + 2) stated.erase(stated.begin(), stated.begin() + 2);
  if (!stated.empty() && stated.size() != axes.size()) {
    throw_input_error("attribute output_shape: expected {} sizes, found {}", axes.size(),
                      to_string(stated));
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    WindowAxis& axis = axes[i];
    axis.out = in[i];
    const std::int64_t unpadded = axis.stride * (axis.out - 1) + axis.span() + added[i];
    if (!stated.empty() || is_same(auto_pad)) {
      axis.in = stated.empty() ? axis.out * axis.stride : stated[i];
      const std::int64_t total = std::max<std::int64_t>(0, unpadded - axis.in);
      axis.pad_begin = auto_pad == AutoPad::kSameUpper ? total / 2 : total - total / 2;
      axis.pad_end = total - axis.pad_begin;
    } else {
      axis.in = unpadded - axis.pad_begin - axis.pad_end;
    }
    if (axis.in < 1 || axis.in > kMost) {
      throw_input_error(
          "spatial axis {}: {} inputs, stride {}, a window of {} taps with dilation {} and pads {} "
          "and {} make {} outputs",
          i, axis.out, axis.stride, axis.kernel, axis.dilation, axis.pad_begin, axis.pad_end,
          axis.in);
    }
  }
  return axes;
}

std::array<WindowAxis, 3> as_three(const std::vector<WindowAxis>& axes) {
  std::array<WindowAxis, 3> three;
  std::copy(axes.begin(), axes.end(), three.end() - static_cast<std::ptrdiff_t>(axes.size()));
  return three;
}

}  // namespace widepipe::kernels
