#include "model/sym_shape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"

namespace widepipe::model {
namespace {

std::int64_t multiply(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) {
    throw_input_error("{} x {} elements do not fit in 63 bits", a, b);
  }
  return result;
}

}  // namespace

SymShape fixed_shape(const Shape& shape) {
  SymShape result;
  for (const std::int64_t size : shape) result.push_back({.fixed = size});
  return result;
}

bool is_fixed(const SymShape& shape) {
  return std::all_of(shape.begin(), shape.end(), [](const Dim& dim) { return dim.is_fixed(); });
}

Shape at(const SymShape& shape, std::int64_t rows) {
  Shape result;
  for (const Dim& dim : shape) result.push_back(dim.at(rows));
  return result;
}

Dim product(std::span<const Dim> dims) {
  Dim result{.fixed = 1};
  for (const Dim& dim : dims) {
    if (!result.is_fixed() && !dim.is_fixed()) {
      throw_input_error("{} x {} elements: the batch N occurs twice", to_string(result),
                        to_string(dim));
    }
    const Dim& varying = dim.is_fixed() ? result : dim;
    const std::int64_t factor = dim.is_fixed() ? dim.fixed : result.fixed;
    result = {.fixed = multiply(varying.fixed, factor),
              .per_row = multiply(varying.per_row, factor)};
  }
  return result;
}

std::optional<Dim> divide(const Dim& total, const Dim& part) {
  if (part.is_fixed()) {
    if (part.fixed == 0 || total.fixed % part.fixed != 0 || total.per_row % part.fixed != 0) {
      return std::nullopt;
    }
    return Dim{.fixed = total.fixed / part.fixed, .per_row = total.per_row / part.fixed};
  }
  // Both depend on N: the ratio is fixed where the parts are proportional.
  const std::int64_t ratio = total.per_row / part.per_row;
  if (ratio * part.per_row != total.per_row || ratio * part.fixed != total.fixed) {
    return std::nullopt;
  }
  return Dim{.fixed = ratio};
}

SymShape broadcast(const SymShape& a, const SymShape& b) {
  const SymShape& longer = a.size() >= b.size() ? a : b;
  const SymShape& shorter = a.size() >= b.size() ? b : a;
  constexpr Dim kOne{.fixed = 1};
  SymShape result = longer;
  const std::size_t skipped = longer.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    Dim& dim = result[skipped + i];
    if (dim == shorter[i] || shorter[i] == kOne) continue;
    if (dim != kOne) {
      throw_input_error("shapes {} and {} cannot be broadcast together", to_string(a),
                        to_string(b));
    }
    dim = shorter[i];
  }
  return result;
}

std::string to_string(const Dim& dim) {
  if (dim.is_fixed()) return fmt::format("{}", dim.fixed);
  const std::string rows = dim.per_row == 1 ? "N" : fmt::format("{}N", dim.per_row);
  return dim.fixed == 0 ? rows : fmt::format("{}{:+}", rows, dim.fixed);
}

std::string to_string(const SymShape& shape) {
  std::vector<std::string> dims;
  for (const Dim& dim : shape) dims.push_back(to_string(dim));
  return fmt::format("[{}]", fmt::join(dims, ", "));
}

}  // namespace widepipe::model
