#pragma once
// Files below HDF5: descriptors that close themselves, whole reads, durable renames.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace widepipe::dataset {

/// Owns a file descriptor. Movable.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

/// Tells whether a file is still the one that was opened.
struct FileStamp {
  std::uint64_t bytes = 0;
  std::int64_t mtime_ns = 0;

  bool operator==(const FileStamp&) const = default;
};

/// Of an open file; nothing and errno if that failed.
std::optional<FileStamp> stamp_of(int fd);

/// What another program did to an open file that has `bytes` and one of its names left: that it is
/// shorter now, or has no name any more. Empty if nothing.
std::string why_not_whole(int fd, std::uint64_t bytes);

/// Reads until `out` is full or the file ends; gives the bytes read, or nothing and errno.
std::optional<std::size_t> read_at(int fd, std::uint64_t offset, std::span<std::byte> out);

/// The whole file, or nothing and errno.
std::optional<std::string> read_text(const std::string& path);

/// One name for all spellings of a path, there or not.
std::string canonical_path(const std::string& path);
/// Whether two paths lead to the same file, by name or by link, there or not.
bool same_file(const std::string& a, const std::string& b);

/// "." for a name without a folder.
std::string folder_of(const std::string& path);
/// Durably renames `path`.part, which must be synced, to `path`. Throws RunError.
void rename_part(const std::string& path);
/// Durably removes the file if there is one. Throws RunError.
void remove_durably(const std::string& path);

/// "512 bytes", "1.5 KiB", "12.3 GiB".
std::string format_bytes(std::uint64_t bytes);
/// "2026-01-31T23:59:59Z": now, in UTC.
std::string utc_now_text();

}  // namespace widepipe::dataset
