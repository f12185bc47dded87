#include "kernels/isa.h"

#include <fmt/format.h>

#include <hwy/base.h>
#include <hwy/targets.h>
#include <algorithm>
#include <array>
#include <oneapi/dnnl/dnnl.hpp>

#include "core/error.h"

namespace widepipe::kernels {
namespace {

struct Isa {
  std::string_view name;
  dnnl::cpu_isa limit;
  std::int64_t disabled_targets;  ///< Highway numbers better targets with lower bits
};

constexpr std::array<Isa, 3> kIsas = {{
    {"sse41", dnnl::cpu_isa::sse41, HWY_SSE4 - 1},
    {"avx2", dnnl::cpu_isa::avx2, HWY_AVX2 - 1},
    {"avx512", dnnl::cpu_isa::avx512_core, 0},
}};

bool processor_has(std::string_view name) {
  if (name == "avx512") return __builtin_cpu_supports("avx512bw") != 0;
  if (name == "avx2") {
    return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  }
  return __builtin_cpu_supports("sse4.1") != 0;
}

}  // namespace

std::string effective_isa() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "sse41";
    case dnnl::cpu_isa::avx:
      return "avx";
    case dnnl::cpu_isa::avx2:
      return "avx2";
    case dnnl::cpu_isa::avx2_vnni:
      return "avx2-vnni";
    case dnnl::cpu_isa::avx512_core:
      return "avx512";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "avx512-vnni";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "avx512-bf16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "avx512-amx";
    default:
      return "generic";
  }
}

void pin_isa(std::string_view name) {
  const auto isa =
      std::find_if(kIsas.begin(), kIsas.end(), [name](const Isa& i) { return i.name == name; });
  if (isa == kIsas.end()) {
    throw_input_error("instruction set '{}' is not known: expected sse41, avx2 or avx512", name);
  }
  if (!processor_has(name)) {
    throw_input_error("instruction set '{}' is not available on this processor", name);
  }
  dnnl::set_max_cpu_isa(isa->limit);
  hwy::DisableTargets(isa->disabled_targets);
}

std::string kernel_library_versions() {
  const dnnl::version_t* dnnl_version = dnnl::version();
  return fmt::format("oneDNN {}.{}.{}", dnnl_version->major, dnnl_version->minor,
                     dnnl_version->patch);
}

}  // namespace widepipe::kernels
