#pragma once
// What feeds which input of a model.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/source_spec.h"
#include "jobs/job_spec.h"
#include "model/model.h"
#include "mpi_runtime/row_reader.h"

namespace widepipe::jobs {

/// By model input.
using MatchedInputs = std::map<std::string, InputSpec>;
using OpenInputs = std::map<std::string, std::shared_ptr<const dataset::RowSource>>;

/// Which spec feeds each of a model's inputs, of which these are all the `names`. The results have
/// these names, their data no "NAME=" before it. Throws InputError: an unknown, doubled or missing
/// name. `label` is the model's.
MatchedInputs match_inputs(std::string_view label, const std::vector<std::string>& names,
                           const std::vector<InputSpec>& specs);

/// Opens all that are not constants. Throws InputError.
OpenInputs open_inputs(const MatchedInputs& inputs, const dataset::RowWindow& window);

/// What inputs say about a model: constants, batch axes, and sizes that it leaves open. Throws
/// InputError: a constant that the input cannot have, rows with another number of axes.
model::Binding bind_inputs(std::string_view label, const model::Declared& declared,
                           const MatchedInputs& inputs, const OpenInputs& open);

/// The input has sizes, besides the batch on axis 0 or where the job says, that only data can tell.
bool has_open_sizes(const model::DeclaredInput& input, bool batch_axis_given);

/// In the order of model.inputs(), checked to hold what the model wants: the type convertible, the
/// shape of a row equal, the same number of rows in each. Throws InputError.
mpi_runtime::StreamSource fit_inputs(const model::Model& model, const OpenInputs& open);

/// All of this for a model that is already bound, as ranks other than 0 have it. Throws InputError.
mpi_runtime::StreamSource open_source(const model::Model& model, const StreamSpec& stream);

/// "[N, 1, 28, 28]": a shape with its batch axis, for messages.
std::string shape_with_batch(const Shape& row_shape);

}  // namespace widepipe::jobs
