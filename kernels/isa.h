#pragma once
// The instruction set that the kernels use: part of what a row's bits depend on.

#include <string>
#include <string_view>

namespace widepipe::kernels {

/// "sse41", "avx2", "avx512", ...: the best that processor and pin allow.
std::string effective_isa();

/// Keeps all kernels at or below an instruction set ("sse41", "avx2" or "avx512"). Call it
/// before any kernel is chosen. Throws InputError for another name, or one that this processor
/// does not have.
void pin_isa(std::string_view name);

/// The libraries whose versions a row's bits depend on: "oneDNN 2.6.3".
std::string kernel_library_versions();

}  // namespace widepipe::kernels
