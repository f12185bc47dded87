#include "tests/simulation/sim_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

#include "dataset/disk.h"

namespace widepipe::simulation {
namespace {

SimDisk* the_disk = nullptr;

void must(bool done) {
  if (!done) std::abort();  // the machine's own disk fails: nothing that is simulated
}

std::uint64_t size_of(int fd) {
  struct stat status {};
  must(::fstat(fd, &status) == 0);
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

SimDisk::SimDisk(Random& random, std::function<int()> running)
    : random_(random), running_(std::move(running)) {
  must(the_disk == nullptr);
  the_disk = this;
}

SimDisk::~SimDisk() {
  for (const File& file : files_) ::close(file.fd);
  the_disk = nullptr;
}

SimDisk& SimDisk::the_one() {
  must(the_disk != nullptr);
  return *the_disk;
}

SimDisk::File& SimDisk::file_of(int fd) {
  struct stat status {};
  must(::fstat(fd, &status) == 0);
  for (File& file : files_) {
    if (file.device == status.st_dev && file.inode == status.st_ino) return file;
  }
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const int own = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  must(own >= 0);
  return files_.emplace_back(File{status.st_dev, status.st_ino, own, {}, {}, {}});
}

void SimDisk::die_at_operation(int process, std::int64_t operations, std::function<void()> died) {
  dies_ = process;
  operations_left_ = operations;
  died_ = std::move(died);
}

bool SimDisk::begins(std::int64_t bytes, std::int64_t& part) {
  part = bytes;
  const int process = running_();
  if (dead_[process]) {
    failed_.insert(process);
    errno = EIO;
    return false;
  }
  if (process == dies_ && --operations_left_ < 0) {
    dies_ = -2;
    dead_[process] = true;
    part = random_.between(0, bytes);
    died_();
  } else if (room_ >= 0) {
    part = std::min(bytes, room_);
    room_ -= part;
  }
  if (part < bytes) failed_.insert(process);
  errno = part < bytes ? ENOSPC : 0;
  return true;
}

/// Of bytes that are written again, the earlier write cannot be lost any more.
void SimDisk::override(File& file, std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t end = offset + bytes;
  std::vector<Pending> rest;
  for (Pending& old : file.pending) {
    const std::uint64_t old_end = old.offset + old.bytes;
    const auto keep = [&](std::uint64_t from, std::uint64_t to) {
      if (from >= to) return;
      Pending piece{old.process, from, {}, to - from};
      const std::uint64_t first = std::min<std::uint64_t>(from - old.offset, old.before.size());
      const std::uint64_t last = std::min<std::uint64_t>(to - old.offset, old.before.size());
      piece.before.assign(old.before.begin() + static_cast<std::ptrdiff_t>(first),
                          old.before.begin() + static_cast<std::ptrdiff_t>(last));
      rest.push_back(std::move(piece));
    };
    if (old_end <= offset || end <= old.offset) {
      rest.push_back(std::move(old));
      continue;
    }
    keep(old.offset, std::max(old.offset, offset));
    keep(std::min(old_end, end), old_end);
  }
  file.pending = std::move(rest);
}

void SimDisk::put(File& file, std::uint64_t offset, std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  Pending pending{running_(), offset, std::vector<std::byte>(bytes.size()), bytes.size()};
  const ssize_t there =
      ::pread(file.fd, pending.before.data(), bytes.size(), static_cast<off_t>(offset));
  must(there >= 0);
  pending.before.resize(static_cast<std::size_t>(there));
  override(file, offset, bytes.size());
  file.pending.push_back(std::move(pending));
  must(::pwrite(file.fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
       static_cast<ssize_t>(bytes.size()));
}

bool SimDisk::write(int fd, std::uint64_t offset, std::span<const std::byte> bytes) {
  std::int64_t part = 0;
  if (!begins(static_cast<std::int64_t>(bytes.size()), part)) return false;
  put(file_of(fd), offset, bytes.first(static_cast<std::size_t>(part)));
  return static_cast<std::size_t>(part) == bytes.size();
}

std::int64_t SimDisk::append(int fd, std::string_view text) {
  std::int64_t part = 0;
  if (!begins(static_cast<std::int64_t>(text.size()), part)) return -1;
  File& file = file_of(fd);
  put(file, size_of(file.fd), std::as_bytes(std::span(text)).first(static_cast<std::size_t>(part)));
  return part == 0 && !text.empty() ? -1 : part;
}

bool SimDisk::cut(int fd, std::uint64_t bytes) {
  std::int64_t part = 0;
  if (!begins(0, part)) return false;
  File& file = file_of(fd);
  const std::uint64_t size = size_of(file.fd);
  if (bytes < size) override(file, bytes, size - bytes);
  must(::ftruncate(file.fd, static_cast<off_t>(bytes)) == 0);
  return true;
}

bool SimDisk::sync(int fd) {
  std::int64_t part = 0;
  const int process = running_();
  if (!begins(1, part) || part == 0) {
    errno = EIO;
    return false;
  }
  File& file = file_of(fd);
  if (syncs_left_ >= 0 && syncs_left_-- == 0) {
    lose_some(file, process);  // the kernel may drop what it could not write
    ++file.failures[process];
    failed_.insert(process);
  }
  if (std::exchange(file.failures_told[fd], file.failures[process]) < file.failures[process]) {
    errno = EIO;
    return false;
  }
  std::erase_if(file.pending,
                [process](const Pending& pending) { return pending.process == process; });
  return true;
}

void SimDisk::cut_power(int process) {
  kill(process);
  for (File& file : files_) lose_some(file, process);
}

/// The latest first: an append that is lost makes the file as short as it was.
void SimDisk::lose_some(File& file, int process) {
  for (auto pending = file.pending.rbegin(); pending != file.pending.rend(); ++pending) {
    if (pending->process != process) continue;
    const std::int64_t fate = random_.below(3);
    if (fate == 0) continue;  // it was written after all
    const auto bytes = static_cast<std::int64_t>(pending->bytes);
    undo(file, *pending, fate == 1 ? 0 : static_cast<std::uint64_t>(random_.between(0, bytes)));
  }
  std::erase_if(file.pending,
                [process](const Pending& pending) { return pending.process == process; });
}

/// Puts back what was there, but for the first bytes.
void SimDisk::undo(const File& file, const Pending& pending, std::uint64_t kept) {
  const std::uint64_t before = pending.before.size();
  if (kept < before) {
    must(::pwrite(file.fd, pending.before.data() + kept, before - kept,
                  static_cast<off_t>(pending.offset + kept)) ==
         static_cast<ssize_t>(before - kept));
  }
  const bool at_end = pending.offset + pending.bytes >= size_of(file.fd);
  if (before < pending.bytes && at_end) {
    must(::ftruncate(file.fd, static_cast<off_t>(pending.offset + std::max(before, kept))) == 0);
  }
}

}  // namespace widepipe::simulation

namespace widepipe::dataset {

using simulation::SimDisk;

bool write_at(int fd, std::uint64_t offset, std::span<const std::byte> bytes) {
  return SimDisk::the_one().write(fd, offset, bytes);
}

std::optional<std::size_t> append_to(int fd, std::string_view text) {
  const std::int64_t put = SimDisk::the_one().append(fd, text);
  if (put < 0) return std::nullopt;
  return static_cast<std::size_t>(put);
}

bool cut_to(int fd, std::uint64_t bytes) { return SimDisk::the_one().cut(fd, bytes); }
bool sync_data(int fd) { return SimDisk::the_one().sync(fd); }
bool sync_file(int fd) { return SimDisk::the_one().sync(fd); }
void sync_folder(const std::string&) {}

}  // namespace widepipe::dataset
