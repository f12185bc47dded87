#pragma once

#include <memory>
#include <string>

#include "model/model.h"
#include "mpi_runtime/row_reader.h"

namespace widepipe::jobs {

/// Why rows of this model must run one at a time, found by running two rows of the data together
/// and apart; empty if they need not, or if these rows cannot be read or run: the job will tell.
std::string why_one_row(const std::shared_ptr<const model::Model>& model,
                        const mpi_runtime::StreamSource& source);

}  // namespace widepipe::jobs
