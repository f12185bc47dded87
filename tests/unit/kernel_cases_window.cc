#include "tests/unit/kernel_cases.h"

#include <fmt/format.h>

#include <utility>

namespace widepipe::kernels::testing {
namespace {

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

}  // namespace widepipe::kernels::testing
