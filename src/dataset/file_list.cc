#include "dataset/file_list.h"

#include <fmt/format.h>
#include <fnmatch.h>
#include <glob.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "dataset/posix_file.h"

namespace widepipe::dataset {
namespace {

namespace fs = std::filesystem;

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool has_wildcards(const std::string& name) {
  return name.find_first_of("*?[") != std::string::npos && !exists(name);
}

/// glob() tells its callback only the folder and the error.
thread_local std::string unreadable_folder;

int remember_unreadable(const char* folder, int error) {
  if (error == ENOTDIR || error == ENOENT) return 0;  // simply no match there
  unreadable_folder = folder;
  errno = error;
  return 1;
}

std::vector<ListedFile> match_wildcards(const std::string& pattern) {
  glob_t found{};
  const int result = ::glob(pattern.c_str(), GLOB_NOSORT, remember_unreadable, &found);
  const std::string reason = result == GLOB_ABORTED ? errno_text() : "";
  std::vector<ListedFile> files;
  for (std::size_t i = 0; i < found.gl_pathc; ++i) files.push_back({found.gl_pathv[i], ""});
  ::globfree(&found);
  if (result == GLOB_NOSPACE) throw_run_error("{}: out of memory while matching files", pattern);
  if (result == GLOB_ABORTED) {
    throw_input_error("{}: folder '{}' cannot be searched: {}", pattern, unreadable_folder, reason);
  }
  if (files.empty()) throw_input_error("{}: no file matches", pattern);
  std::sort(files.begin(), files.end(),
            [](const ListedFile& a, const ListedFile& b) { return a.path < b.path; });
  return files;
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t first = line.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlank) - first + 1);
}

std::vector<ListedFile> read_manifest(const std::string& manifest) {
  std::error_code ignored;
  if (fs::is_directory(manifest, ignored)) {
    throw_input_error("@{}: is a folder, expected a text file with a file name a line", manifest);
  }
  const std::optional<std::string> text = read_text(manifest);
  if (!text && errno == ENOENT) {
    throw_input_error("@{}: no such file, expected a text file with a file name a line", manifest);
  }
  if (!text) throw_input_error("@{}: cannot be read: {}", manifest, errno_text());

  std::vector<ListedFile> files;
  int number = 0;
  for (std::size_t begin = 0; begin < text->size();) {
    const std::size_t end = std::min(text->find('\n', begin), text->size());
    const std::string_view line = trimmed(std::string_view(*text).substr(begin, end - begin));
    begin = end + 1;
    const std::string where = fmt::format("{}: line {}: ", manifest, ++number);
    if (std::any_of(line.begin(), line.end(),
                    [](unsigned char c) { return c < ' ' || c == 127; })) {
      throw_input_error("{}holds control characters, expected the name of a file", where);
    }
    if (line.empty() || line.front() == '#') continue;
    files.push_back({(fs::path(manifest).parent_path() / line).string(), where});
  }
  if (files.empty()) throw_input_error("@{}: names no file", manifest);
  for (const ListedFile& file : files) {
    if (!exists(file.path)) throw_input_error("{}{}: no such file", file.where, file.path);
  }
  return files;
}

std::string absolute(const std::string& path) {
  return fs::absolute(path).lexically_normal().string();
}

}  // namespace

std::vector<ListedFile> list_files(const std::string& name) {
  if (name.starts_with('@')) return read_manifest(name.substr(1));
  if (has_wildcards(name)) return match_wildcards(name);
  return {{name, ""}};
}

bool would_be_listed(const std::string& name, const std::string& file) {
  return !name.starts_with('@') && has_wildcards(name) &&
         ::fnmatch(absolute(name).c_str(), absolute(file).c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
}

}  // namespace widepipe::dataset
