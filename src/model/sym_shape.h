#pragma once
// Shapes of which the number of rows is not known yet.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace widepipe::model {

/// fixed + per_row * N, where N is the number of rows of the batch.
struct Dim {
  std::int64_t fixed = 0;
  std::int64_t per_row = 0;

  bool is_fixed() const { return per_row == 0; }
  std::int64_t at(std::int64_t rows) const { return fixed + per_row * rows; }
  bool operator==(const Dim&) const = default;
};

/// N.
inline constexpr Dim kBatch{.fixed = 0, .per_row = 1};

using SymShape = std::vector<Dim>;

SymShape fixed_shape(const Shape& shape);
bool is_fixed(const SymShape& shape);
/// The shape for a batch of `rows` rows.
Shape at(const SymShape& shape, std::int64_t rows);

/// Product of the dimensions; {1, 0} for none. Throws InputError if it does not fit in 63 bits, or
/// is not of the form of a Dim because two of them depend on N.
Dim product(std::span<const Dim> dims);

/// total / part, if it is a Dim: the whole number, per row and fixed, that makes up the total.
std::optional<Dim> divide(const Dim& total, const Dim& part);

/// The shape to which both are stretched, aligned at the last axis, as in NumPy. Throws InputError
/// if they do not fit.
SymShape broadcast(const SymShape& a, const SymShape& b);

/// "N", "4N", "3", "2N+1".
std::string to_string(const Dim& dim);
/// "[N, 3, 28, 28]".
std::string to_string(const SymShape& shape);

}  // namespace widepipe::model
