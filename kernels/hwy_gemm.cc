#include "kernels/hwy_gemm.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "kernels/dense_case.h"
#include "kernels/hwy_gemm_block.h"

namespace widepipe::kernels {
namespace {

/// Rows of a block: a multiple of every tile's rows, small enough that its part of X stays in
/// the second-level cache while the panels pass.
constexpr std::int64_t kBlockRows = 96;
/// Multiply-adds below which waking threads costs more than they save.
constexpr std::int64_t kWorthThreads = 1 << 18;

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// In which order the depth of X lies in memory: blocks of channels, pixels, channels of a block.
class DepthOrder {
 public:
  explicit DepthOrder(const TensorDesc& x, std::int64_t depth) : block_(channel_block(x.layout)) {
    channels_ = block_ == 1 ? depth : x.shape[1];
    pixels_ = channels_ == 0 ? 0 : depth / channels_;
  }

  /// Elements of a row, padding included.
  std::int64_t stored() const { return divide_up(channels_, block_) * block_ * pixels_; }
  /// The logical index of a stored element, or -1 in the padding.
  std::int64_t logical(std::int64_t stored) const {
    const std::int64_t channel = stored / (block_ * pixels_) * block_ + stored % block_;
    const std::int64_t pixel = stored / block_ % pixels_;
    return channel < channels_ ? channel * pixels_ + pixel : -1;
  }
  std::string name() const { return fmt::format("{} x {} x {}", channels_, pixels_, block_); }

 private:
  std::int64_t block_;
  std::int64_t channels_;
  std::int64_t pixels_;
};

AlignedBuffer pack_panels(const DenseCase& dense, const DepthOrder& order,
                          std::int64_t panel_width) {
  const std::int64_t panels = divide_up(dense.columns, panel_width);
  AlignedBuffer buffer(static_cast<std::size_t>(panels * order.stored() * panel_width) *
                       sizeof(float));
  if (buffer.empty()) return buffer;
  auto* to = as<float>(buffer.data());
  for (std::int64_t panel = 0; panel < panels; ++panel) {
    for (std::int64_t stored = 0; stored < order.stored(); ++stored) {
      const std::int64_t k = order.logical(stored);
      for (std::int64_t i = 0; i < panel_width; ++i) {
        const std::int64_t column = panel * panel_width + i;
        *to++ = k >= 0 && column < dense.columns ? dense.weight(k, column) : 0.0F;
      }
    }
  }
  return buffer;
}

class HwyGemm final : public Kernel {
 public:
  HwyGemm(const KernelCase& kernel_case, WeightStore& weights)
      : dense_(dense_case(kernel_case)),
        panel_width_(static_cast<std::int64_t>(panel_columns())),
        panels_(divide_up(dense_.columns, panel_width_)),
        threads_(kernel_case.threads),
        bias_(static_cast<std::size_t>(panels_ * panel_width_) * sizeof(float)) {
    const DepthOrder order(kernel_case.inputs[0], dense_.depth);
    stored_depth_ = order.stored();
    weights_ = weights.get(
        dense_.b,
        fmt::format("hwy_gemm {} by {}{}, alpha {}, panels of {}", order.name(), dense_.columns,
                    dense_.b_transposed ? " transposed" : "", dense_.alpha, panel_width_),
        [&] { return pack_panels(dense_, order, panel_width_); });
    auto* bias = as<float>(bias_.data());
    std::fill_n(bias, panels_ * panel_width_, 0.0F);
    std::copy(dense_.bias.begin(), dense_.bias.end(), bias);

    row_blocks_ = divide_up(dense_.rows, kBlockRows);
    panel_blocks_ = std::min(panels_, divide_up(threads_, std::max<std::int64_t>(1, row_blocks_)));
    if (dense_.rows * dense_.depth * dense_.columns < kWorthThreads) threads_ = 1;
  }

  void run(const KernelArgs& args) override {
    const auto* x = as<float>(args.inputs[0]);
    auto* y = as<float>(args.outputs[0]);
    if (threads_ == 1) {
      for (std::int64_t i = 0; i < row_blocks_ * panel_blocks_; ++i) run_block(i, x, y);
      return;
    }
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (std::int64_t i = 0; i < row_blocks_ * panel_blocks_; ++i) run_block(i, x, y);
  }

 private:
  void run_block(std::int64_t i, const float* x, float* y) const {
    const std::int64_t row_block = i / panel_blocks_;
    const std::int64_t panel_block = i % panel_blocks_;
    const std::int64_t row = dense_.rows * row_block / row_blocks_;
    const std::int64_t row_end = dense_.rows * (row_block + 1) / row_blocks_;
    const std::int64_t panel = panels_ * panel_block / panel_blocks_;
    const std::int64_t panel_end = panels_ * (panel_block + 1) / panel_blocks_;
    const std::int64_t column = panel * panel_width_;
    multiply_block({.x = x + row * stored_depth_,
                    .rows = static_cast<std::size_t>(row_end - row),
                    .x_stride = static_cast<std::size_t>(stored_depth_),
                    .panels = as<float>(weights_->data()) + column * stored_depth_,
                    .panel_count = static_cast<std::size_t>(panel_end - panel),
                    .depth = static_cast<std::size_t>(stored_depth_),
                    .bias = as<float>(bias_.data()) + column,
                    .y = y + row * dense_.columns + column,
                    .y_stride = static_cast<std::size_t>(dense_.columns),
                    .columns = static_cast<std::size_t>(
                        std::min(panel_end * panel_width_, dense_.columns) - column),
                    .lo = dense_.bounds.lo,
                    .hi = dense_.bounds.hi});
  }

  DenseCase dense_;
  std::int64_t panel_width_;
  std::int64_t panels_;
  int threads_;
  AlignedBuffer bias_;
  std::int64_t stored_depth_ = 0;
  std::shared_ptr<const AlignedBuffer> weights_;
  std::int64_t row_blocks_ = 0;
  std::int64_t panel_blocks_ = 0;
};

}  // namespace

Support hwy_gemm_supports(const KernelCase& kernel_case) {
  const Checks checks = check_dense(kernel_case);
  if (!checks.ok() || kernel_case.op != "Gemm") return checks.plain();
  return Support::with_layouts({kernel_case.inputs[0].layout}, {Layout::kPlain});
}

std::unique_ptr<Kernel> hwy_gemm_create(const KernelCase& kernel_case, WeightStore& weights) {
  return std::make_unique<HwyGemm>(kernel_case, weights);
}

}  // namespace widepipe::kernels
