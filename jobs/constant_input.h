#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/tensor.h"
#include "jobs/job_spec.h"
#include "model/model.h"

namespace widepipe::jobs {

/// The constant of a spec as a tensor for this input: one value fills it, or there is one for each
/// element. Sizes that the model leaves open are 1, or follow from the values if there is only one
/// such size. Throws InputError: another number of values, one that the type cannot hold.
std::shared_ptr<const Tensor> constant_tensor(std::string_view label,
                                              const model::DeclaredInput& input,
                                              const InputSpec& spec);

/// "16000", "0.5, 0.25", or for many their number and hash: equal texts, equal values.
std::string constant_text(const InputSpec& spec);

}  // namespace widepipe::jobs
