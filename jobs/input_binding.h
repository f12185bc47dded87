#pragma once
// Which data set feeds which input of a model.

#include <string>
#include <vector>

#include "dataset/source_spec.h"
#include "jobs/job_spec.h"
#include "model/model.h"
#include "mpi_runtime/row_reader.h"

namespace widepipe::jobs {

/// The source of each model input, in the order of model.inputs(). Throws InputError: an unknown,
/// doubled or missing name.
std::vector<dataset::SourceSpec> match_inputs(const model::Model& model,
                                              const std::vector<InputSpec>& inputs);

/// Opens the sources, one a model input, and checks that they hold what the model wants: the type
/// convertible, the shape of a row equal, the same number of rows in each. Throws InputError.
mpi_runtime::StreamSource open_inputs(const model::Model& model,
                                      const std::vector<dataset::SourceSpec>& specs,
                                      const dataset::RowWindow& window);

/// "[N, 1, 28, 28]": a shape with its batch axis, for messages.
std::string shape_with_batch(const Shape& row_shape);

}  // namespace widepipe::jobs
