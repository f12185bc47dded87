#include "kernels/hwy_conv_transpose.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/activation.h"
#include "kernels/checks.h"
#include "kernels/conv_geometry.h"
#include "kernels/hwy_gemm_block.h"
#include "kernels/vector_layout.h"

namespace widepipe::kernels {
namespace {

/// Pixels of a line that are multiplied at once.
constexpr std::int64_t kChunk = 96;
/// Multiply-adds below which waking threads costs more than they save.
constexpr std::int64_t kWorthThreads = 1 << 18;

std::int64_t rounded_up(std::int64_t value, std::int64_t unit) {
  return static_cast<std::int64_t>(
      round_up(static_cast<std::size_t>(value), static_cast<std::size_t>(unit)));
}

class HwyConvTranspose final : public Kernel {
 public:
  HwyConvTranspose(const KernelCase& kernel_case, WeightStore& weights)
      : geometry_(conv_transpose_geometry(kernel_case)),
        axes_(as_three(geometry_.axes)),
        bounds_(bounds_of(kernel_case.activation)),
        block_(channel_block(kernel_case.inputs[0].layout)),
        depth_(rounded_up(geometry_.in_channels, block_)),
        outputs_(rounded_up(geometry_.out_channels, block_)),
        taps_(axes_[0].kernel * axes_[1].kernel * axes_[2].kernel),
        x_size_(axes_[0].out * axes_[1].out * axes_[2].out),
        y_size_(axes_[0].in * axes_[1].in * axes_[2].in) {
    const auto panel = static_cast<std::int64_t>(panel_columns());
    columns_ = rounded_up(taps_ * outputs_, panel);
    const Tensor* w = kernel_case.constants[1];
    weights_ =
        weights.get(w, fmt::format("hwy_conv_transpose blocks of {}, panels of {}", block_, panel),
                    [&] { return pack(*w, panel); });
    bias_ = AlignedBuffer(static_cast<std::size_t>(columns_) * sizeof(float));
    std::fill_n(as<float>(bias_.data()), columns_, 0.0F);
    if (has_input(kernel_case, 2)) {
      const auto b = kernel_case.constants[2]->as<float>();
      for (std::int64_t tap = 0; tap < taps_; ++tap) {
        std::copy(b.begin(), b.end(), as<float>(bias_.data()) + tap * outputs_);
      }
    }
    lines_ = geometry_.batch * axes_[0].out * axes_[1].out;
    const std::int64_t work = lines_ * axes_[2].out * depth_ * columns_;
    threads_ = work < kWorthThreads ? 1 : kernel_case.threads;
  }

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(threads_ * thread_scratch()) * sizeof(float);
  }

  void run(const KernelArgs& args) override {
    const auto* x = as<float>(args.inputs[0]);
    auto* y = as<float>(args.outputs[0]);
    auto* scratch = as<float>(args.scratch);
    if (threads_ == 1) {
      run_lines(0, x, y, scratch);
      return;
    }
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int thread = 0; thread < threads_; ++thread) {
      run_lines(thread, x, y, scratch + thread * thread_scratch());
    }
  }

 private:
  /// Elements: a chunk of pixels, and what they make.
  std::int64_t thread_scratch() const { return kChunk * (depth_ + columns_); }

  /// [panel, channel of X, column], where the columns are taps by channels of Y.
  AlignedBuffer pack(const Tensor& w, std::int64_t panel) const {
    AlignedBuffer buffer(static_cast<std::size_t>(columns_ * depth_) * sizeof(float));
    auto* to = as<float>(buffer.data());
    for (std::int64_t first = 0; first < columns_; first += panel) {
      for (std::int64_t i = 0; i < depth_; ++i) {
        for (std::int64_t column = first; column < first + panel; ++column) {
          const std::int64_t tap = column / outputs_;
          const std::int64_t o = column % outputs_;
          const bool padding =
              tap >= taps_ || o >= geometry_.out_channels || i >= geometry_.in_channels;
          const std::int64_t at = (i * geometry_.out_channels + o) * taps_ + tap;
          // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the loops would not run
          *to++ = padding ? 0.0F : w.as<float>()[static_cast<std::size_t>(at)];
        }
      }
    }
    return buffer;
  }

  /// The lines of the thread's share: rows of pixels along the last axis.
  void run_lines(std::int64_t thread, const float* x, float* y, float* scratch) const {
    const std::int64_t end = lines_ * (thread + 1) / threads_;
    for (std::int64_t line = lines_ * thread / threads_; line < end; ++line) {
      const std::int64_t in_image = line % (axes_[0].out * axes_[1].out);
      const std::int64_t n = line / (axes_[0].out * axes_[1].out);
      const float* image = x + n * depth_ * x_size_ + in_image * axes_[2].out * block_;
      float* made = y + n * outputs_ * y_size_;
      for (std::int64_t first = 0; first < axes_[2].out; first += kChunk) {
        const std::int64_t pixels = std::min(kChunk, axes_[2].out - first);
        float* products = scratch + kChunk * depth_;
        multiply(image + first * block_, pixels, scratch, products);
        store(products, pixels, made, {in_image / axes_[1].out, in_image % axes_[1].out, first});
      }
    }
  }

  void multiply(const float* image, std::int64_t pixels, float* rows, float* products) const {
    const auto bytes = static_cast<std::size_t>(block_) * sizeof(float);
    for (std::int64_t channel = 0; channel < depth_; channel += block_) {
      const float* from = image + channel * x_size_;
      for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
        std::memcpy(rows + pixel * depth_ + channel, from + pixel * block_, bytes);
      }
    }
    multiply_block({.x = rows,
                    .rows = static_cast<std::size_t>(pixels),
                    .x_stride = static_cast<std::size_t>(depth_),
                    .panels = as<float>(weights_->data()),
                    .panel_count = static_cast<std::size_t>(columns_) / panel_columns(),
                    .depth = static_cast<std::size_t>(depth_),
                    .bias = as<float>(bias_.data()),
                    .y = products,
                    .y_stride = static_cast<std::size_t>(columns_),
                    .columns = static_cast<std::size_t>(columns_),
                    .lo = bounds_.lo,
                    .hi = bounds_.hi});
    if (bounds_.clamp(0.0F) != 0.0F) clear_padding(pixels, products);
  }

  /// Channels that only fill blocks must be zero, whatever the activation makes of zero.
  void clear_padding(std::int64_t pixels, float* products) const {
    for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
      for (std::int64_t tap = 0; tap < taps_; ++tap) {
        float* channels = products + pixel * columns_ + tap * outputs_;
        std::fill(channels + geometry_.out_channels, channels + outputs_, 0.0F);
      }
    }
  }

  /// `at`: the first of the input's pixels.
  void store(const float* products, std::int64_t pixels, float* y,
             const std::array<std::int64_t, 3>& at) const {
    const auto& [depth, height, width] = axes_;
    const auto bytes = static_cast<std::size_t>(block_) * sizeof(float);
    std::int64_t column = 0;
    for (std::int64_t tap = 0; tap < taps_; ++tap) {
      const std::int64_t kd = tap / (height.kernel * width.kernel);
      const std::int64_t kh = tap / width.kernel % height.kernel;
      const std::int64_t kw = tap % width.kernel;
      const std::int64_t line =
          (at[0] * depth.stride + kd) * height.in + at[1] * height.stride + kh;
      for (std::int64_t o = 0; o < outputs_; o += block_, column += block_) {
        float* to = y + o * y_size_ + (line * width.in + at[2] * width.stride + kw) * block_;
        for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
          std::memcpy(to + pixel * width.stride * block_, products + pixel * columns_ + column,
                      bytes);
        }
      }
    }
  }

  ConvGeometry geometry_;
  std::array<WindowAxis, 3> axes_;  ///< of the convolution from Y to X
  Bounds bounds_;
  std::int64_t block_;
  std::int64_t depth_;    ///< channels of X, padding included
  std::int64_t outputs_;  ///< channels of Y, padding included
  std::int64_t taps_;
  std::int64_t x_size_;
  std::int64_t y_size_;
  std::int64_t columns_;  ///< of the product: taps by channels of Y, rounded up to panels
  std::int64_t lines_;
  int threads_;
  std::shared_ptr<const AlignedBuffer> weights_;
  AlignedBuffer bias_;
};

}  // namespace

Support hwy_conv_transpose_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 3).all_f32().constant(1, "W").constant(2, "B");
  if (!checks.ok()) return checks.plain();
  const ConvGeometry geometry = conv_transpose_geometry(kernel_case);
  checks.require(geometry.axes.size() <= 3, "expected at most 3 spatial axes, found {}",
                 geometry.axes.size());
  checks.require(geometry.groups == 1, "{} groups", geometry.groups);
  for (std::size_t i = 0; i < geometry.axes.size(); ++i) {
    const WindowAxis& axis = geometry.axes[i];
    checks.require(axis.kernel == axis.stride && axis.dilation == 1 && axis.pad_begin == 0 &&
                       axis.in == axis.out * axis.stride,
                   "spatial axis {}: windows overlap, or leave gaps or a border", i);
  }
  if (!checks.ok()) return checks.plain();
  const Layout layout = vector_layout(kernel_case.inputs[0].layout);
  return Support::with_layouts({layout}, {layout});
}

std::unique_ptr<Kernel> hwy_conv_transpose_create(const KernelCase& kernel_case,
                                                  WeightStore& weights) {
  return std::make_unique<HwyConvTranspose>(kernel_case, weights);
}

}  // namespace widepipe::kernels
