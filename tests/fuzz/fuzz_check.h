#pragma once
// What the fuzzers of this folder share.

#include <cstdio>
#include <cstdlib>

namespace widepipe::fuzz {

/// What must hold for any bytes. The fuzzer keeps the input that ends the process here.
inline void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace widepipe::fuzz
