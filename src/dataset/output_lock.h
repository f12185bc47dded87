#pragma once

#include <cstdint>
#include <string>

#include "dataset/posix_file.h"

namespace widepipe::dataset {

/// Who holds an output; kept in the lock file, for messages.
struct LockOwner {
  std::string host;
  std::int64_t pid = 0;
  std::string job;    ///< as the user knows it: a Slurm job id, or "" outside of one
  std::string since;  ///< date

  static LockOwner this_process(std::string job);
};

enum class LockMethod {
  kAutomatic,  ///< the kernel's lock where the file system has one, else by the file's existence
  kExistence
};

/// Keeps other runs off an output for as long as it lives. The kernel drops the lock of a
/// killed process, so a file left behind is taken over silently. Where the file system has no
/// locks the file's existence is the lock: one left behind is taken over if its process is
/// known to be gone, which only its own host can tell.
class OutputLock {
 public:
  /// Makes or takes over the lock file. Throws InputError that names the holder if the output
  /// is taken.
  OutputLock(std::string lock_file, LockOwner owner, LockMethod method = LockMethod::kAutomatic);
  /// Removes the lock file.
  ~OutputLock();
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;

 private:
  /// False if the file system has no locks.
  bool take_by_kernel();
  void take_by_existence();
  void write_owner();

  std::string path_;
  LockOwner owner_;
  UniqueFd fd_;
};

}  // namespace widepipe::dataset
