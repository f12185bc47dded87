#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataset/row_sink.h"
#include "dataset/row_source.h"

namespace widepipe::dataset {

/// Copies columns of the input beside the results: keys, labels. The rows of a sink's last
/// columns are read from `carried`, in that order, when the rows they belong to are done or
/// failed; before their status is written, so that the journal never names a row without them.
/// They are read on the writer's thread, by rank 0 alone.
class CarryingSink final : public RowSink {
 public:
  /// `sink` outlives this. Each of `carried` has the rows of the sink, and its column is of
  /// their dtype() and row_shape().
  CarryingSink(RowSink& sink, std::vector<std::shared_ptr<const RowSource>> carried);

  /// Without those that are carried.
  std::size_t column_count() const override { return sink_.column_count() - carried_.size(); }
  void write_rows(std::size_t column, RowRange rows, std::span<const std::byte> bytes) override;
  void write_status(RowRange rows, RowStatus status) override;
  void sync() override { sink_.sync(); }

 private:
  RowSink& sink_;
  std::vector<std::shared_ptr<const RowSource>> carried_;
};

}  // namespace widepipe::dataset
