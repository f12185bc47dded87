#include "dataset/output_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/cpu.h"
#include "core/error.h"
#include "dataset/disk.h"

namespace widepipe::dataset {
namespace {

using Json = nlohmann::ordered_json;

std::string encode(const LockOwner& owner) {
  const Json json{
      {"host", owner.host}, {"pid", owner.pid}, {"job", owner.job}, {"since", owner.since}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// Nothing while the holder is still writing, or if it died before it did.
std::optional<LockOwner> decode(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    return LockOwner{json.at("host"), json.at("pid"), json.at("job"), json.at("since")};
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

std::string holder_text(const std::optional<LockOwner>& owner) {
  if (!owner) return "another run that is just starting";
  return fmt::format("process {} on {}{} since {}", owner->pid, owner->host,
                     owner->job.empty() ? "" : fmt::format(" (job {})", owner->job), owner->since);
}

[[noreturn]] void refuse_taken(const std::string& path, const std::optional<LockOwner>& owner) {
  throw_input_error("{}: the output is being written by {}; wait for it or choose another output",
                    path, holder_text(owner));
}

bool no_locks_here(int error) {
  return error == ENOLCK || error == EINVAL || error == ENOSYS || error == EOPNOTSUPP;
}

bool same_file(int fd, const std::string& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/// Known to be gone: same host, and no such process.
bool is_gone(const LockOwner& owner, const LockOwner& self) {
  return owner.host == self.host && ::kill(static_cast<pid_t>(owner.pid), 0) != 0 && errno == ESRCH;
}

}  // namespace

LockOwner LockOwner::this_process(std::string job) {
  return {host_name(), ::getpid(), std::move(job), utc_now_text()};
}

OutputLock::OutputLock(std::string lock_file, LockOwner owner, LockMethod method)
    : path_(std::move(lock_file)), owner_(std::move(owner)) {
  if (method == LockMethod::kExistence || !take_by_kernel()) take_by_existence();
}

OutputLock::~OutputLock() {
  // While it is still held, so that nobody's newer file is removed.
  if (same_file(fd_.get(), path_)) ::unlink(path_.c_str());
}

void OutputLock::write_owner() {
  const std::string text = encode(owner_);
  if (!cut_to(fd_.get(), 0) || !write_at(fd_.get(), 0, std::as_bytes(std::span(text)))) {
    const int error = errno;
    ::unlink(path_.c_str());
    errno = error;
    throw_input_error("{}: the lock file cannot be written: {}", path_, errno_text());
  }
}

bool OutputLock::take_by_kernel() {
  while (true) {
    UniqueFd fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    const bool created = fd.valid();
    if (!created && errno == EEXIST) fd = UniqueFd(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd.valid() && errno == ENOENT && !created) {
      if (::access(folder_of(path_).c_str(), F_OK) == 0) continue;  // removed in between
      errno = ENOENT;
    }
    if (!fd.valid()) {
      throw_input_error("{}: the lock file cannot be created: {}", path_, errno_text());
    }
    struct flock whole_file {};
    whole_file.l_type = F_WRLCK;
    whole_file.l_whence = SEEK_SET;
    // Of the open file, not of the process: closing some other descriptor must not drop it.
    if (::fcntl(fd.get(), F_OFD_SETLK, &whole_file) != 0) {
      const int error = errno;
      if (error == EAGAIN || error == EACCES) {
        refuse_taken(path_, decode(read_text(path_).value_or("")));
      }
      if (no_locks_here(error)) {
        if (!created) return false;
        fd_ = std::move(fd);  // made by us alone: its existence is the lock
        write_owner();
        return true;
      }
      errno = error;
      throw_input_error("{}: the lock file cannot be locked: {}", path_, errno_text());
    }
    // Its holder may have removed the file between our open and our lock.
    if (!same_file(fd.get(), path_)) continue;
    fd_ = std::move(fd);
    write_owner();
    return true;
  }
}

void OutputLock::take_by_existence() {
  while (true) {
    fd_ = UniqueFd(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (fd_.valid()) {
      write_owner();
      return;
    }
    if (errno != EEXIST) {
      throw_input_error("{}: the lock file cannot be created: {}", path_, errno_text());
    }
    const auto text = read_text(path_);
    if (!text) continue;  // removed meanwhile
    const auto holder = decode(*text);
    if (holder && is_gone(*holder, owner_)) {
      // Moved away first: if another run was faster and the file is by now its lock, put back.
      const std::string aside = fmt::format("{}.{}", path_, owner_.pid);
      if (::rename(path_.c_str(), aside.c_str()) != 0) continue;
      if (read_text(aside) == text) {
        ::unlink(aside.c_str());
      } else {
        ::rename(aside.c_str(), path_.c_str());
      }
      continue;
    }
    if (holder && holder->host == owner_.host) refuse_taken(path_, holder);
    throw_input_error(
        "{}: the output is being written by {}; if that run has ended, remove this file (the file "
        "system has no locks that would tell)",
        path_, holder_text(holder));
  }
}

}  // namespace widepipe::dataset
