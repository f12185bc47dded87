#include "dataset/channel_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "core/aligned_buffer.h"
#include "core/error.h"
#include "dataset/convert.h"
#include "dataset/dtype_dispatch.h"

namespace widepipe::dataset {
namespace {

Shape channels_first(Shape shape) {
  if (!shape.empty()) std::rotate(shape.begin(), shape.end() - 1, shape.end());
  return shape;
}

std::vector<double> by_channel(const std::vector<double>& given, std::int64_t channels,
                               double none) {
  const auto count = static_cast<std::size_t>(channels);
  if (given.size() == count) return given;
  return std::vector<double>(count, given.empty() ? none : given.front());
}

/// [elements, channels] to [channels, elements].
template <typename T>
void transpose(const std::byte* from, std::byte* to, std::int64_t elements, std::int64_t channels) {
  const T* source = reinterpret_cast<const T*>(from);
  T* target = reinterpret_cast<T*>(to);
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t e = 0; e < elements; ++e) *target++ = source[e * channels + c];
  }
}

double number(Bool value) { return value.byte; }
template <typename T>
double number(T value) {
  return static_cast<double>(value);
}

template <typename From, typename To>
void scale_and_shift(const From* __restrict from, To* __restrict to, std::int64_t count,
                     double scale, double offset) {
  for (std::int64_t i = 0; i < count; ++i) {
    to[i] = static_cast<To>(number(from[i]) * scale + offset);
  }
}

}  // namespace

ChannelRows::ChannelRows(std::shared_ptr<const RowSource> rows, const SourceSpec& spec)
    : DerivedRows(std::move(rows)),
      spec_(spec),
      row_shape_(spec.channels_last ? channels_first(base().row_shape()) : base().row_shape()) {
  if (spec.channels_last && row_shape_.empty()) {
    throw_input_error("{}: channels-last rows need a channel axis, found rows of one number",
                      name());
  }
  if (!row_shape_.empty()) {
    channels_ = row_shape_.front();
    channel_elements_ = element_count(std::span(row_shape_).subspan(1));
  }
  check_factors("scale", spec.scale);
  check_factors("offset", spec.offset);
  if (!spec.scale.empty() || !spec.offset.empty()) {
    scale_ = by_channel(spec.scale, channels_, 1);
    offset_ = by_channel(spec.offset, channels_, 0);
  }
}

void ChannelRows::check_factors(const char* what, const std::vector<double>& factors) const {
  const auto count = static_cast<std::int64_t>(factors.size());
  if (count > 1 && count != channels_) {
    throw_input_error("{}: {}: expected 1 value, or {} for the channels of {}, found {}", name(),
                      what, channels_, to_string(row_shape_), count);
  }
  for (const double factor : factors) {
    if (!std::isfinite(factor)) {
      throw_input_error("{}: {}: expected finite numbers, found {}", name(), what, factor);
    }
  }
}

void ChannelRows::check_readable_as(DType as) const {
  if (has_factors() && as != DType::kF32 && as != DType::kF64) {
    throw_input_error(
        "{}: scale and offset give fractions: expected f32 or f64 as target, found {}", name(),
        name_of(as));
  }
  base().check_readable_as(as);
}

void ChannelRows::read_checked(RowRange rows, DType as, std::span<std::byte> out) const {
  const DType stored = dtype();
  const auto elements = static_cast<std::size_t>(elements_per_row());
  const std::size_t stored_bytes = elements * size_of(stored);
  const std::size_t wanted_bytes = elements * size_of(as);
  const auto piece = static_cast<std::int64_t>(std::max<std::size_t>(
      1, std::min(kConvertedAtOnce / stored_bytes, static_cast<std::size_t>(rows.count))));
  const bool moves = spec_.channels_last && channels_ > 1 && channel_elements_ > 1;

  AlignedBuffer read(static_cast<std::size_t>(rows.count) * stored_bytes);
  base().read_rows(rows.first, rows.count, stored, read.span());
  AlignedBuffer moved(moves ? static_cast<std::size_t>(piece) * stored_bytes : 0);
  for (std::int64_t done = 0; done < rows.count; done += piece) {
    const auto now = static_cast<std::size_t>(std::min(piece, rows.count - done));
    const auto skip = static_cast<std::size_t>(done);
    std::span<const std::byte> from = read.span().subspan(skip * stored_bytes, now * stored_bytes);
    if (moves) {
      const std::span<std::byte> to = moved.span().first(from.size());
      move_channels(from, to);
      from = to;
    }
    const std::span<std::byte> to = out.subspan(skip * wanted_bytes, now * wanted_bytes);
    if (has_factors()) {
      apply_factors(from, as, to);
    } else {
      convert(stored, from.data(), as, to.data(), now * elements, name());
    }
  }
}

void ChannelRows::move_channels(std::span<const std::byte> from, std::span<std::byte> to) const {
  const auto row_bytes = static_cast<std::size_t>(elements_per_row()) * size_of(dtype());
  with_type(dtype(), [&](auto tag) {
    for (std::size_t at = 0; at < from.size(); at += row_bytes) {
      transpose<typename decltype(tag)::type>(from.data() + at, to.data() + at, channel_elements_,
                                              channels_);
    }
  });
}

void ChannelRows::apply_factors(std::span<const std::byte> from, DType as,
                                std::span<std::byte> to) const {
  with_type(dtype(), [&](auto from_tag) {
    with_type(as, [&](auto to_tag) {
      using From = typename decltype(from_tag)::type;
      using To = typename decltype(to_tag)::type;
      if constexpr (std::is_floating_point_v<To>) {
        const auto* source = reinterpret_cast<const From*>(from.data());
        auto* target = reinterpret_cast<To*>(to.data());
        const auto values = static_cast<std::int64_t>(from.size() / sizeof(From));
        for (std::int64_t at = 0; at < values; at += channel_elements_) {
          const auto channel = static_cast<std::size_t>(at / channel_elements_ % channels_);
          scale_and_shift(source + at, target + at, channel_elements_, scale_[channel],
                          offset_[channel]);
        }
      } else {
        check_readable_as(as);  // throws
      }
    });
  });
}

StringFields ChannelRows::own_settings() const {
  StringFields fields;
  if (spec_.channels_last) fields.emplace_back("channels", "last to first");
  const auto add = [&fields](const char* name, const std::vector<double>& factors) {
    if (!factors.empty()) fields.emplace_back(name, fmt::format("{}", fmt::join(factors, ", ")));
  };
  add("scale", spec_.scale);
  add("offset", spec_.offset);
  return fields;
}

}  // namespace widepipe::dataset
