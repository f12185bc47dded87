#include "kernels/hwy_pool.h"

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/checks.h"
#include "kernels/hwy_pool_image.h"
#include "kernels/pool_geometry.h"
#include "kernels/vector_layout.h"

namespace widepipe::kernels {
namespace {

/// Input elements below which waking threads costs more than they save.
constexpr std::int64_t kWorthThreads = 1 << 15;

std::int64_t size_in(const std::array<WindowAxis, 3>& axes) {
  return axes[0].in * axes[1].in * axes[2].in;
}

std::int64_t size_out(const std::array<WindowAxis, 3>& axes) {
  return axes[0].out * axes[1].out * axes[2].out;
}

class HwyPool final : public Kernel {
 public:
  explicit HwyPool(const KernelCase& kernel_case)
      : geometry_(pool_geometry(kernel_case)),
        axes_(as_three(geometry_.axes)),
        block_(channel_block(kernel_case.inputs[0].layout)),
        images_(geometry_.batch * ((geometry_.channels + block_ - 1) / block_)),
        threads_(images_ * size_in(axes_) * block_ < kWorthThreads ? 1 : kernel_case.threads) {
    for (std::size_t i = 0; i < axes_.size(); ++i) {
      for (std::int64_t o = 0; o < axes_[i].out; ++o) {
        const Range inside = axes_[i].taps_inside(o);
        const std::int64_t counted =
            geometry_.count_padding ? axes_[i].taps_padded(o) : inside.end - inside.begin;
        taps_[i].push_back(inside);
        divisors_[i].push_back(static_cast<float>(std::max<std::int64_t>(1, counted)));
      }
    }
  }

  void run(const KernelArgs& args) override {
    PoolImage image{.x = as<float>(args.inputs[0]),
                    .y = as<float>(args.outputs[0]),
                    .axes = {},
                    .block = block_,
                    .max = geometry_.max};
    for (std::size_t i = 0; i < axes_.size(); ++i) {
      image.axes[i] = {axes_[i], taps_[i].data(), divisors_[i].data()};
    }
    if (threads_ == 1) {
      for (std::int64_t i = 0; i < images_; ++i) run_image(image, i);
      return;
    }
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (std::int64_t i = 0; i < images_; ++i) run_image(image, i);
  }

 private:
  void run_image(PoolImage image, std::int64_t i) const {
    image.x += i * size_in(axes_) * block_;
    image.y += i * size_out(axes_) * block_;
    pool_image(image);
  }

  PoolGeometry geometry_;
  std::array<WindowAxis, 3> axes_;
  std::int64_t block_;
  std::int64_t images_;
  int threads_;
  std::array<std::vector<Range>, 3> taps_;
  std::array<std::vector<float>, 3> divisors_;
};

}  // namespace

Support hwy_pool_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).all_f32().no_activation();
  if (!checks.ok()) return checks.plain();
  const PoolGeometry geometry = pool_geometry(kernel_case);
  checks.require(geometry.axes.size() <= 3, "expected at most 3 spatial axes, found {}",
                 geometry.axes.size());
  for (std::size_t i = 0; i < geometry.axes.size(); ++i) {
    const WindowAxis& axis = geometry.axes[i];
    checks.require(axis.pad_begin < axis.span() && axis.reached_end() < axis.span(),
                   "spatial axis {}: a window lies wholly in the padding", i);
  }
  if (!checks.ok()) return checks.plain();
  if (kernel_case.keep_nan && geometry.max) return Support::declined("NaN is to be kept");
  // A reorder and this kernel take a fraction of the time of a plain pool.
  const Layout layout = vector_layout(kernel_case.inputs[0].layout);
  return Support::with_layouts({layout}, {layout});
}

std::unique_ptr<Kernel> hwy_pool_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<HwyPool>(kernel_case);
}

}  // namespace widepipe::kernels
