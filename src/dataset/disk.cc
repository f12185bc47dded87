#include "dataset/disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "core/error.h"
#include "dataset/posix_file.h"

namespace widepipe::dataset {

bool write_at(int fd, std::uint64_t offset, std::span<const std::byte> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put =
        ::pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    done += static_cast<std::size_t>(put);
  }
  return true;
}

std::optional<std::size_t> append_to(int fd, std::string_view text) {
  ssize_t put = -1;
  do {
    put = ::write(fd, text.data(), text.size());
  } while (put < 0 && errno == EINTR);
  if (put < 0) return std::nullopt;
  return static_cast<std::size_t>(put);
}

bool cut_to(int fd, std::uint64_t bytes) { return ::ftruncate(fd, static_cast<off_t>(bytes)) == 0; }

bool sync_data(int fd) { return ::fdatasync(fd) == 0; }

bool sync_file(int fd) { return ::fsync(fd) == 0; }

void sync_folder(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) throw_run_error("{}: cannot open the folder: {}", folder, errno_text());
  // Some network file systems know no fsync of folders; their renames are durable at once.
  if (::fsync(fd.get()) != 0 && errno != EINVAL && errno != ENOTSUP) {
    throw_run_error("{}: cannot sync the folder: {}", folder, errno_text());
  }
}

}  // namespace widepipe::dataset
