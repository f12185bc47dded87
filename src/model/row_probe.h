#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/model.h"

namespace widepipe::model {

/// One row of each input of a model, in the order of its ports.
using InputRow = std::vector<std::span<const std::byte>>;

/// Runs the rows together and apart: why they must not go together, or nothing if every row's
/// result has the same bits both ways. Shapes alone do not tell: axis 0 of a model may be time.
/// Costs a few plans and runs; say nothing of a model that runs one row at a time anyhow.
std::string why_rows_interfere(const std::shared_ptr<const Model>& model,
                               std::span<const InputRow> rows);

}  // namespace widepipe::model
