#include "jobs/report_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "core/error.h"
#include "dataset/posix_file.h"

namespace widepipe::jobs {

namespace fs = std::filesystem;

namespace {

/// Root may write to folders that take no files, as those of /proc.
void check_makes_files(const std::string& folder, const std::string& what) {
  std::string name = (fs::path(folder) / ".widepipe-XXXXXX").string();
  const dataset::UniqueFd made(mkostemp(name.data(), O_CLOEXEC));
  if (!made.valid()) {
    throw_input_error("{}: cannot make a file in folder '{}': {}", what, folder, errno_text());
  }
  unlink(name.c_str());
}

}  // namespace

void check_report_file(const std::string& file, const std::vector<std::string>& others,
                       const char* option) {
  if (file.empty()) return;
  const std::string folder = dataset::folder_of(file);
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    throw_input_error("{} {}: cannot write to folder '{}': {}", option, file, folder, errno_text());
  }
  check_makes_files(folder, fmt::format("{} {}", option, file));
  std::error_code ignored;
  for (const std::string& other : others) {
    if (!other.empty() && dataset::same_file(file, other)) {
      throw_input_error("{} {}: would overwrite '{}', a file of this job", option, file, other);
    }
  }
  const fs::file_status status = fs::symlink_status(file, ignored);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    throw_input_error("{} {}: expected a regular file or a new name, found {}", option, file,
                      fs::is_directory(status) ? "a folder"
                      : fs::is_symlink(status) ? "a link"
                                               : "a device or pipe");
  }
}

}  // namespace widepipe::jobs
