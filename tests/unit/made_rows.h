#pragma once
// Rows of floats that are in no file: what they are, says who derives from it.

#include <string>
#include <utility>
#include <vector>

#include "dataset/row_source.h"

namespace widepipe::testing {

class MadeRows : public dataset::RowSource {
 public:
  MadeRows(std::string name, std::int64_t rows, std::int64_t width)
      : name_(std::move(name)), rows_(rows), width_(width) {}

  std::string name() const override { return name_; }
  std::vector<std::string> files() const override { return {}; }
  std::int64_t rows() const override { return rows_; }
  Shape row_shape() const override { return {width_}; }
  DType dtype() const override { return DType::kF32; }
  std::string dtype_name() const override { return "f32"; }
  std::int64_t chunk_rows() const override { return 0; }
  dataset::InputIdentity identity() const override { return {}; }
  dataset::StringFields settings() const override { return {}; }
  dataset::StringFields describe() const override { return {}; }

 private:
  const std::string name_;
  const std::int64_t rows_;
  const std::int64_t width_;
};

}  // namespace widepipe::testing
