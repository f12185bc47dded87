#pragma once
// A table of a TOML file, read key by key. Only for those who read job files, profiles and fleets:
// nobody else sees TOML.

#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace widepipe::jobs {

/// What is wrong, and where: throws InputError "job.toml:7:3: message", on one line.
[[noreturn]] void refuse_at(std::string_view file, const toml::source_position& at,
                            std::string message);

/// The text of a file, which messages call `what`: "job file". Throws InputError: missing, a
/// folder, unreadable.
std::string read_toml_file(std::string_view what, const std::string& path);

/// "a string, 'abc'", "a whole number, 5", "an array": a value as messages tell it.
std::string found_text(const toml::node& node);

/// All getters throw InputError with file, line, column, what was expected and found.
class TomlTable {
 public:
  /// `title` is what messages call the table: "[job]". Refuses a key that is not in `keys`;
  /// no `keys` allow any.
  TomlTable(const toml::table& table, std::string file, std::string title,
            std::vector<std::string> keys);

  const toml::node* find(std::string_view key) const { return table_.get(key); }
  const std::string& title() const { return title_; }

  std::optional<std::string> text(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::int64_t> whole(std::string_view key, std::int64_t least,
                                    std::int64_t most) const;
  std::optional<double> number(std::string_view key, double least, double most) const;
  /// A number, or an array of numbers that is not empty.
  std::optional<std::vector<double>> numbers(std::string_view key) const;
  /// An array of texts that is not empty, with where each stands.
  struct Text {
    std::string value;
    const toml::node* node;
  };
  std::vector<Text> texts(std::string_view key) const;
  const toml::table* table(std::string_view key) const;

  /// Throws: the table needs the key.
  [[noreturn]] void missing(std::string_view key) const;
  /// Throws: the value is not what was expected.
  [[noreturn]] void unexpected(std::string_view key, const toml::node& found,
                               std::string_view expected) const;
  /// Throws about a key that is there.
  [[noreturn]] void refuse(std::string_view key, std::string message) const;
  /// "job.toml:7:3": where the key stands.
  std::string where(std::string_view key) const;
  /// The keys in the order of the file.
  std::vector<std::string> keys() const;

 private:
  const toml::key& key_of(std::string_view key) const;

  const toml::table& table_;
  std::string file_;
  std::string title_;
};

/// The table that a text is; `file` is what messages call it. Throws InputError with the place.
toml::table parse_toml(std::string_view text, const std::string& file);

/// A number, whichever: where it is for others to say whether it makes sense.
std::optional<double> any_number(const TomlTable& table, std::string_view key);
/// Likewise; these throw if there is none.
double needed_number(const TomlTable& table, std::string_view key);
std::string needed_text(const TomlTable& table, std::string_view key);
/// The tables of [[key]]; none if there is no such key.
std::vector<const toml::table*> tables_of(const TomlTable& table, std::string_view key);

/// As TOML has them, for those who write: a float, of which no digit is lost; a basic string.
std::string toml_number(double value);
std::string toml_quoted(const std::string& text);

}  // namespace widepipe::jobs
