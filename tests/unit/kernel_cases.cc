#include "tests/unit/kernel_cases.h"

#include <fmt/format.h>

#include <utility>

namespace widepipe::kernels::testing {
namespace {

constexpr Activation kRelu6{.kind = Activation::Kind::kClip, .lo = 0.0F, .hi = 6.0F};
/// Maps zero, and so the padding of blocked channels, to something else.
constexpr Activation kShiftedClip{.kind = Activation::Kind::kClip, .lo = 0.25F, .hi = 0.75F};

std::string_view name_of(const Activation& activation) {
  switch (activation.kind) {
    case Activation::Kind::kRelu:
      return " relu";
    case Activation::Kind::kClip:
      return " clip";
    case Activation::Kind::kNone:
      break;
  }
  return "";
}

std::int64_t value_at(const std::vector<std::int64_t>& values, std::size_t i, std::int64_t absent) {
  return values.empty() ? absent : values[i];
}

std::string listed(std::string_view label, const std::vector<std::int64_t>& values) {
  return values.empty() ? "" : fmt::format(" {} {}", label, to_string(values));
}

/// Y's spatial axes.
Shape output_axes(const Shape& x, const Shape& kernel, const std::vector<std::int64_t>& pads,
                  const std::vector<std::int64_t>& strides,
                  const std::vector<std::int64_t>& dilations, bool ceil_mode,
                  std::string_view auto_pad) {
  Shape y;
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    const std::int64_t in = x[i + 2];
    const std::int64_t stride = value_at(strides, i, 1);
    if (auto_pad.starts_with("SAME")) {
      y.push_back((in + stride - 1) / stride);
      continue;
    }
    const std::int64_t room = in + value_at(pads, i, 0) + value_at(pads, kernel.size() + i, 0) -
                              (kernel[i] - 1) * value_at(dilations, i, 1) - 1;
    y.push_back((room + (ceil_mode ? stride - 1 : 0)) / stride + 1);
  }
  return y;
}

void set_window(Attributes& attributes, const Shape& kernel, const std::vector<std::int64_t>& pads,
                const std::vector<std::int64_t>& strides,
                const std::vector<std::int64_t>& dilations) {
  attributes.set("kernel_shape", kernel);
  if (!pads.empty()) attributes.set("pads", pads);
  if (!strides.empty()) attributes.set("strides", strides);
  if (!dilations.empty()) attributes.set("dilations", dilations);
}

CaseSpec clip_case(Shape shape, float lo, float hi) {
  CaseSpec spec;
  spec.name = fmt::format("Clip {} to {} {}", to_string(shape), lo, hi);
  spec.op = "Clip";
  spec.version = 6;
  spec.attributes.set("min", lo);
  spec.attributes.set("max", hi);
  spec.inputs = {{shape}};
  spec.output = std::move(shape);
  return spec;
}

CaseSpec simple_case(std::string op, Shape shape, std::size_t inputs, Activation activation = {}) {
  CaseSpec spec;
  spec.name = fmt::format("{} {}{}", op, to_string(shape), name_of(activation));
  spec.op = std::move(op);
  spec.inputs.assign(inputs, {shape});
  spec.output = std::move(shape);
  spec.activation = activation;
  return spec;
}

/// An operator on two inputs, of which the second one, or with `swapped` the first, is small.
CaseSpec broadcast_case(std::string op, Shape shape, InputSpec small, bool swapped = false,
                        Activation activation = {}) {
  CaseSpec spec;
  spec.name = fmt::format("{} {} with {}{}{}{}", op, to_string(shape), to_string(small.shape),
                          small.constant ? " constant" : "", swapped ? " swapped" : "",
                          name_of(activation));
  spec.op = std::move(op);
  spec.inputs = {{shape}, std::move(small)};
  if (swapped) std::swap(spec.inputs[0], spec.inputs[1]);
  spec.output = std::move(shape);
  spec.activation = activation;
  return spec;
}

CaseSpec layer_normalization_case(Shape shape, std::int64_t axis, bool bias) {
  CaseSpec spec = simple_case("LayerNormalization", shape, 1);
  spec.name += fmt::format(" axis {}{}", axis, bias ? " bias" : "");
  spec.version = 17;
  spec.attributes.set("axis", axis);
  const Shape group(shape.begin() + axis, shape.end());
  spec.inputs.push_back({group, true});
  if (bias) spec.inputs.push_back({group, true});
  return spec;
}

CaseSpec matmul_case(Shape a, Shape b, Activation activation = {}) {
  CaseSpec spec;
  spec.name = fmt::format("MatMul {} {}{}", to_string(a), to_string(b), name_of(activation));
  spec.op = "MatMul";
  spec.output = a;
  spec.output.back() = b.back();
  spec.inputs = {{std::move(a)}, {std::move(b), true}};
  spec.activation = activation;
  return spec;
}

/// ConvTranspose with strides as large as the kernel.
CaseSpec transposed_case(Shape x, std::int64_t out_channels, const Shape& kernel, bool bias,
                         Activation activation) {
  CaseSpec spec;
  spec.name = fmt::format("ConvTranspose {} to {} kernel {}{}{}", to_string(x), out_channels,
                          to_string(kernel), bias ? "" : " no bias", name_of(activation));
  spec.op = "ConvTranspose";
  spec.attributes.set("strides", kernel);
  spec.output = {x[0], out_channels};
  Shape w = {x[1], out_channels};
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    spec.output.push_back(x[i + 2] * kernel[i]);
    w.push_back(kernel[i]);
  }
  spec.inputs = {{std::move(x)}, {std::move(w), true}};
  if (bias) spec.inputs.push_back({{out_channels}, true});
  spec.activation = activation;
  return spec;
}

}  // namespace

CaseSpec conv_case(const ConvSpec& conv) {
  CaseSpec spec;
  spec.name =
      fmt::format("Conv {} to {} kernel {} group {}{}{}{}{}{}{}", to_string(conv.x),
                  conv.out_channels, to_string(conv.kernel), conv.group, listed("pads", conv.pads),
                  listed("strides", conv.strides), listed("dilations", conv.dilations),
                  conv.auto_pad, conv.bias ? "" : " no bias", name_of(conv.activation));
  spec.op = "Conv";
  spec.attributes.set("group", conv.group);
  set_window(spec.attributes, conv.kernel, conv.pads, conv.strides, conv.dilations);
  if (!conv.auto_pad.empty()) spec.attributes.set("auto_pad", conv.auto_pad);
  Shape w = {conv.out_channels, conv.x[1] / conv.group};
  w.insert(w.end(), conv.kernel.begin(), conv.kernel.end());
  spec.inputs = {{conv.x}, {std::move(w), true}};
  if (conv.bias) spec.inputs.push_back({{conv.out_channels}, true});
  spec.output = {conv.x[0], conv.out_channels};
  const Shape axes = output_axes(conv.x, conv.kernel, conv.pads, conv.strides, conv.dilations,
                                 false, conv.auto_pad);
  spec.output.insert(spec.output.end(), axes.begin(), axes.end());
  spec.activation = conv.activation;
  return spec;
}

CaseSpec pool_case(const PoolSpec& pool) {
  CaseSpec spec;
  spec.name = fmt::format("{} {} kernel {}{}{}{}{}{}", pool.op, to_string(pool.x),
                          to_string(pool.kernel), listed("pads", pool.pads),
                          listed("strides", pool.strides), listed("dilations", pool.dilations),
                          pool.ceil_mode ? " ceil" : "", pool.count_padding ? " padding" : "");
  spec.op = pool.op;
  spec.inputs = {{pool.x}};
  spec.output = {pool.x[0], pool.x[1]};
  if (pool.op.starts_with("Global")) {
    spec.output.resize(pool.x.size(), 1);
    return spec;
  }
  set_window(spec.attributes, pool.kernel, pool.pads, pool.strides, pool.dilations);
  if (pool.ceil_mode) spec.attributes.set("ceil_mode", std::int64_t{1});
  if (pool.count_padding) spec.attributes.set("count_include_pad", std::int64_t{1});
  const Shape axes =
      output_axes(pool.x, pool.kernel, pool.pads, pool.strides, pool.dilations, pool.ceil_mode, "");
  spec.output.insert(spec.output.end(), axes.begin(), axes.end());
  return spec;
}

CaseSpec gemm_case(const GemmSpec& gemm) {
  const std::int64_t depth = element_count(std::span(gemm.a).subspan(1));
  CaseSpec spec;
  spec.name = fmt::format("Gemm {} to {}{} alpha {} beta {}{}{}", to_string(gemm.a), gemm.columns,
                          gemm.trans_b ? " transB" : "", gemm.alpha, gemm.beta,
                          gemm.has_c ? " C " + to_string(gemm.c) : "", name_of(gemm.activation));
  spec.op = "Gemm";
  spec.attributes.set("alpha", gemm.alpha);
  spec.attributes.set("beta", gemm.beta);
  spec.attributes.set("transB", std::int64_t{gemm.trans_b ? 1 : 0});
  spec.inputs = {{gemm.a},
                 {gemm.trans_b ? Shape{gemm.columns, depth} : Shape{depth, gemm.columns}, true}};
  if (gemm.has_c) spec.inputs.push_back({gemm.c, true});
  spec.output = {gemm.a[0], gemm.columns};
  spec.activation = gemm.activation;
  return spec;
}

std::vector<CaseSpec> conv_cases() {
  std::vector<CaseSpec> cases;
  const std::vector<std::int64_t> channels = {1, 3, 5, 8, 16, 17};
  const std::vector<std::int64_t> batches = {1, 2, 7};
  const std::vector<Activation> activations = {{}, kRelu, kRelu6, kShiftedClip};
  std::size_t i = 0;
  for (const std::int64_t kernel : {1, 3, 5}) {
    for (const std::int64_t in : channels) {
      for (const std::int64_t out : {1, 8, 10, 17}) {
        const std::int64_t pad = kernel / 2;
        cases.push_back(conv_case({.x = {batches[i % 3], in, 9, 11},
                                   .out_channels = out,
                                   .kernel = {kernel, kernel},
                                   .pads = {pad, pad, pad, pad},
                                   .bias = i % 5 != 0,
                                   .activation = activations[i % 4]}));
        ++i;
      }
    }
  }
  for (const std::int64_t in : channels) {  // depthwise
    cases.push_back(conv_case({.x = {2, in, 8, 8},
                               .out_channels = in,
                               .kernel = {3, 3},
                               .group = in,
                               .pads = {1, 1, 1, 1},
                               .activation = activations[i++ % 4]}));
  }
  const std::vector<ConvSpec> special = {
      {.x = {2, 16, 12, 12}, .out_channels = 16, .kernel = {3, 3}, .pads = {0, 1, 2, 1}},
      {.x = {2, 3, 13, 13},
       .out_channels = 24,
       .kernel = {3, 3},
       .pads = {0, 0, 1, 1},
       .strides = {2, 2}},
      {.x = {7, 8, 14, 10}, .out_channels = 16, .kernel = {3, 3}, .strides = {2, 1}},
      {.x = {1, 16, 15, 15},
       .out_channels = 8,
       .kernel = {3, 3},
       .pads = {2, 2, 2, 2},
       .dilations = {2, 2}},
      {.x = {2, 16, 10, 10},
       .out_channels = 32,
       .kernel = {3, 3},
       .group = 2,
       .pads = {1, 1, 1, 1},
       .activation = kRelu},
      {.x = {2, 16, 10, 10}, .out_channels = 16, .kernel = {1, 1}, .strides = {2, 2}},
      {.x = {2, 3, 32, 32},
       .out_channels = 16,
       .kernel = {7, 7},
       .pads = {3, 3, 3, 3},
       .strides = {2, 2},
       .activation = kRelu},
      {.x = {2, 8, 11, 11},
       .out_channels = 8,
       .kernel = {3, 3},
       .strides = {2, 2},
       .auto_pad = "SAME_UPPER"},
      {.x = {2, 8, 12, 12},
       .out_channels = 8,
       .kernel = {3, 3},
       .strides = {2, 2},
       .auto_pad = "SAME_LOWER"},
      {.x = {2, 8, 12, 12}, .out_channels = 8, .kernel = {3, 3}, .auto_pad = "VALID"},
      {.x = {7, 8, 14, 14}, .out_channels = 24, .kernel = {3, 3}, .auto_pad = "SAME_UPPER"},
      {.x = {1, 40, 13, 6},
       .out_channels = 20,
       .kernel = {3, 3},
       .bias = false,
       .activation = kShiftedClip,
       .auto_pad = "SAME_LOWER"},
      {.x = {3, 24, 7, 7},
       .out_channels = 33,
       .kernel = {3, 3},
       .pads = {2, 0, 1, 2},
       .activation = kRelu6},
      {.x = {2, 16, 3, 3}, .out_channels = 8, .kernel = {3, 3}, .pads = {2, 2, 2, 2}},
      {.x = {2, 300, 8, 8},
       .out_channels = 48,
       .kernel = {3, 3},
       .pads = {1, 1, 1, 1},
       .activation = kRelu},
      {.x = {2, 8, 33}, .out_channels = 17, .kernel = {5}, .pads = {2, 1}, .activation = kRelu},
      {.x = {2, 3, 33}, .out_channels = 5, .kernel = {3}, .pads = {1, 1}, .strides = {2}},
      {.x = {2, 8, 6, 7, 5}, .out_channels = 8, .kernel = {3, 3, 3}, .pads = {1, 1, 1, 1, 1, 1}},
      {.x = {2, 17, 9, 9},
       .out_channels = 17,
       .kernel = {5, 5},
       .group = 17,
       .pads = {1, 2, 3, 2},
       .strides = {2, 2},
       .activation = kRelu6},
  };
  for (const ConvSpec& conv : special) cases.push_back(conv_case(conv));
  return cases;
}

std::vector<CaseSpec> pool_cases() {
  std::vector<CaseSpec> cases;
  for (const std::int64_t channels : {1, 3, 8, 16, 17}) {
    for (const std::string op : {"MaxPool", "AveragePool"}) {
      cases.push_back(
          pool_case({.op = op, .x = {2, channels, 14, 14}, .kernel = {2, 2}, .strides = {2, 2}}));
      cases.push_back(pool_case({.op = op,
                                 .x = {7, channels, 9, 11},
                                 .kernel = {3, 3},
                                 .pads = {0, 1, 1, 1},
                                 .strides = {2, 1}}));
      cases.push_back(pool_case({.op = op,
                                 .x = {1, channels, 10, 10},
                                 .kernel = {3, 3},
                                 .strides = {2, 2},
                                 .ceil_mode = true}));
      cases.push_back(pool_case({.op = op,
                                 .x = {2, channels, 7, 12},
                                 .kernel = {3, 2},
                                 .pads = {1, 0, 1, 1},
                                 .strides = {2, 2}}));
      cases.push_back(pool_case({.op = op, .x = {2, channels, 17}, .kernel = {3}, .pads = {1, 1}}));
    }
    cases.push_back(pool_case({.op = "AveragePool",
                               .x = {2, channels, 9, 9},
                               .kernel = {3, 3},
                               .pads = {1, 1, 1, 1},
                               .strides = {2, 2},
                               .count_padding = true}));
    for (const std::string op : {"GlobalAveragePool", "GlobalMaxPool"}) {
      cases.push_back(pool_case({.op = op, .x = {2, channels, 7, 7}, .kernel = {}}));
      cases.push_back(pool_case({.op = op, .x = {1, channels, 13, 5}, .kernel = {}}));
    }
  }
  cases.push_back(pool_case(
      {.op = "MaxPool", .x = {2, 8, 5, 6, 7}, .kernel = {2, 2, 2}, .strides = {1, 2, 2}}));
  return cases;
}

std::vector<CaseSpec> dense_cases() {
  std::vector<CaseSpec> cases;
  for (const std::int64_t rows : {1, 2, 3, 5, 6, 7, 13, 97, 200}) {
    for (const std::int64_t columns : {1, 10, 16, 17, 48, 100}) {
      cases.push_back(gemm_case({.a = {rows, 37},
                                 .columns = columns,
                                 .trans_b = rows % 2 == 0,
                                 .c = {columns},
                                 .activation = rows % 3 == 0 ? kRelu : Activation{}}));
    }
  }
  const std::vector<GemmSpec> special = {
      {.a = {7, 1568}, .columns = 48, .trans_b = true, .c = {48}, .activation = kRelu},
      {.a = {1, 1000}, .columns = 100, .c = {1, 100}, .activation = kRelu6},
      {.a = {64, 600}, .columns = 33, .c = {33}, .activation = kShiftedClip},
      {.a = {5, 20}, .columns = 9, .alpha = 0.5F, .beta = 2.0F, .c = {9}},
      {.a = {5, 20}, .columns = 9, .beta = 0.5F, .c = {}},
      {.a = {5, 20}, .columns = 9, .c = {1, 1}},
      {.a = {5, 20}, .columns = 9, .has_c = false},
      {.a = {3, 1}, .columns = 4, .c = {4}},
      {.a = {7, 5, 4, 4}, .columns = 10, .trans_b = true, .c = {10}},
      {.a = {7, 32, 7, 7}, .columns = 48, .trans_b = true, .c = {48}, .activation = kRelu},
      {.a = {2, 17, 3}, .columns = 20, .c = {20}},
      {.a = {2, 24, 1, 1}, .columns = 40, .c = {40}},
  };
  for (const GemmSpec& gemm : special) cases.push_back(gemm_case(gemm));
  cases.push_back(matmul_case({5, 20}, {20, 9}));
  cases.push_back(matmul_case({2, 3, 5, 20}, {20, 33}, kRelu));
  cases.push_back(matmul_case({3, 130, 300}, {300, 40}));
  return cases;
}

std::vector<CaseSpec> elementwise_cases() {
  std::vector<CaseSpec> cases;
  const std::vector<Shape> shapes = {{2, 3, 5, 7}, {7, 17, 4, 4}, {2, 16, 9}, {5, 13}, {70000}, {}};
  for (const Shape& shape : shapes) {
    cases.push_back(simple_case("Relu", shape, 1));
    cases.push_back(clip_case(shape, -0.5F, 0.5F));
    cases.push_back(clip_case(shape, 0.25F, 0.75F));
    for (const char* op : {"Add", "Sub", "Mul", "Div"}) {
      cases.push_back(simple_case(op, shape, 2));
      cases.push_back(simple_case(op, shape, 2, kRelu));
      cases.push_back(simple_case(op, shape, 2, kShiftedClip));
    }
    for (const char* op : {"Erf", "Exp", "HardSigmoid", "HardSwish", "Sigmoid", "Tanh"}) {
      cases.push_back(simple_case(op, shape, 1));
    }
  }
  return cases;
}

std::vector<CaseSpec> broadcast_cases() {
  std::vector<CaseSpec> cases;
  for (const char* op : {"Add", "Sub", "Mul", "Div"}) {
    for (const bool swapped : {false, true}) {
      for (const std::int64_t channels : {3, 8, 17, 24}) {
        const Shape image = {2, channels, 5, 7};
        cases.push_back(broadcast_case(op, image, {{2, channels, 1, 1}}, swapped));
        cases.push_back(broadcast_case(op, image, {{channels, 1, 1}, true}, swapped, kRelu));
        cases.push_back(broadcast_case(op, image, {{1, channels, 1, 1}, true}, swapped));
        cases.push_back(broadcast_case(op, image, {{}, true}, swapped));
        cases.push_back(broadcast_case(op, image, {{}}, swapped, kShiftedClip));
      }
      cases.push_back(broadcast_case(op, {5, 13}, {{13}, true}, swapped));
      cases.push_back(broadcast_case(op, {2, 16, 9}, {{16, 1}, true}, swapped));
    }
  }
  // Large enough for threads.
  cases.push_back(broadcast_case("Mul", {3, 24, 40, 40}, {{3, 24, 1, 1}}));
  cases.push_back(broadcast_case("Sub", {3, 120, 120}, {{1}, true}, true));
  cases.push_back(broadcast_case("Add", {7, 16, 384}, {{384}, true}));
  return cases;
}

std::vector<CaseSpec> row_cases() {
  std::vector<CaseSpec> cases;
  for (const std::int64_t length : {1, 3, 8, 17, 384, 2500}) {
    cases.push_back(simple_case("Softmax", {3, length}, 1));
    cases.push_back(simple_case("Softmax", {2, 12, 5, length}, 1));
    cases.push_back(layer_normalization_case({3, length, 2}, 1, true));
    cases.push_back(layer_normalization_case({2, 9, length}, 2, length % 2 == 0));
  }
  return cases;
}

std::vector<CaseSpec> conv_transpose_cases() {
  std::vector<CaseSpec> cases;
  std::size_t i = 0;
  for (const std::int64_t in : {1, 3, 8, 17, 40}) {
    for (const std::int64_t out : {1, 8, 10, 33}) {
      const Activation activations[] = {{}, kRelu, kShiftedClip};
      cases.push_back(transposed_case({i % 3 == 0 ? 1 : 2, in, 5, 7}, out, {2, 2}, i % 4 != 0,
                                      activations[i % 3]));
      ++i;
    }
  }
  cases.push_back(transposed_case({2, 24, 3, 100}, 16, {2, 2}, true, kRelu));
  cases.push_back(transposed_case({1, 8, 2, 3}, 8, {3, 1}, true, {}));
  cases.push_back(transposed_case({2, 8, 9}, 5, {4}, true, kRelu6));
  cases.push_back(transposed_case({1, 9, 2, 3, 4}, 10, {2, 1, 2}, false, {}));
  return cases;
}

std::vector<CaseSpec> blocked_cases() {
  std::vector<CaseSpec> cases;
  const auto concat = [&](std::vector<Shape> inputs, std::int64_t axis) {
    CaseSpec spec;
    spec.op = "Concat";
    spec.attributes.set("axis", axis);
    spec.output = inputs[0];
    spec.output[static_cast<std::size_t>(axis)] = 0;
    for (Shape& shape : inputs) {
      spec.output[static_cast<std::size_t>(axis)] += shape[static_cast<std::size_t>(axis)];
      spec.name += (spec.name.empty() ? "Concat " : " and ") + to_string(shape);
      spec.inputs.push_back({std::move(shape)});
    }
    cases.push_back(std::move(spec));
  };
  concat({{2, 16, 3, 4}, {2, 32, 3, 4}, {2, 5, 3, 4}}, 1);
  concat({{2, 5, 3, 4}, {2, 5, 3, 1}}, 3);
  concat({{1, 20, 2, 3}, {1, 20, 5, 3}}, 2);
  for (const Shape& x : {Shape{2, 5, 3, 4}, Shape{1, 16, 7}, Shape{2, 9, 2, 3, 2}}) {
    CaseSpec spec;
    spec.name = "Resize " + to_string(x);
    spec.op = "Resize";
    spec.attributes.set("coordinate_transformation_mode", "asymmetric");
    spec.attributes.set("nearest_mode", "floor");
    InputSpec scales{.shape = {static_cast<std::int64_t>(x.size())},
                     .constant = true,
                     .dtype = DType::kF32,
                     .values = std::vector<double>(x.size(), 2)};
    scales.values[0] = scales.values[1] = 1;
    spec.output = x;
    for (std::size_t i = 2; i < x.size(); ++i) spec.output[i] *= 2;
    spec.inputs = {{x}, {.shape = {}, .dtype = DType::kUndefined}, std::move(scales)};
    cases.push_back(spec);
    spec.name = "Upsample " + to_string(x);
    spec.op = "Upsample";
    spec.version = 9;
    spec.attributes = {};
    spec.inputs.erase(spec.inputs.begin() + 1);
    cases.push_back(std::move(spec));
  }
  return cases;
}

std::vector<CaseSpec> all_cases() {
  std::vector<CaseSpec> cases;
  for (auto&& table : {conv_cases(), conv_transpose_cases(), pool_cases(), dense_cases(),
                       elementwise_cases(), broadcast_cases(), row_cases()}) {
    cases.insert(cases.end(), table.begin(), table.end());
  }
  return cases;
}

std::vector<CaseSpec> lenet_cases(std::int64_t batch) {
  return {
      conv_case({.x = {batch, 1, 28, 28},
                 .out_channels = 16,
                 .kernel = {3, 3},
                 .pads = {1, 1, 1, 1},
                 .activation = kRelu}),
      pool_case({.op = "MaxPool", .x = {batch, 16, 28, 28}, .kernel = {2, 2}, .strides = {2, 2}}),
      conv_case({.x = {batch, 16, 14, 14},
                 .out_channels = 32,
                 .kernel = {3, 3},
                 .pads = {1, 1, 1, 1},
                 .activation = kRelu}),
      pool_case({.op = "MaxPool", .x = {batch, 32, 14, 14}, .kernel = {2, 2}, .strides = {2, 2}}),
      gemm_case(
          {.a = {batch, 1568}, .columns = 48, .trans_b = true, .c = {48}, .activation = kRelu}),
      gemm_case({.a = {batch, 48}, .columns = 10, .trans_b = true, .c = {10}}),
  };
}

std::vector<CaseSpec> large_cases(std::int64_t batch) {
  return {
      conv_case({.x = {batch, 3, 224, 224},
                 .out_channels = 64,
                 .kernel = {7, 7},
                 .pads = {3, 3, 3, 3},
                 .strides = {2, 2},
                 .activation = kRelu}),
      pool_case({.op = "MaxPool",
                 .x = {batch, 64, 112, 112},
                 .kernel = {3, 3},
                 .pads = {1, 1, 1, 1},
                 .strides = {2, 2}}),
      pool_case({.op = "GlobalAveragePool", .x = {batch, 512, 7, 7}, .kernel = {}}),
      pool_case({.op = "AveragePool", .x = {batch, 256, 14, 14}, .kernel = {3, 3}}),
      conv_case({.x = {batch, 64, 56, 56},
                 .out_channels = 64,
                 .kernel = {3, 3},
                 .pads = {1, 1, 1, 1},
                 .activation = kRelu}),
      conv_case({.x = {batch, 128, 28, 28},
                 .out_channels = 128,
                 .kernel = {3, 3},
                 .pads = {1, 1, 1, 1},
                 .activation = kRelu}),
      conv_case({.x = {batch, 256, 14, 14},
                 .out_channels = 256,
                 .kernel = {3, 3},
                 .pads = {1, 1, 1, 1},
                 .activation = kRelu}),
      conv_case({.x = {batch, 512, 7, 7},
                 .out_channels = 512,
                 .kernel = {3, 3},
                 .pads = {1, 1, 1, 1},
                 .activation = kRelu}),
      conv_case(
          {.x = {batch, 256, 14, 14}, .out_channels = 1024, .kernel = {1, 1}, .activation = kRelu}),
      conv_case({.x = {batch, 96, 56, 56},
                 .out_channels = 96,
                 .kernel = {3, 3},
                 .group = 96,
                 .pads = {1, 1, 1, 1},
                 .activation = kRelu}),
      gemm_case({.a = {batch, 512}, .columns = 1000, .trans_b = true, .c = {1000}}),
      gemm_case({.a = {batch, 4096}, .columns = 4096, .trans_b = true, .c = {4096}}),
      matmul_case({batch, 64, 384}, {384, 1536}),
  };
}

std::int64_t multiply_adds(const CaseSpec& spec) {
  if (spec.op == "Conv") {
    return element_count(spec.output) * element_count(std::span(spec.inputs[1].shape).subspan(1));
  }
  if (spec.op == "Gemm" || spec.op == "MatMul") {
    return element_count(spec.inputs[1].shape) * element_count(spec.output) / spec.output.back();
  }
  return element_count(spec.output);
}

}  // namespace widepipe::kernels::testing
