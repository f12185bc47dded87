#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// LSTM (with peepholes) and GRU, f32, forward, reverse or both, with the default activations. The
/// steps of a row that its sequence_lens leaves out give zeros; lengths are clipped to the steps
/// there are. Outputs may be left out.
Support ref_lstm_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_lstm_create(const KernelCase& kernel_case, WeightStore& weights);

Support ref_gru_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_gru_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
