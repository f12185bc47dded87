#include "dataset/convert.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "core/error.h"
#include "dataset/dtype_dispatch.h"

namespace widepipe::dataset {
namespace {

template <typename T>
constexpr bool is_integer = std::is_integral_v<T>;  // Bool is a class

template <typename From, typename To>
constexpr bool allowed() {
  return is_integer<From> || std::is_same_v<From, Bool> || std::is_floating_point_v<To>;
}

/// Whether some values of From are outside of To.
template <typename From, typename To>
constexpr bool narrows() {
  if constexpr (is_integer<From> && std::is_same_v<To, Bool>) {
    return !std::is_same_v<From, std::uint8_t>;
  } else if constexpr (is_integer<From> && is_integer<To>) {
    return !std::in_range<To>(std::numeric_limits<From>::min()) ||
           !std::in_range<To>(std::numeric_limits<From>::max());
  } else {
    return false;
  }
}

template <typename From, typename To>
bool fits(From value) {
  if constexpr (std::is_same_v<To, Bool>) {
    return value == 0 || value == 1;
  } else {
    return std::in_range<To>(value);
  }
}

template <typename From, typename To>
To convert_one(From value) {
  if constexpr (std::is_same_v<To, Bool>) {
    if constexpr (std::is_same_v<From, Bool>)
      return value;
    else
      return Bool{static_cast<std::uint8_t>(value != 0)};
  } else if constexpr (std::is_same_v<From, Bool>) {
    return static_cast<To>(value.byte);
  } else {
    return static_cast<To>(value);
  }
}

/// Plain enough for the compiler to turn into vector code. False if a value did not fit.
template <typename From, typename To>
bool convert_loop(const From* __restrict source, To* __restrict target, std::size_t count) {
  bool all_fit = true;
  for (std::size_t i = 0; i < count; ++i) {
    if constexpr (narrows<From, To>()) all_fit &= fits<From, To>(source[i]);
    target[i] = convert_one<From, To>(source[i]);
  }
  return all_fit;
}

std::string range_of(DType dtype) {
  return with_type(dtype, [](auto tag) -> std::string {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, Bool>)
      return "0 and 1";
    else
      return fmt::format("{} to {}", +std::numeric_limits<T>::min(),
                         +std::numeric_limits<T>::max());
  });
}

}  // namespace

std::string why_not_convertible(DType from, DType to) {
  const bool fine = with_type(from, [to](auto source) {
    return with_type(to, [](auto target) {
      return allowed<typename decltype(source)::type, typename decltype(target)::type>();
    });
  });
  return fine ? "" : "fractions would be lost";
}

void convert(DType from, const std::byte* source, DType to, std::byte* target, std::size_t count,
             std::string_view where) {
  if (from == to) {
    std::memcpy(target, source, count * size_of(from));
    return;
  }
  const bool all_fit = with_type(from, [=](auto source_tag) {
    return with_type(to, [=](auto target_tag) {
      using From = typename decltype(source_tag)::type;
      using To = typename decltype(target_tag)::type;
      if constexpr (allowed<From, To>()) {
        return convert_loop(reinterpret_cast<const From*>(source), reinterpret_cast<To*>(target),
                            count);
      } else {
        throw_run_error("{}: {} is not convertible to {}", where, name_of(from), name_of(to));
        return false;
      }
    });
  });
  if (all_fit) return;
  throw_run_error("{}: a value does not fit the model's {}, which holds {}", where, name_of(to),
                  range_of(to));
}

}  // namespace widepipe::dataset
