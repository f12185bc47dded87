// Linked with --wrap=fdatasync: a fault "sync" is a file system on which syncs hang, from the
// FROM-th of the process on.

#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "tests/faults/faults.h"

extern "C" int __real_fdatasync(int fd);

// NOLINTNEXTLINE(bugprone-reserved-identifier): the linker's name
extern "C" int __wrap_fdatasync(int fd) {
  static const std::vector<widepipe::faults::Fault> faults =
      widepipe::faults::faults_of_this_rank();
  static std::atomic<std::int64_t> syncs = 0;
  const std::int64_t mine = syncs++;
  for (const widepipe::faults::Fault& fault : faults) {
    while (fault.what == "sync" && mine >= fault.from) ::pause();
  }
  return __real_fdatasync(fd);
}
