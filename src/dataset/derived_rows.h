#pragma once

#include <memory>
#include <utility>

#include "dataset/row_source.h"

namespace widepipe::dataset {

/// Rows of another source with something done to them; unless overridden, all is as there.
class DerivedRows : public RowSource {
 public:
  std::string name() const override { return base_->name(); }
  std::vector<std::string> files() const override { return base_->files(); }
  std::int64_t rows() const override { return base_->rows(); }
  Shape row_shape() const override { return base_->row_shape(); }
  DType dtype() const override { return base_->dtype(); }
  std::string dtype_name() const override { return base_->dtype_name(); }
  std::int64_t chunk_rows() const override { return base_->chunk_rows(); }
  InputIdentity identity() const override { return base_->identity(); }
  StringFields settings() const override { return with_own(base_->settings()); }
  StringFields describe() const override { return with_own(base_->describe()); }

 protected:
  explicit DerivedRows(std::shared_ptr<const RowSource> base) : base_(std::move(base)) {}
  const RowSource& base() const { return *base_; }

 private:
  /// What this source adds to the settings of its base.
  virtual StringFields own_settings() const = 0;
  StringFields with_own(StringFields fields) const;

  std::shared_ptr<const RowSource> base_;
};

}  // namespace widepipe::dataset
