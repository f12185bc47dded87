#include "tests/unit/kernel_cases.h"

namespace widepipe::kernels::testing {

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
