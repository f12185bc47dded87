#pragma once

namespace widepipe {

/// The version of the project (CMakeLists.txt).
inline constexpr const char* kVersion = WIDEPIPE_VERSION;

}  // namespace widepipe
