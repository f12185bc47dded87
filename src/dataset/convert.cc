#include "dataset/convert.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/error.h"
#include "dataset/dtype_dispatch.h"

namespace widepipe::dataset {
namespace {

template <typename From, typename To>
constexpr bool allowed() {
  if constexpr (std::is_same_v<To, Bool>) {
    return std::is_same_v<From, Bool> || std::is_same_v<From, std::uint8_t>;
  } else if constexpr (std::is_floating_point_v<To> || std::is_same_v<From, Bool>) {
    return true;
  } else {
    // digits leaves the sign bit out, so unsigned needs a strictly wider signed type.
    return std::is_integral_v<From> &&
           std::numeric_limits<From>::digits <= std::numeric_limits<To>::digits &&
           (std::is_signed_v<To> || std::is_unsigned_v<From>);
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

/// Plain enough for the compiler to turn into vector code.
template <typename From, typename To>
void convert_loop(const From* __restrict source, To* __restrict target, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) target[i] = convert_one<From, To>(source[i]);
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
  if (fine) return "";
  if (from == DType::kF32 || from == DType::kF64) return "fractions would be lost";
  return fmt::format("only {} fit", range_of(to));
}

void convert(DType from, const std::byte* source, DType to, std::byte* target, std::size_t count) {
  if (from == to) {
    std::memcpy(target, source, count * size_of(from));
    return;
  }
  with_type(from, [=](auto source_tag) {
    with_type(to, [=](auto target_tag) {
      using From = typename decltype(source_tag)::type;
      using To = typename decltype(target_tag)::type;
      if constexpr (allowed<From, To>()) {
        convert_loop(reinterpret_cast<const From*>(source), reinterpret_cast<To*>(target), count);
      } else {
        throw_run_error("{} is not convertible to {}", name_of(from), name_of(to));
      }
    });
  });
}

}  // namespace widepipe::dataset
