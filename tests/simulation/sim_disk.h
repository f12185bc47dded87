#pragma once
// A disk that keeps no promise but that of sync. This program links it in the place of
// dataset/disk.cc: the files are real ones, so that all code above works on them, and a crash is
// what is done to them afterwards.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "tests/simulation/random.h"

namespace widepipe::simulation {

class SimDisk {
 public:
  /// The one that all files are on while it lives. `running` is the process whose operation it is.
  SimDisk(Random& random, std::function<int()> running);
  ~SimDisk();
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;
  static SimDisk& the_one();

  /// What the process does from now on changes nothing; what it wrote will reach the disk.
  void kill(int process) { dead_[process] = true; }
  /// Likewise, and of what it wrote and did not sync, any part may be lost.
  void cut_power(int process);
  /// The process dies in the middle of its so many-th operation from now.
  void die_at_operation(int process, std::int64_t operations, std::function<void()> died);
  /// After so many more bytes there is no room; -1: there is again.
  void fill_up_after(std::int64_t bytes) { room_ = bytes; }
  /// So many syncs go well, then one fails: what it should have kept may be lost.
  void fail_sync_after(std::int64_t syncs) { syncs_left_ = syncs; }
  /// An operation of the process has failed so far.
  bool has_failed(int process) const { return failed_.contains(process); }

  bool write(int fd, std::uint64_t offset, std::span<const std::byte> bytes);
  /// The bytes that fitted; -1 and errno if that failed.
  std::int64_t append(int fd, std::string_view text);
  bool cut(int fd, std::uint64_t bytes);
  bool sync(int fd);

 private:
  /// Bytes that were written and not synced, and what was there before.
  struct Pending {
    int process = 0;
    std::uint64_t offset = 0;
    std::vector<std::byte> before;  ///< shorter than the write where it made the file longer
    std::uint64_t bytes = 0;        ///< written
  };
  struct File {
    dev_t device = 0;
    ino_t inode = 0;
    int fd = -1;  ///< of our own
    std::vector<Pending> pending;
    /// Syncs that failed, by process. As with Linux, each descriptor hears of them once.
    std::map<int, std::int64_t> failures;
    std::map<int, std::int64_t> failures_told;  ///< by descriptor
  };

  File& file_of(int fd);
  /// False, with errno, if the operation does not happen; sets `part` if only that much of it does.
  bool begins(std::int64_t bytes, std::int64_t& part);
  void put(File& file, std::uint64_t offset, std::span<const std::byte> bytes);
  void override(File& file, std::uint64_t offset, std::uint64_t bytes);
  void lose_some(File& file, int process);
  static void undo(const File& file, const Pending& pending, std::uint64_t kept);

  Random& random_;
  const std::function<int()> running_;
  std::vector<File> files_;  ///< as they were first written to: in the same order for each seed
  std::map<int, bool> dead_;
  std::set<int> failed_;  ///< processes
  int dies_ = -2;         ///< the process that will
  std::int64_t operations_left_ = 0;
  std::function<void()> died_;
  std::int64_t room_ = -1;        ///< -1: enough
  std::int64_t syncs_left_ = -1;  ///< -1: all go well
};

}  // namespace widepipe::simulation
