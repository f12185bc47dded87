#include "core/console.h"

namespace widepipe {

void say(std::FILE* out, std::string_view text) noexcept {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), out));
  static_cast<void>(std::fflush(out));
}

}  // namespace widepipe
