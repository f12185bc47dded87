#pragma once
// The fields of an object in a file that anybody may have changed. Only for those who read reports.

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace widepipe::jobs {

/// Each call gives a field, or throws InputError with `where`, what was expected and what was
/// found. The object outlives this.
class JsonFields {
 public:
  using Json = nlohmann::ordered_json;

  JsonFields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) {
      throw_input_error("{} is {}, expected an object", where_, short_text(object));
    }
  }

  const std::string& where() const { return where_; }
  void add_to_where(const std::string& text) { where_ += text; }

  bool has(const char* key) const { return object_.contains(key); }

  std::string text(const char* key) const {
    const Json& value = at(key);
    if (!value.is_string()) refuse(key, value, "a text");
    return value;
  }

  /// From `least` to `most`.
  template <typename T>
  T whole(const char* key, T least, T most) const {
    const Json& value = at(key);
    const auto inside = [&](auto number) {
      return std::cmp_less_equal(least, number) && std::cmp_less_equal(number, most);
    };
    const bool right = value.is_number_unsigned()  ? inside(value.get<std::uint64_t>())
                       : value.is_number_integer() ? inside(value.get<std::int64_t>())
                                                   : false;
    if (!right) refuse(key, value, fmt::format("a whole number from {} to {}", least, most));
    return value.get<T>();
  }

  /// From 0 to `most`.
  double number(const char* key, double most) const {
    const Json& value = at(key);
    if (!value.is_number() || !(value.get<double>() >= 0 && value.get<double>() <= most)) {
      refuse(key, value, fmt::format("a number from 0 to {}", most));
    }
    return value;
  }

  const Json& list(const char* key) const {
    const Json& value = at(key);
    if (!value.is_array()) refuse(key, value, "a list");
    return value;
  }

  [[noreturn]] void refuse(const char* key, std::string_view expected) const {
    refuse(key, at(key), expected);
  }

 private:
  const Json& at(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end()) throw_input_error("{} has no '{}'", where_, key);
    return *found;
  }

  static std::string short_text(const Json& value) {
    constexpr std::size_t kLongest = 60;
    const std::string text = value.dump();
    return text.size() <= kLongest ? text : text.substr(0, kLongest) + " ..";
  }

  [[noreturn]] void refuse(const char* key, const Json& value, std::string_view expected) const {
    throw_input_error("{}: {} is {}, expected {}", where_, key, short_text(value), expected);
  }

  const Json& object_;
  std::string where_;
};

}  // namespace widepipe::jobs
