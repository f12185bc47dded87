#include "dataset/posix_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "core/error.h"
#include "dataset/disk.h"

namespace widepipe::dataset {

void UniqueFd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::optional<FileStamp> stamp_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return std::nullopt;
  return FileStamp{static_cast<std::uint64_t>(status.st_size),
                   std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

std::string why_not_whole(int fd, std::uint64_t bytes) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fmt::format("cannot be looked at: {}", errno_text());
  if (status.st_nlink == 0) return "was removed by another program";
  const auto found = static_cast<std::uint64_t>(status.st_size);
  if (found >= bytes) return "";
  return fmt::format("was cut by another program: expected {} bytes, found {}", bytes, found);
}

std::optional<std::size_t> read_at(int fd, std::uint64_t offset, std::span<std::byte> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got =
        ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

std::optional<std::string> read_text(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::nullopt;
  std::string text;
  std::array<std::byte, 1 << 16> block;
  while (true) {
    const auto got = read_at(fd.get(), text.size(), block);
    if (!got) return std::nullopt;
    text.append(reinterpret_cast<const char*>(block.data()), *got);
    if (*got < block.size()) return text;
  }
}

std::string canonical_path(const std::string& path) {
  std::error_code ignored;
  // Absolute first: of a relative path that is not there nothing would be resolved.
  return std::filesystem::weakly_canonical(std::filesystem::absolute(path), ignored).string();
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return canonical_path(a) == canonical_path(b) || std::filesystem::equivalent(a, b, ignored);
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void rename_part(const std::string& path) {
  const std::string part = path + ".part";
  if (::rename(part.c_str(), path.c_str()) != 0) {
    throw_run_error("{}: cannot be renamed to {}: {}", part, path, errno_text());
  }
  sync_folder(folder_of(path));
}

void remove_durably(const std::string& path) {
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return;
    throw_run_error("{}: cannot be removed: {}", path, errno_text());
  }
  sync_folder(folder_of(path));
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string utc_now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

}  // namespace widepipe::dataset
