#include "tests/unit/kernel_cases.h"

#include <fmt/format.h>

#include <utility>

namespace widepipe::kernels::testing {

CaseSpec matmul_case(Shape a, Shape b, Activation activation) {
  CaseSpec spec;
  spec.name = fmt::format("MatMul {} {}{}", to_string(a), to_string(b), name_of(activation));
  spec.op = "MatMul";
  spec.output = a;
  spec.output.back() = b.back();
  spec.inputs = {{std::move(a)}, {std::move(b), true}};
  spec.activation = activation;
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

}  // namespace widepipe::kernels::testing
