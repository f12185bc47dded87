#pragma once

#include <string>

#include "dataset/output_spec.h"

namespace widepipe::dataset {

/// A small output with three columns of different types.
inline OutputSpec make_spec(const std::string& file, std::int64_t rows = 100) {
  return {{file, "/net"},
          {{"/net/scores", DType::kF32, {3}},
           {"/net/labels", DType::kI64, {}},
           {"/flags", DType::kBool, {}}},
          rows,
          {{"model", "m\u00f6del"}, {"input", ""}},
          "/status"};
}

}  // namespace widepipe::dataset
