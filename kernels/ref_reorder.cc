#include "kernels/ref_reorder.h"

#include <algorithm>

#include "core/error.h"
#include "kernels/checks.h"

namespace widepipe::kernels {
namespace {

/// Where a layout keeps pixel 0 of a channel, and how far apart the pixels of a channel lie.
class ChannelView {
 public:
  ChannelView(Layout layout, std::int64_t channels, std::int64_t pixels)
      : block_(channel_block(layout)),
        padded_(static_cast<std::int64_t>(
            round_up(static_cast<std::size_t>(channels), static_cast<std::size_t>(block_)))),
        pixels_(pixels) {}

  std::int64_t padded_channels() const { return padded_; }
  std::int64_t step() const { return block_; }
  std::int64_t first(std::int64_t n, std::int64_t c) const {
    return (n * padded_ + c / block_ * block_) * pixels_ + c % block_;
  }

 private:
  std::int64_t block_;
  std::int64_t padded_;
  std::int64_t pixels_;
};

class RefReorder final : public Kernel {
 public:
  explicit RefReorder(const KernelCase& kernel_case)
      : batch_(kernel_case.inputs[0].shape[0]),
        channels_(kernel_case.inputs[0].shape[1]),
        pixels_(element_count(std::span(kernel_case.inputs[0].shape).subspan(2))),
        from_(kernel_case.inputs[0].layout, channels_, pixels_),
        to_(kernel_case.outputs[0].layout, channels_, pixels_) {}

  void run(const KernelArgs& args) override {
    const auto* x = as<float>(args.inputs[0]);
    auto* y = as<float>(args.outputs[0]);
    for (std::int64_t n = 0; n < batch_; ++n) {
      // Tiles of pixels whose lines stay in the first-level cache while all channels of a block
      // pass over them.
      for (std::int64_t first = 0; first < pixels_; first += kTile) {
        const std::int64_t count = std::min(kTile, pixels_ - first);
        for (std::int64_t c = 0; c < to_.padded_channels(); ++c) {
          float* target = y + to_.first(n, c) + first * to_.step();
          if (c < channels_) {
            const float* source = x + from_.first(n, c) + first * from_.step();
            for (std::int64_t i = 0; i < count; ++i) {
              target[i * to_.step()] = source[i * from_.step()];
            }
          } else {
            for (std::int64_t i = 0; i < count; ++i) target[i * to_.step()] = 0.0F;
          }
        }
      }
    }
  }

 private:
  static constexpr std::int64_t kTile = 128;

  std::int64_t batch_;
  std::int64_t channels_;
  std::int64_t pixels_;
  ChannelView from_;
  ChannelView to_;
};

}  // namespace

Support ref_reorder_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).all_f32().no_activation();
  if (!checks.ok()) return checks.plain();
  const TensorDesc& from = kernel_case.inputs[0];
  const TensorDesc& to = kernel_case.outputs[0];
  checks
      .require(from.shape == to.shape, "input {} and output {} differ in shape",
               to_string(from.shape), to_string(to.shape))
      .require(from.shape.size() >= 3 && from.shape.size() <= 5,
               "expected a rank of 3 to 5, found shape {}", to_string(from.shape));
  if (!checks.ok()) return checks.plain();
  return Support::with_layouts({from.layout}, {to.layout});
}

std::unique_ptr<Kernel> ref_reorder_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<RefReorder>(kernel_case);
}

}  // namespace widepipe::kernels
