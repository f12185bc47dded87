#include "kernels/onednn_common.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <span>

#include "core/error.h"

namespace widepipe::kernels::onednn {
namespace {

using Tag = dnnl::memory::format_tag;

Tag tag_of(std::size_t rank, Layout layout) {
  if (layout == Layout::kPlain) {
    constexpr std::array<Tag, 6> kPlainTags = {Tag::undef, Tag::a,    Tag::ab,
                                               Tag::abc,   Tag::abcd, Tag::abcde};
    if (rank > 0 && rank < kPlainTags.size()) return kPlainTags[rank];
  } else if (rank >= 3 && rank <= 5) {
    constexpr std::array<Tag, 3> kBlocked8Tags = {Tag::nCw8c, Tag::nChw8c, Tag::nCdhw8c};
    constexpr std::array<Tag, 3> kBlocked16Tags = {Tag::nCw16c, Tag::nChw16c, Tag::nCdhw16c};
    return layout == Layout::kBlocked8 ? kBlocked8Tags[rank - 3] : kBlocked16Tags[rank - 3];
  }
  throw_input_error("layout {} has no form of rank {}", name_of(layout), rank);
}

/// A name for the memory form that `desc` describes, equal for equal forms only.
std::string form_of(const dnnl::memory::desc& desc) {
  const auto& data = desc.data;
  const auto rank = static_cast<std::size_t>(data.ndims);
  const auto& blocking = data.format_desc.blocking;
  const auto blocks = static_cast<std::size_t>(blocking.inner_nblks);
  return fmt::format("onednn {} {} {} {} {} flags {}", fmt::join(std::span(data.dims, rank), ","),
                     fmt::join(std::span(data.padded_dims, rank), ","),
                     fmt::join(std::span(blocking.strides, rank), ","),
                     fmt::join(std::span(blocking.inner_blks, blocks), ","),
                     fmt::join(std::span(blocking.inner_idxs, blocks), ","), data.extra.flags);
}

}  // namespace

const dnnl::engine& engine() {
  static const dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

dnnl::memory::desc desc_of(const Shape& shape, Layout layout) {
  return {shape, dnnl::memory::data_type::f32, tag_of(shape.size(), layout)};
}

dnnl::memory::desc desc_of_any(const Shape& shape) {
  return {shape, dnnl::memory::data_type::f32, Tag::any};
}

std::optional<Layout> layout_of(const dnnl::memory::desc& desc) {
  for (const Layout layout : {Layout::kPlain, Layout::kBlocked8, Layout::kBlocked16}) {
    if (desc == desc_of(desc.dims(), layout)) return layout;
  }
  return std::nullopt;
}

std::vector<Layout> blocked_layouts() {
  const bool wide = (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) &
                     static_cast<unsigned>(dnnl::cpu_isa::avx512_core)) ==
                    static_cast<unsigned>(dnnl::cpu_isa::avx512_core);
  if (wide) return {Layout::kBlocked16, Layout::kBlocked8};
  return {Layout::kBlocked8, Layout::kBlocked16};
}

dnnl::primitive_attr attributes_of(const Activation& activation) {
  dnnl::post_ops post_ops;
  switch (activation.kind) {
    case Activation::Kind::kRelu:
      post_ops.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
      break;
    case Activation::Kind::kClip:
      post_ops.append_eltwise(1.0F, dnnl::algorithm::eltwise_clip, activation.lo, activation.hi);
      break;
    case Activation::Kind::kNone:
      break;
  }
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_post_ops(post_ops);
  return attributes;
}

Support guarded(const std::function<Support()>& f) {
  try {
    return f();
  } catch (const dnnl::error& error) {
    return Support::declined(fmt::format("oneDNN: {}", error.what()));
  }
}

dnnl::memory constant_memory(const dnnl::memory::desc& desc, const std::byte* data) {
  return {desc, engine(), const_cast<std::byte*>(data)};
}

Packed pack(WeightStore& weights, const Tensor& source, const dnnl::memory::desc& plain,
            const dnnl::memory::desc& desc) {
  if (desc == plain) return {nullptr, constant_memory(plain, source.data())};
  auto buffer = weights.get(&source, form_of(desc), [&] {
    AlignedBuffer packed(desc.get_size());
    dnnl::memory from = constant_memory(plain, source.data());
    dnnl::memory to(desc, engine(), packed.data());
    dnnl::stream stream(engine());
    dnnl::reorder(from, to).execute(stream, from, to);
    stream.wait();
    return packed;
  });
  dnnl::memory memory = constant_memory(desc, buffer->data());
  return {std::move(buffer), std::move(memory)};
}

PrimitiveKernel::PrimitiveKernel(Form form)
    : stream_(engine()),
      primitive_(std::move(form.primitive)),
      scratch_bytes_(form.scratchpad.get_size()),
      source_(form.source, engine(), nullptr),
      destination_(form.destination, engine(), nullptr),
      scratchpad_(form.scratchpad, engine(), nullptr),
      arguments_(std::move(form.fixed)),
      keep_alive_(std::move(form.keep_alive)) {
  // Handles of one memory object: those set in run() reach the primitive through this map.
  arguments_.insert(
      {{DNNL_ARG_SRC, source_}, {DNNL_ARG_DST, destination_}, {DNNL_ARG_SCRATCHPAD, scratchpad_}});
}

void PrimitiveKernel::run(const KernelArgs& args) {
  source_.set_data_handle(const_cast<std::byte*>(args.inputs[0]));
  destination_.set_data_handle(args.outputs[0]);
  scratchpad_.set_data_handle(args.scratch);
  primitive_.execute(stream_, arguments_);
}

}  // namespace widepipe::kernels::onednn
