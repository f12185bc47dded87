#include "kernels/hwy_binary.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "kernels/activation.h"
#include "kernels/blocked.h"
#include "kernels/broadcast_loop.h"
#include "kernels/checks.h"
#include "kernels/hwy_binary_loops.h"

namespace widepipe::kernels {
namespace {

/// Shorter runs are not worth setting up a vector loop for each.
constexpr std::int64_t kShortestRun = 8;

BinaryOp op_of(const KernelCase& kernel_case) {
  if (kernel_case.op == "Add") return BinaryOp::kAdd;
  if (kernel_case.op == "Sub") return BinaryOp::kSub;
  return kernel_case.op == "Mul" ? BinaryOp::kMul : BinaryOp::kDiv;
}

Shape shape_of(const KernelCase& kernel_case, std::size_t input) {
  return input == 1 ? modern_shape_of_b(kernel_case) : kernel_case.inputs[0].shape;
}

/// What the smaller of the inputs has to say in a blocked layout.
enum class Small : std::uint8_t { kNone, kElement, kChannels, kImageChannels };

struct Form {
  Small small = Small::kNone;
  std::size_t input = 1;  ///< the smaller one
};

/// Nothing if blocked layouts have no loop for it.
std::optional<Form> blocked_form(const KernelCase& kernel_case) {
  const Shape& y = kernel_case.outputs[0].shape;
  const Shape a = shape_of(kernel_case, 0);
  const Shape b = shape_of(kernel_case, 1);
  if (a == y && b == y) return Form{};
  if (a != y && b != y) return std::nullopt;
  Form form{.small = Small::kElement, .input = a == y ? std::size_t{1} : std::size_t{0}};
  Shape small = a == y ? b : a;
  if (element_count(small) == 1) return form;
  const bool same_rank = small.size() == y.size();
  small.insert(small.begin(), y.size() - small.size(), 1);
  if (small[1] != y[1] || element_count(std::span(small).subspan(2)) != 1) return std::nullopt;
  const bool constant = kernel_case.constants[form.input] != nullptr;
  form.small = small[0] == 1 ? Small::kChannels : Small::kImageChannels;
  // Constants are packed here; anything else must arrive blocked, which takes an axis of channels.
  if (constant ? form.small == Small::kImageChannels : !same_rank) return std::nullopt;
  return form;
}

/// The padding of the smaller input, or of both, is zero, except where we make it.
bool zero_stays_zero(const KernelCase& kernel_case, const Form& form) {
  const BinaryOp op = op_of(kernel_case);
  float small = 0.0F;
  const Tensor* constant = kernel_case.constants[form.input];
  if (form.small == Small::kElement) {
    if (constant == nullptr) return false;
    small = constant->as<float>()[0];
  } else if (op == BinaryOp::kDiv) {
    // Packed constants are padded with 1.
    if (form.small != Small::kChannels || constant == nullptr || form.input == 0) return false;
    small = 1.0F;
  }
  const float zero = 0.0F;
  float result = 0.0F;
  binary_run(op, form.input == 0 ? &small : &zero, 1, form.input == 0 ? &zero : &small, 1, &result,
             1, bounds_of(kernel_case.activation));
  return result == 0.0F;
}

/// Blocked memory as a plain list.
BroadcastLoop<2> flat_loop(const KernelCase& kernel_case) {
  const Shape all = {stored_count(kernel_case.outputs[0])};
  const auto part = [&](std::size_t i) {
    return shape_of(kernel_case, i) == kernel_case.outputs[0].shape ? all : Shape{1};
  };
  return {all, {part(0), part(1)}};
}

BroadcastLoop<2> plain_loop(const KernelCase& kernel_case) {
  return {kernel_case.outputs[0].shape, {shape_of(kernel_case, 0), shape_of(kernel_case, 1)}};
}

/// Runs along memory, cut into pieces for threads.
class HwyBinary final : public Kernel {
 public:
  HwyBinary(const KernelCase& kernel_case, BroadcastLoop<2> loop)
      : op_(op_of(kernel_case)),
        bounds_(bounds_of(kernel_case.activation)),
        loop_(std::move(loop)),
        pieces_((loop_.length() + kChunk - 1) / kChunk),
        threads_(loop_.runs() * loop_.length() <= 2 * kChunk ? 1 : kernel_case.threads) {}

  void run(const KernelArgs& args) override {
    const std::int64_t all = loop_.runs() * pieces_;
    if (threads_ == 1) {
      for (std::int64_t i = 0; i < all; ++i) run_piece(args, i);
      return;
    }
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (std::int64_t i = 0; i < all; ++i) run_piece(args, i);
  }

 private:
  void run_piece(const KernelArgs& args, std::int64_t piece) const {
    const std::int64_t run = piece / pieces_;
    const std::int64_t first = piece % pieces_ * kChunk;
    const auto offsets = loop_.offsets(run);
    const auto& steps = loop_.steps();
    binary_run(op_, as<float>(args.inputs[0]) + offsets[0] + first * steps[0], steps[0],
               as<float>(args.inputs[1]) + offsets[1] + first * steps[1], steps[1],
               as<float>(args.outputs[0]) + run * loop_.length() + first,
               static_cast<std::size_t>(std::min(kChunk, loop_.length() - first)), bounds_);
  }

  BinaryOp op_;
  Bounds bounds_;
  BroadcastLoop<2> loop_;
  std::int64_t pieces_;  ///< of each run
  int threads_;
};

/// Blocks of channels, each with its own block of the smaller input.
class HwyBinaryChannels final : public Kernel {
 public:
  HwyBinaryChannels(const KernelCase& kernel_case, const Form& form)
      : op_(op_of(kernel_case)),
        bounds_(bounds_of(kernel_case.activation)),
        small_(form.input),
        each_image_(form.small == Small::kImageChannels),
        block_(channel_block(kernel_case.outputs[0].layout)),
        blocks_((kernel_case.outputs[0].shape[1] + block_ - 1) / block_),
        all_(kernel_case.outputs[0].shape[0] * blocks_),
        pixels_(element_count(std::span(kernel_case.outputs[0].shape).subspan(2))),
        threads_(all_ * pixels_ * block_ <= 2 * kChunk ? 1 : kernel_case.threads) {
    if (const Tensor* constant = kernel_case.constants[form.input]; constant != nullptr) {
      packed_.assign(static_cast<std::size_t>(blocks_ * block_),
                     op_ == BinaryOp::kDiv ? 1.0F : 0.0F);
      std::copy_n(constant->as<float>().data(), constant->count(), packed_.begin());
    }
  }

  void run(const KernelArgs& args) override {
    if (threads_ == 1) {
      for (std::int64_t i = 0; i < all_; ++i) run_block(args, i);
      return;
    }
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (std::int64_t i = 0; i < all_; ++i) run_block(args, i);
  }

 private:
  void run_block(const KernelArgs& args, std::int64_t i) const {
    const float* channels = packed_.empty() ? as<float>(args.inputs[small_]) : packed_.data();
    binary_pixels(op_, as<float>(args.inputs[1 - small_]) + i * pixels_ * block_,
                  channels + (each_image_ ? i : i % blocks_) * block_, small_ == 0,
                  as<float>(args.outputs[0]) + i * pixels_ * block_,
                  static_cast<std::size_t>(pixels_), static_cast<std::size_t>(block_), bounds_);
  }

  BinaryOp op_;
  Bounds bounds_;
  std::size_t small_;  ///< which input is the smaller one
  bool each_image_;
  std::int64_t block_;
  std::int64_t blocks_;  ///< of an image
  std::int64_t all_;
  std::int64_t pixels_;
  int threads_;
  std::vector<float> packed_;  ///< the smaller input, if it is constant
};

}  // namespace

Support hwy_binary_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 2).all_f32();
  if (!checks.ok()) return checks.plain();
  // Of two layouts the blocked one, which the neighbours, being convolutions, will want too.
  const Layout layout = std::max(kernel_case.inputs[0].layout, kernel_case.inputs[1].layout);
  const TensorDesc& y = kernel_case.outputs[0];
  if (layout != Layout::kPlain && y.shape.size() >= 3) {
    const auto form = blocked_form(kernel_case);
    if (form && kept_layout(y, layout, zero_stays_zero(kernel_case, *form)) == layout) {
      std::vector<Layout> inputs = {layout, layout};
      const bool arrives_plain =
          form->small == Small::kElement || kernel_case.constants[form->input] != nullptr;
      if (form->small != Small::kNone && arrives_plain) inputs[form->input] = Layout::kPlain;
      return Support::with_layouts(std::move(inputs), {layout});
    }
  }
  const BroadcastLoop<2> loop = plain_loop(kernel_case);
  const auto& steps = loop.steps();
  checks.require(loop.runs() <= 1 || loop.length() >= kShortestRun,
                 "A {} and B {} go together in runs of only {} elements",
                 to_string(kernel_case.inputs[0].shape), to_string(kernel_case.inputs[1].shape),
                 loop.length());
  checks.require(steps[0] <= 1 && steps[1] <= 1, "A {} and B {} do not lie in runs",
                 to_string(kernel_case.inputs[0].shape), to_string(kernel_case.inputs[1].shape));
  return checks.plain();
}

std::unique_ptr<Kernel> hwy_binary_create(const KernelCase& kernel_case, WeightStore&) {
  if (kernel_case.outputs[0].layout == Layout::kPlain) {
    return std::make_unique<HwyBinary>(kernel_case, plain_loop(kernel_case));
  }
  const Form form = *blocked_form(kernel_case);
  if (form.small == Small::kNone || form.small == Small::kElement) {
    return std::make_unique<HwyBinary>(kernel_case, flat_loop(kernel_case));
  }
  return std::make_unique<HwyBinaryChannels>(kernel_case, form);
}

}  // namespace widepipe::kernels
