#pragma once
// What is kept of a model's outputs, and where.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/output_spec.h"
#include "dataset/row_source.h"
#include "jobs/job_spec.h"
#include "model/model.h"
#include "mpi_runtime/stored_columns.h"

namespace widepipe::jobs {

/// The outputs that a stream names, for model::Binding; empty for all. Throws InputError that lists
/// what the model has.
std::vector<std::string> chosen_outputs(std::string_view label, const model::Declared& declared,
                                        const StreamSpec& stream);

/// What the ranks make of the outputs of a model that is bound to the stream. Throws InputError:
/// a form that an output cannot have.
mpi_runtime::StreamOutputs stream_outputs(const model::Model& model, const StreamSpec& stream);

/// What the results of so many rows need in the stream's output.
dataset::OutputSpec result_spec(const model::Model& model,
                                const mpi_runtime::StreamOutputs& outputs, const StreamSpec& stream,
                                std::int64_t rows);

/// "features raw, scores top 5": what identifies the choice; empty if nothing was chosen.
std::string outputs_text(const StreamSpec& stream, const model::Model& model,
                         const mpi_runtime::StreamOutputs& outputs);

/// Data sets whose rows go to the output as they are, in the order of the stream. Throws
/// InputError.
std::vector<std::shared_ptr<const dataset::RowSource>> open_carried(const StreamSpec& stream,
                                                                    std::int64_t rows);

}  // namespace widepipe::jobs
