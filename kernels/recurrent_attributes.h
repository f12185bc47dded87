#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/attributes.h"

namespace widepipe::kernels {

/// The attributes of LSTM and GRU, read in the same way by shape inference and by kernels.
struct RecurrentAttributes {
  std::int64_t directions;  ///< 1 or 2
  bool reversed;            ///< the only direction goes from the last step to the first
  std::int64_t hidden;
  bool batch_first;          ///< layout 1: the batch before the steps
  bool linear_before_reset;  ///< GRU only
};

/// Throws InputError naming an attribute that we do not support: other activations than the default
/// ones, clip, input_forget.
RecurrentAttributes recurrent_attributes(std::string_view op, const Attributes& attributes);

}  // namespace widepipe::kernels
