#include "kernels/winograd_conv.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/activation.h"
#include "kernels/checks.h"
#include "kernels/conv_geometry.h"
#include "kernels/winograd_tiles.h"
#include "kernels/winograd_weights.h"

namespace widepipe::kernels {
namespace {

constexpr std::int64_t kTaps = 3;
/// With fewer input channels, or emptier tiles, the transforms cost more than they save. Neither
/// depends on the batch, and so the bits do not either.
constexpr std::int64_t kLeastChannels = 8;
constexpr std::int64_t kLeastFilledPercent = 50;
/// Transformed inputs of the tiles that are computed at a time, and the products of a pass: both
/// stay in the second-level cache. Yet each part reads all weights, and must have enough tiles to
/// be worth that: the more where weights of kLargeWeights or more come from beyond that cache.
constexpr std::int64_t kSourceBytes = 96 << 10;
constexpr std::int64_t kProductBytes = 64 << 10;
constexpr std::int64_t kLeastTiles = 24;
constexpr std::int64_t kLargeWeights = 1 << 20;
constexpr std::int64_t kLeastTilesOfLarge = 96;
/// Multiply-adds below which waking threads costs more than they save.
constexpr std::int64_t kWorthThreads = 1 << 18;

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// All but the constants.
WinogradLayer layer_of(const ConvGeometry& geometry, const WinogradForm& form) {
  const WindowAxis& rows = geometry.axes[0];
  const WindowAxis& columns = geometry.axes[1];
  return {.in_blocks = divide_up(geometry.in_channels, form.lanes),
          .out_blocks = divide_up(geometry.out_channels, form.lanes),
          .in_height = rows.in,
          .in_width = columns.in,
          .out_height = rows.out,
          .out_width = columns.out,
          .pad_top = rows.pad_begin,
          .pad_left = columns.pad_begin,
          .tile_rows = divide_up(rows.out, kWinogradOut),
          .tile_columns = divide_up(columns.out, kWinogradOut),
          .panels = divide_up(geometry.out_channels, form.panel),
          .weights = nullptr,
          .bias = nullptr,
          .lo = nullptr,
          .hi = nullptr};
}

/// How a layer is cut into parts, which threads take in turn. All tiles of a part lie in whole
/// groups but the last.
struct Cut {
  std::int64_t groups;  ///< of tiles, of the batch
  std::int64_t tile_parts;
  std::int64_t panel_parts;
  std::int64_t pass_panels;

  std::int64_t parts() const { return tile_parts * panel_parts; }
  std::int64_t most_groups() const { return divide_up(groups, tile_parts); }
};

Cut cut_of(const WinogradLayer& layer, std::int64_t batch, int threads, const WinogradForm& form) {
  constexpr auto kFloat = static_cast<std::int64_t>(sizeof(float));
  const std::int64_t group_bytes = kWinogradPoints * form.group * form.lanes * kFloat;
  const std::int64_t source_bytes = group_bytes * layer.in_blocks;
  const std::int64_t weight_bytes =
      kWinogradPoints * layer.in_blocks * form.lanes * layer.panels * form.panel * kFloat;
  const std::int64_t least = weight_bytes < kLargeWeights ? kLeastTiles : kLeastTilesOfLarge;
  const std::int64_t wanted = std::max(divide_up(least, form.group), kSourceBytes / source_bytes);
  Cut cut{.groups = divide_up(batch * layer.tiles(), form.group),
          .tile_parts = 1,
          .panel_parts = 1,
          .pass_panels = layer.panels};
  if (cut.groups == 0) return cut;
  // A multiple of the threads where there are enough tiles.
  cut.tile_parts = divide_up(cut.groups, wanted);
  cut.tile_parts = std::min(divide_up(cut.tile_parts, threads) * threads, cut.groups);
  cut.panel_parts = std::min(layer.panels, divide_up(threads, cut.tile_parts));
  // Inputs that stay in the cache can be passed over again for every few panels.
  if (cut.most_groups() * source_bytes <= kSourceBytes) {
    const std::int64_t panel_bytes = cut.most_groups() * group_bytes * (form.panel / form.lanes);
    cut.pass_panels = std::clamp<std::int64_t>(kProductBytes / panel_bytes, 1, layer.panels);
  }
  return cut;
}

class WinogradConv final : public Kernel {
 public:
  WinogradConv(const KernelCase& kernel_case, WeightStore& weights)
      : form_(winograd_form()), threads_(kernel_case.threads) {
    const ConvGeometry geometry = conv_geometry(kernel_case);
    const Tensor* w = kernel_case.constants[1];
    layer_ = layer_of(geometry, form_);
    tiles_ = geometry.batch * layer_.tiles();
    const std::int64_t work =
        tiles_ * kWinogradPoints * geometry.in_channels * geometry.out_channels;
    if (work < kWorthThreads) threads_ = 1;
    cut_ = cut_of(layer_, geometry.batch, threads_, form_);

    weights_ = weights.get(w, fmt::format("winograd_conv {} by {}", form_.lanes, form_.panel), [&] {
      return pack_winograd_weights(w->as<float>(), geometry.out_channels, geometry.in_channels,
                                   form_);
    });
    layer_.weights = as<float>(weights_->data());
    set_channels(kernel_case, geometry.out_channels);
  }

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(thread_scratch() * threads_) * sizeof(float);
  }

  void run(const KernelArgs& args) override {
    if (threads_ == 1) {
      for (std::int64_t i = 0; i < cut_.parts(); ++i) run_part(i, args, 0);
      return;
    }
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_)
    for (std::int64_t i = 0; i < cut_.parts(); ++i) run_part(i, args, omp_get_thread_num());
  }

 private:
  /// Bias and bounds of each channel; those of the padding keep it zero.
  void set_channels(const KernelCase& kernel_case, std::int64_t out_channels) {
    const auto stored = static_cast<std::size_t>(layer_.out_blocks * form_.lanes);
    channels_ = AlignedBuffer(3 * stored * sizeof(float));
    std::memset(channels_.data(), 0, channels_.size());
    auto* bias = as<float>(channels_.data());
    if (has_input(kernel_case, 2)) {
      std::copy_n(kernel_case.constants[2]->as<float>().data(), out_channels, bias);
    }
    const Bounds bounds = bounds_of(kernel_case.activation);
    std::fill_n(bias + stored, out_channels, bounds.lo);
    std::fill_n(bias + 2 * stored, out_channels, bounds.hi);
    layer_.bias = bias;
    layer_.lo = bias + stored;
    layer_.hi = bias + 2 * stored;
  }

  /// Elements, a multiple of 16.
  std::int64_t thread_scratch() const {
    return winograd_scratch(layer_, cut_.most_groups() * form_.group, cut_.pass_panels);
  }

  void run_part(std::int64_t i, const KernelArgs& args, int thread) const {
    const std::int64_t tile_part = i / cut_.panel_parts;
    const std::int64_t panel_part = i % cut_.panel_parts;
    const auto tile_at = [&](std::int64_t part) {
      return std::min(tiles_, cut_.groups * part / cut_.tile_parts * form_.group);
    };
    const auto panel_at = [&](std::int64_t part) {
      return layer_.panels * part / cut_.panel_parts;
    };
    winograd_part(layer_, {.x = as<float>(args.inputs[0]),
                           .y = as<float>(args.outputs[0]),
                           .tile = tile_at(tile_part),
                           .tile_end = tile_at(tile_part + 1),
                           .panel = panel_at(panel_part),
                           .panel_end = panel_at(panel_part + 1),
                           .pass_panels = cut_.pass_panels,
                           .scratch = as<float>(args.scratch) + thread * thread_scratch()});
  }

  WinogradForm form_;
  int threads_;
  WinogradLayer layer_{};
  std::int64_t tiles_ = 0;
  Cut cut_{};
  std::shared_ptr<const AlignedBuffer> weights_;
  AlignedBuffer channels_;
};

Layout layout_of_lanes(std::int64_t lanes) {
  return lanes == 16 ? Layout::kBlocked16 : Layout::kBlocked8;
}

}  // namespace

Support winograd_conv_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 3).all_f32().constant(1, "W").constant(2, "B");
  // The transforms subtract infinities from each other, and spread NaN over a tile.
  checks.require(!kernel_case.keep_nan, "NaN is to be kept, and no infinity to become one");
  if (!checks.ok()) return checks.plain();
  const ConvGeometry geometry = conv_geometry(kernel_case);
  checks
      .require(geometry.axes.size() == 2, "expected 2 spatial axes, found {}", geometry.axes.size())
      .require(geometry.groups == 1, "expected 1 group, found {}", geometry.groups);
  if (!checks.ok()) return checks.plain();
  for (std::size_t i = 0; i < geometry.axes.size(); ++i) {
    const WindowAxis& axis = geometry.axes[i];
    checks
        .require(
            axis.kernel == kTaps && axis.stride == 1 && axis.dilation == 1,
            "spatial axis {}: expected a window of 3 taps, stride 1, dilation 1, found {}, {}, "
            "{}",
            i, axis.kernel, axis.stride, axis.dilation)
        .require(axis.pad_begin < kTaps && axis.pad_end < kTaps,
                 "spatial axis {}: expected pads of at most 2, found {} and {}", i, axis.pad_begin,
                 axis.pad_end);
  }
  const WinogradForm form = winograd_form();
  checks.require(form.lanes == 8 || form.lanes == 16, "expected vectors of 8 or 16 lanes, found {}",
                 form.lanes);
  if (!checks.ok()) return checks.plain();
  const WinogradLayer layer = layer_of(geometry, form);
  const std::int64_t filled =
      100 * layer.out_height * layer.out_width / (layer.tiles() * kWinogradOut * kWinogradOut);
  checks
      .require(geometry.in_channels >= kLeastChannels,
               "{} input channels: with fewer than {}, the direct sum is faster",
               geometry.in_channels, kLeastChannels)
      .require(
          filled >= kLeastFilledPercent,
          "outputs of {}x{} fill {} % of their 4x4 tiles: below {} %, the direct sum is faster",
          layer.out_height, layer.out_width, filled, kLeastFilledPercent);
  if (!checks.ok()) return checks.plain();
  const Layout layout = layout_of_lanes(form.lanes);
  return Support::with_layouts({layout, Layout::kPlain, Layout::kPlain}, {layout});
}

std::unique_ptr<Kernel> winograd_conv_create(const KernelCase& kernel_case, WeightStore& weights) {
  return std::make_unique<WinogradConv>(kernel_case, weights);
}

}  // namespace widepipe::kernels
