#pragma once

#include <memory>

#include "dataset/row_source.h"
#include "dataset/source_spec.h"

namespace widepipe::dataset {

/// Opens and checks all that `spec` names, and takes the window of it. Throws InputError.
std::shared_ptr<const RowSource> open_source(const SourceSpec& spec, const RowWindow& window);

}  // namespace widepipe::dataset
