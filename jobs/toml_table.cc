#include "jobs/toml_table.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/edit_distance.h"
#include "core/error.h"

namespace widepipe::jobs {
namespace {

/// The key that was probably meant, or nothing if none is near.
std::string nearest_key(std::string_view word, const std::vector<std::string>& keys) {
  std::string nearest;
  std::size_t best = word.size() / 3 + 2;
  for (const std::string& key : keys) {
    const std::size_t distance = edit_distance(word, key);
    if (distance >= std::min(best, key.size())) continue;
    best = distance;
    nearest = key;
  }
  return nearest;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }

std::string position_text(std::string_view file, const toml::source_position& at) {
  return fmt::format("{}:{}:{}", file, at.line, at.column);
}

}  // namespace

void refuse_at(std::string_view file, const toml::source_position& at, std::string message) {
  std::replace_if(message.begin(), message.end(), is_control, '?');
  throw_input_error("{}: {}", position_text(file, at), message);
}

std::string read_toml_file(std::string_view what, const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (!fs::exists(status)) throw_input_error("{} '{}': no such file", what, path);
  if (fs::is_directory(status)) {
    throw_input_error("{} '{}': expected a TOML file, found a folder", what, path);
  }
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw_input_error("{} '{}' cannot be read: {}", what, path, errno_text());
  return text;
}

std::string found_text(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return fmt::format("a string, '{}'", node.ref<std::string>());
    case toml::node_type::integer:
      return fmt::format("a whole number, {}", node.ref<std::int64_t>());
    case toml::node_type::floating_point:
      return fmt::format("a number, {}", node.ref<double>());
    case toml::node_type::boolean:
      return node.ref<bool>() ? "true" : "false";
    case toml::node_type::array:
      return node.as_array()->empty() ? "an empty array" : "an array";
    case toml::node_type::table:
      return "a table";
    default:
      return "a date or time";
  }
}

TomlTable::TomlTable(const toml::table& table, std::string file, std::string title,
                     std::vector<std::string> keys)
    : table_(table), file_(std::move(file)), title_(std::move(title)) {
  if (keys.empty()) return;
  std::sort(keys.begin(), keys.end());
  for (const std::string& key : this->keys()) {
    if (std::binary_search(keys.begin(), keys.end(), key)) continue;
    const std::string meant = nearest_key(key, keys);
    refuse(key, fmt::format("unknown key '{}' in {}{}; its keys: {}", key, title_,
                            meant.empty() ? "" : fmt::format(" (did you mean '{}'?)", meant),
                            fmt::join(keys, ", ")));
  }
}

std::vector<std::string> TomlTable::keys() const {
  std::vector<const toml::key*> found;
  for (auto&& [key, value] : table_) found.push_back(&key);
  std::sort(found.begin(), found.end(), [](const toml::key* a, const toml::key* b) {
    const toml::source_position& first = a->source().begin;
    const toml::source_position& second = b->source().begin;
    return std::pair(first.line, first.column) < std::pair(second.line, second.column);
  });
  std::vector<std::string> keys;
  for (const toml::key* key : found) keys.emplace_back(key->str());
  return keys;
}

const toml::key& TomlTable::key_of(std::string_view key) const { return table_.find(key)->first; }

std::string TomlTable::where(std::string_view key) const {
  return position_text(file_, key_of(key).source().begin);
}

void TomlTable::missing(std::string_view key) const {
  refuse_at(file_, table_.source().begin, fmt::format("{} lacks the key '{}'", title_, key));
}

void TomlTable::unexpected(std::string_view key, const toml::node& found,
                           std::string_view expected) const {
  refuse_at(
      file_, found.source().begin,
      fmt::format("'{}' in {}: expected {}, found {}", key, title_, expected, found_text(found)));
}

void TomlTable::refuse(std::string_view key, std::string message) const {
  refuse_at(file_, key_of(key).source().begin, std::move(message));
}

std::optional<std::string> TomlTable::text(std::string_view key) const {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  auto value = node->value_exact<std::string>();
  if (!value || value->empty() || std::any_of(value->begin(), value->end(), is_control)) {
    unexpected(key, *node, "a string of visible characters");
  }
  return value;
}

std::optional<bool> TomlTable::boolean(std::string_view key) const {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  const auto value = node->value_exact<bool>();
  if (!value) unexpected(key, *node, "true or false");
  return value;
}

std::optional<std::int64_t> TomlTable::whole(std::string_view key, std::int64_t least,
                                             std::int64_t most) const {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  const auto value = node->value_exact<std::int64_t>();
  if (!value || *value < least || *value > most) {
    unexpected(key, *node, fmt::format("a whole number from {} to {}", least, most));
  }
  return value;
}

std::optional<double> TomlTable::number(std::string_view key, double least, double most) const {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  const std::optional<double> value = node->is_number() ? node->value<double>() : std::nullopt;
  if (!value || !(*value >= least && *value <= most)) {
    unexpected(key, *node, fmt::format("a number from {} to {}", least, most));
  }
  return value;
}

std::optional<std::vector<double>> TomlTable::numbers(std::string_view key) const {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  constexpr std::string_view kExpected = "a finite number or an array of them";
  std::vector<double> values;
  const auto add = [&](const toml::node& element) {
    const std::optional<double> value =
        element.is_number() ? element.value<double>() : std::nullopt;
    if (!value || !std::isfinite(*value)) unexpected(key, element, kExpected);
    values.push_back(*value);
  };
  if (const toml::array* array = node->as_array()) {
    for (const toml::node& element : *array) add(element);
    if (values.empty()) unexpected(key, *node, kExpected);
  } else {
    add(*node);
  }
  return values;
}

std::vector<TomlTable::Text> TomlTable::texts(std::string_view key) const {
  const toml::node* node = find(key);
  if (node == nullptr) return {};
  constexpr std::string_view kExpected = "an array of strings";
  const toml::array* array = node->as_array();
  if (array == nullptr || array->empty()) unexpected(key, *node, kExpected);
  std::vector<Text> texts;
  for (const toml::node& element : *array) {
    const auto value = element.value_exact<std::string>();
    if (!value) unexpected(key, element, kExpected);
    texts.push_back({*value, &element});
  }
  return texts;
}

const toml::table* TomlTable::table(std::string_view key) const {
  const toml::node* node = find(key);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) unexpected(key, *node, "a table");
  return node->as_table();
}

toml::table parse_toml(std::string_view text, const std::string& file) {
  try {
    return toml::parse(text, std::string_view(file));
  } catch (const toml::parse_error& error) {
    refuse_at(file, error.source().begin, std::string(error.description()));
  }
}

std::optional<double> any_number(const TomlTable& table, std::string_view key) {
  const toml::node* node = table.find(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_number()) table.unexpected(key, *node, "a number");
  return node->value<double>();
}

double needed_number(const TomlTable& table, std::string_view key) {
  const std::optional<double> value = any_number(table, key);
  if (!value) table.missing(key);
  return *value;
}

std::string needed_text(const TomlTable& table, std::string_view key) {
  auto value = table.text(key);
  if (!value) table.missing(key);
  return *std::move(value);
}

std::vector<const toml::table*> tables_of(const TomlTable& table, std::string_view key) {
  const toml::node* node = table.find(key);
  if (node == nullptr) return {};
  if (!node->is_array_of_tables()) {
    table.unexpected(key, *node, fmt::format("[[{}]], in two brackets, once for each", key));
  }
  std::vector<const toml::table*> found;
  for (const toml::node& one : *node->as_array()) found.push_back(one.as_table());
  return found;
}

std::string toml_number(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

/// Quotes as in JSON are those of TOML's basic strings.
std::string toml_quoted(const std::string& text) { return nlohmann::json(text).dump(); }

}  // namespace widepipe::jobs
