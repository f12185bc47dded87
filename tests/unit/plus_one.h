#pragma once

#include <memory>
#include <vector>

#include "model/model.h"
#include "tests/unit/onnx_builder.h"

namespace widepipe::testing {

/// y = max(x + 1, 0) for rows of three numbers.
inline std::shared_ptr<const model::Model> plus_one() {
  OnnxBuilder builder;
  builder.input("x", {"N", "3"})
      .constant("one", tensor_of({3}, std::vector<float>{1, 1, 1}))
      .node("Add", {"x", "one"}, {"sum"})
      .node("Relu", {"sum"}, {"y"})
      .output("y", {"N", "3"});
  return model::Model::from_bytes(builder.bytes(), "plus_one.onnx");
}

}  // namespace widepipe::testing
