#pragma once

#include "dataset/derived_rows.h"
#include "dataset/source_spec.h"

namespace widepipe::dataset {

/// Rows with their channels moved to the front, scaled and shifted by channel. A channel is an
/// index on axis 0 of the row, as it is after the move.
///
/// Each value is taken as f64, multiplied, added to, and rounded once to the type wanted: the
/// same bits on every machine.
class ChannelRows final : public DerivedRows {
 public:
  /// Throws InputError: a number of factors that is neither one nor that of the channels, factors
  /// that are not finite, channels to move in rows of one number.
  ChannelRows(std::shared_ptr<const RowSource> base, const SourceSpec& spec);

  Shape row_shape() const override { return row_shape_; }
  /// With factors, also throws InputError unless `as` is f32 or f64.
  void check_readable_as(DType as) const override;

 private:
  StringFields own_settings() const override;
  void read_checked(RowRange rows, DType as, std::span<std::byte> out) const override;
  bool has_factors() const { return !scale_.empty(); }
  void check_factors(const char* what, const std::vector<double>& factors) const;
  void move_channels(std::span<const std::byte> from, std::span<std::byte> to) const;
  void apply_factors(std::span<const std::byte> from, DType as, std::span<std::byte> to) const;

  SourceSpec spec_;
  Shape row_shape_;
  std::int64_t channels_ = 1;
  std::int64_t channel_elements_ = 1;
  std::vector<double> scale_;   ///< by channel; empty if values stay as they are
  std::vector<double> offset_;  ///< by channel, where scale_ is
};

}  // namespace widepipe::dataset
