#pragma once
// One table of cases for the tests and the benchmark; its parts are in kernel_cases_*.cc.

#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/kernel_harness.h"

namespace widepipe::kernels::testing {

std::vector<CaseSpec> conv_cases();
/// Of windows that do not overlap.
std::vector<CaseSpec> conv_transpose_cases();
std::vector<CaseSpec> pool_cases();
/// Gemm and MatMul with constant matrices.
std::vector<CaseSpec> dense_cases();
/// Functions of one input, and of two of one shape.
std::vector<CaseSpec> elementwise_cases();
/// Add, Sub, Mul and Div where one input is broadcast.
std::vector<CaseSpec> broadcast_cases();
/// Softmax and LayerNormalization.
std::vector<CaseSpec> row_cases();
std::vector<CaseSpec> all_cases();
/// Concat and Resize of inputs that arrive blocked by 8: their plain form has no faster kernel.
std::vector<CaseSpec> blocked_cases();

/// The layers of a small convolutional net on 28x28 images.
std::vector<CaseSpec> lenet_cases(std::int64_t batch);
/// Layers of residual nets on 224x224 images, where throughput shows.
std::vector<CaseSpec> large_cases(std::int64_t batch);

constexpr Activation kRelu{.kind = Activation::Kind::kRelu, .lo = 0.0F, .hi = 0.0F};
constexpr Activation kRelu6{.kind = Activation::Kind::kClip, .lo = 0.0F, .hi = 6.0F};
/// Maps zero, and so the padding of blocked channels, to something else.
constexpr Activation kShiftedClip{.kind = Activation::Kind::kClip, .lo = 0.25F, .hi = 0.75F};
/// For names of cases: " relu", " clip", or nothing.
std::string_view name_of(const Activation& activation);

/// Shapes and attributes of a Conv; Y's shape follows.
struct ConvSpec {
  Shape x;
  std::int64_t out_channels;
  Shape kernel;
  std::int64_t group = 1;
  std::vector<std::int64_t> pads = {};
  std::vector<std::int64_t> strides = {};
  std::vector<std::int64_t> dilations = {};
  bool bias = true;
  Activation activation = {};
  std::string auto_pad = {};
};
CaseSpec conv_case(const ConvSpec& conv);

struct PoolSpec {
  std::string op;
  Shape x;
  Shape kernel;
  std::vector<std::int64_t> pads = {};
  std::vector<std::int64_t> strides = {};
  std::vector<std::int64_t> dilations = {};
  bool ceil_mode = false;
  bool count_padding = false;
};
CaseSpec pool_case(const PoolSpec& pool);

/// Gemm of A [rows, depth] (or a longer shape) and a constant B.
struct GemmSpec {
  Shape a;
  std::int64_t columns;
  bool trans_b = false;
  float alpha = 1.0F;
  float beta = 1.0F;
  Shape c = {};
  bool has_c = true;
  Activation activation = {};
};
CaseSpec gemm_case(const GemmSpec& gemm);
/// Of A and a constant B.
CaseSpec matmul_case(Shape a, Shape b, Activation activation = {});

/// Of Conv, Gemm and MatMul; for other operators, elements of the output.
std::int64_t multiply_adds(const CaseSpec& spec);

}  // namespace widepipe::kernels::testing
