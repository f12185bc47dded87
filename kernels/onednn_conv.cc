#include "kernels/onednn_conv.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/activation.h"
#include "kernels/checks.h"
#include "kernels/conv_geometry.h"
#include "kernels/hwy_elementwise_loops.h"
#include "kernels/onednn_common.h"

namespace widepipe::kernels {
namespace {

using Primitive = dnnl::convolution_forward;

/// The weights' shape as oneDNN has it: with an axis of groups in front where there are several.
Shape weights_shape(const KernelCase& kernel_case, const ConvGeometry& geometry) {
  Shape shape = kernel_case.inputs[1].shape;
  if (geometry.groups > 1) {
    shape[0] = geometry.group_out();
    shape.insert(shape.begin(), geometry.groups);
  }
  return shape;
}

Primitive::desc description(const KernelCase& kernel_case, const ConvGeometry& geometry,
                            const dnnl::memory::desc& source,
                            const dnnl::memory::desc& destination) {
  dnnl::memory::dims strides;
  dnnl::memory::dims dilations;
  dnnl::memory::dims pads_begin;
  dnnl::memory::dims pads_end;
  for (const WindowAxis& axis : geometry.axes) {
    strides.push_back(axis.stride);
    dilations.push_back(axis.dilation - 1);
    pads_begin.push_back(axis.pad_begin);
    pads_end.push_back(std::max<std::int64_t>(0, axis.reached_end()));
  }
  const auto weights = onednn::desc_of_any(weights_shape(kernel_case, geometry));
  const auto bias = has_input(kernel_case, 2)
                        ? onednn::desc_of({geometry.out_channels}, Layout::kPlain)
                        : dnnl::memory::desc();
  return {dnnl::prop_kind::forward_inference,
          dnnl::algorithm::convolution_direct,
          source,
          weights,
          bias,
          destination,
          strides,
          dilations,
          pads_begin,
          pads_end};
}

/// Not by matrix product, whose bits depend on the number of rows and threads, and not by the
/// library's own reference, which is slow.
bool is_direct(const Primitive::primitive_desc& primitive) {
  const std::string_view name = primitive.impl_info_str();
  return name.find("gemm:") == name.npos && name.find("ref:") == name.npos;
}

struct Chosen {
  Primitive::primitive_desc primitive;
  Layout source;
  Layout destination;
};

/// The first direct implementation whose layouts are ours: as oneDNN prefers, or else forced.
std::optional<Chosen> choose_primitive(const KernelCase& kernel_case) {
  const ConvGeometry geometry = conv_geometry(kernel_case);
  const Shape& x = kernel_case.inputs[0].shape;
  const Shape& y = kernel_case.outputs[0].shape;
  std::vector<Primitive::desc> wishes = {
      description(kernel_case, geometry, onednn::desc_of_any(x), onednn::desc_of_any(y))};
  for (const Layout layout : onednn::blocked_layouts()) {
    wishes.push_back(
        description(kernel_case, geometry, onednn::desc_of(x, layout), onednn::desc_of(y, layout)));
  }
  // oneDNN's activations turn NaN into a bound.
  const auto attributes =
      onednn::attributes_of(kernel_case.keep_nan ? Activation{} : kernel_case.activation);
  for (const Primitive::desc& wish : wishes) {
    Primitive::primitive_desc primitive(wish, attributes, onednn::engine(), true);
    if (!primitive) continue;
    do {
      const auto source = onednn::layout_of(primitive.src_desc());
      const auto destination = onednn::layout_of(primitive.dst_desc());
      if (is_direct(primitive) && source && destination)
        return {{primitive, *source, *destination}};
    } while (primitive.next_impl());
  }
  return std::nullopt;
}

/// A kernel whose output is clamped afterwards, by loops that keep NaN.
class ThenClamp final : public Kernel {
 public:
  ThenClamp(std::unique_ptr<Kernel> kernel, const KernelCase& kernel_case)
      : kernel_(std::move(kernel)),
        bounds_(bounds_of(kernel_case.activation)),
        count_(kernel_case.outputs[0].bytes() / sizeof(float)) {}

  std::size_t scratch_bytes() const override { return kernel_->scratch_bytes(); }
  void run(const KernelArgs& args) override {
    kernel_->run(args);
    auto* y = reinterpret_cast<float*>(args.outputs[0]);
    clamp_all(y, y, count_, bounds_);
  }

 private:
  std::unique_ptr<Kernel> kernel_;
  Bounds bounds_;
  std::size_t count_;  ///< padded channels included: they stay zero, which is in the bounds
};

}  // namespace

Support onednn_conv_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 3).all_f32().constant(1, "W").constant(2, "B");
  if (!checks.ok()) return checks.plain();
  const ConvGeometry geometry = conv_geometry(kernel_case);
  checks.require(geometry.axes.size() <= 3, "expected at most 3 spatial axes, found {}",
                 geometry.axes.size());
  checks.require(!kernel_case.keep_nan || bounds_of(kernel_case.activation).clamp(0.0F) == 0.0F,
                 "NaN is to be kept and the activation moves zero");
  if (!checks.ok()) return checks.plain();
  return onednn::guarded([&] {
    const auto chosen = choose_primitive(kernel_case);
    if (!chosen) {
      return Support::declined(
          fmt::format("oneDNN has no direct convolution from {} to {} channels in {} groups",
                      geometry.in_channels, geometry.out_channels, geometry.groups));
    }
    return Support::with_layouts({chosen->source, Layout::kPlain, Layout::kPlain},
                                 {chosen->destination});
  });
}

std::unique_ptr<Kernel> onednn_conv_create(const KernelCase& kernel_case, WeightStore& weights) {
  const auto chosen = choose_primitive(kernel_case);
  const auto& primitive = chosen.value().primitive;
  const Shape shape = weights_shape(kernel_case, conv_geometry(kernel_case));
  auto packed = onednn::pack(weights, *kernel_case.constants[1],
                             onednn::desc_of(shape, Layout::kPlain), primitive.weights_desc());
  std::unordered_map<int, dnnl::memory> fixed = {{DNNL_ARG_WEIGHTS, packed.memory}};
  if (has_input(kernel_case, 2)) {
    fixed.emplace(DNNL_ARG_BIAS,
                  onednn::constant_memory(primitive.bias_desc(), kernel_case.constants[2]->data()));
  }
  auto kernel = std::make_unique<onednn::PrimitiveKernel>(
      onednn::PrimitiveKernel::Form{.primitive = Primitive(primitive),
                                    .source = primitive.src_desc(),
                                    .destination = primitive.dst_desc(),
                                    .scratchpad = primitive.scratchpad_desc(),
                                    .fixed = std::move(fixed),
                                    .keep_alive = std::move(packed.buffer)});
  if (!kernel_case.keep_nan || kernel_case.activation.none()) return kernel;
  return std::make_unique<ThenClamp>(std::move(kernel), kernel_case);
}

}  // namespace widepipe::kernels
