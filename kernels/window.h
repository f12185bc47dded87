#pragma once
// The sliding windows of convolutions and pools: attributes and shapes resolved to numbers.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/attributes.h"

namespace widepipe::kernels {

/// Half-open.
struct Range {
  std::int64_t begin;
  std::int64_t end;
};

/// One spatial axis of a window: output o sees the inputs o * stride - pad_begin + tap * dilation
/// for every tap in [0, kernel). The defaults are an axis of size one.
struct WindowAxis {
  std::int64_t in = 1;
  std::int64_t out = 1;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t pad_begin = 0;
  std::int64_t pad_end = 0;  ///< as the model states it

  /// Inputs from the first tap to the last, both included.
  std::int64_t span() const { return (kernel - 1) * dilation + 1; }
  std::int64_t start(std::int64_t o) const { return o * stride - pad_begin; }
  /// Padding after the input that the last window reaches, which ceil_mode can make larger than
  /// pad_end; negative if inputs are left over.
  std::int64_t reached_end() const { return start(out - 1) + span() - in; }

  /// The taps of output `o` that fall inside the input.
  Range taps_inside(std::int64_t o) const;
  /// The number of taps of output `o` inside the input or the padding that the model states.
  std::int64_t taps_padded(std::int64_t o) const;
  /// The outputs for which `tap` falls inside the input.
  Range outputs_of(std::int64_t tap) const;
};

/// How many outputs a window of shape `kernel` has on each spatial axis of an input of the spatial
/// shape `in`. With `ceil_mode` a last window may reach past the padding, but must start before the
/// padding at the end. Throws InputError for malformed attributes or an axis without an output.
std::vector<std::int64_t> window_outputs(const Attributes& attributes,
                                         std::span<const std::int64_t> in,
                                         std::span<const std::int64_t> kernel, bool ceil_mode);

/// Resolves auto_pad, pads, strides and dilations for a window of shape `kernel` that maps an
/// input to an output of the spatial shapes `in` and `out`. Throws InputError if they disagree.
std::vector<WindowAxis> resolve_window(const Attributes& attributes,
                                       std::span<const std::int64_t> in,
                                       std::span<const std::int64_t> out,
                                       std::span<const std::int64_t> kernel);

/// The windows of a ConvTranspose, as those of the convolution that goes the other way: `in` of an
/// axis is the size of the ConvTranspose's output, and `out` that of its input, given as `in`.
/// Beside the attributes of a convolution there are output_padding and output_shape. Throws
/// InputError for malformed attributes or an axis without an output.
std::vector<WindowAxis> transposed_window(const Attributes& attributes,
                                          std::span<const std::int64_t> in,
                                          std::span<const std::int64_t> kernel);

/// The axes behind as many axes of size one as make three. At most three axes.
std::array<WindowAxis, 3> as_three(const std::vector<WindowAxis>& axes);

}  // namespace widepipe::kernels
