#include "dataset/output_spec.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <set>

#include "core/error.h"
#include "dataset/existing_output.h"
#include "dataset/posix_file.h"

namespace widepipe::dataset {
namespace {

/// Structure beside the raw data: superblock, object headers, attributes, alignment gaps.
constexpr std::uint64_t kStructureBytes = 1 << 20;

void check_paths(const OutputSpec& spec) {
  std::set<std::string> paths;
  const auto check_path = [&](const std::string& path) {
    if (path.size() < 2 || path.front() != '/' || path.back() == '/') {
      throw_input_error("{}: output data set '{}': expected a path such as /group/data",
                        spec.target.file, path);
    }
    if (!paths.insert(path).second) {
      throw_input_error("{}: two outputs are to be written to '{}'", spec.target.file, path);
    }
  };
  for (const OutputColumn& column : spec.columns) check_path(column.path);
  check_path(spec.status_path);
  for (const std::string& path : paths) {
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      const std::string parent = path.substr(0, slash);
      if (paths.contains(parent)) {
        throw_input_error("{}: '{}' cannot be both a data set and the group of '{}'",
                          spec.target.file, parent, path);
      }
    }
  }
}

void check_shapes(const OutputSpec& spec) {
  if (spec.rows <= 0) throw_input_error("{}: no rows to write", spec.target.file);
  if (spec.columns.empty()) throw_input_error("{}: no outputs to write", spec.target.file);
  for (const OutputColumn& column : spec.columns) {
    if (column.dtype == DType::kUndefined) {
      throw_input_error("{}:{}: has no element type", spec.target.file, column.path);
    }
    const std::int64_t bytes = row_bytes(column);
    if (bytes == 0) {
      throw_input_error("{}:{}: its rows are empty: the shape of a row is {}", spec.target.file,
                        column.path, to_string(column.row_shape));
    }
    std::int64_t total = 0;
    if (__builtin_mul_overflow(bytes, spec.rows, &total)) {
      throw_input_error("{}:{}: {} rows of {} bytes are beyond 63 bits", spec.target.file,
                        column.path, spec.rows, bytes);
    }
  }
}

void check_folder(const std::string& file) {
  const std::string folder = folder_of(file);
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) {
    if (errno == ENOENT) {
      throw_input_error("{}: its folder '{}' does not exist; create it first", file, folder);
    }
    throw_input_error("{}: its folder '{}' cannot be used: {}", file, folder, errno_text());
  }
  if (!S_ISDIR(status.st_mode)) throw_input_error("{}: '{}' is not a folder", file, folder);
  // faccessat with the effective ids, as open() will see them.
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    throw_input_error("{}: its folder '{}' cannot be written to: {}", file, folder, errno_text());
  }
}

}  // namespace

std::int64_t row_bytes(const OutputColumn& column) {
  return element_count(column.row_shape) * static_cast<std::int64_t>(size_of(column.dtype));
}

std::uint64_t raw_bytes(const OutputSpec& spec) {
  std::uint64_t bytes = static_cast<std::uint64_t>(spec.rows);
  for (const OutputColumn& column : spec.columns) {
    bytes += static_cast<std::uint64_t>(spec.rows * row_bytes(column));
  }
  return bytes;
}

std::string journal_path(const std::string& output_file) { return output_file + ".journal"; }
std::string lock_path(const std::string& output_file) { return output_file + ".lock"; }

std::vector<std::string> files_beside(const std::string& output_file) {
  const std::string journal = journal_path(output_file);
  return {output_file + ".part", journal, journal + ".part", lock_path(output_file)};
}

std::optional<Shortage> find_shortage(std::span<const OutputSpec* const> specs) {
  std::map<dev_t, Shortage> disks;
  for (const OutputSpec* spec : specs) {
    const std::string folder = folder_of(spec->target.file);
    struct stat status {};
    struct statvfs disk {};
    if (::stat(folder.c_str(), &status) != 0 || ::statvfs(folder.c_str(), &disk) != 0) continue;
    const auto [found, is_new] = disks.try_emplace(status.st_dev);
    Shortage& share = found->second;
    if (is_new) {
      share.available = disk.f_bavail * disk.f_frsize;
      share.folder = folder;
    }
    ++share.outputs;
    share.needed += raw_bytes(*spec) + kStructureBytes;
    if (::stat(spec->target.file.c_str(), &status) == 0) {
      share.available += static_cast<std::uint64_t>(status.st_blocks) * 512;
    }
  }
  for (const auto& [device, share] : disks) {
    if (share.needed > share.available) return share;
  }
  return std::nullopt;
}

void check_writable(const OutputSpec& spec, std::span<const std::string> input_files) {
  check_shapes(spec);
  check_paths(spec);
  const std::string& file = spec.target.file;
  check_folder(file);

  struct stat target {};
  if (::stat(file.c_str(), &target) == 0) {
    if (S_ISDIR(target.st_mode)) {
      throw_input_error("{}: is a folder, expected the name of a file", file);
    }
    for (const std::string& input : input_files) {
      if (same_file(input, file)) {
        throw_input_error("{}: is the input file {}; outputs are never written into an input", file,
                          input);
      }
    }
    const ExistingOutput existing = inspect_existing(file);
    if (existing.state == OutputState::kForeign) refuse_foreign(file, existing);
  }
  const std::array<const OutputSpec*, 1> alone = {&spec};
  if (const auto shortage = find_shortage(alone)) {
    throw_input_error("{}: needs {}, but '{}' has only {} free: free some, or write elsewhere",
                      file, format_bytes(shortage->needed), shortage->folder,
                      format_bytes(shortage->available));
  }
}

}  // namespace widepipe::dataset
