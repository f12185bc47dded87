#pragma once

#include "model/graph.h"

namespace widepipe::model {

/// Runs the passes of passes/ on a graph whose types have been inferred. Outputs change by rounding
/// only.
void optimize(Graph& graph);

}  // namespace widepipe::model
