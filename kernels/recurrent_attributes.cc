#include "kernels/recurrent_attributes.h"

#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "core/error.h"

namespace widepipe::kernels {

RecurrentAttributes recurrent_attributes(std::string_view op, const Attributes& attributes) {
  const std::string direction = attributes.text("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
    throw_input_error("attribute direction: expected forward, reverse or bidirectional, found {}",
                      direction);
  }
  const std::int64_t directions = direction == "bidirectional" ? 2 : 1;
  std::vector<std::string> expected;
  for (std::int64_t i = 0; i < directions; ++i) {
    expected.insert(expected.end(), {"Sigmoid", "Tanh"});
    if (op == "LSTM") expected.emplace_back("Tanh");
  }
  const std::vector<std::string> activations = attributes.texts("activations");
  if (!activations.empty() && activations != expected) {
    throw_input_error("attribute activations: expected {}, found {}", fmt::join(expected, ", "),
                      fmt::join(activations, ", "));
  }
  if (attributes.has("clip")) throw_input_error("attribute clip is not supported");
  if (attributes.integer("input_forget", 0) != 0) {
    throw_input_error("attribute input_forget: expected 0, found 1");
  }
  const std::int64_t hidden = attributes.integer("hidden_size", 0);
  if (hidden < 1) throw_input_error("attribute hidden_size: expected at least 1, found {}", hidden);
  return {.directions = directions,
          .reversed = direction == "reverse",
          .hidden = hidden,
          .batch_first = attributes.integer("layout", 0) != 0,
          .linear_before_reset = attributes.integer("linear_before_reset", 0) != 0};
}

}  // namespace widepipe::kernels
