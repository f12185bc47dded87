#pragma once

#include <cstdint>
#include <string>

namespace widepipe::dataset {

/// Files that are hashed together share one budget of reading.
struct HashBudget {
  std::uint64_t files = 1;
  std::uint64_t total_bytes = 0;  ///< of all files

  /// Up to 64 MiB in all, every byte is read.
  bool whole() const;
  /// Blocks read of each file otherwise: the first, the last, and others evenly between.
  std::uint64_t samples() const;
  std::uint64_t sample_bytes() const;
  /// "xxh3", "xxh3 of 66 samples".
  std::string method() const;
};

/// XXH3 of the file's bytes, or of its samples. Throws RunError if `path`, opened as `fd`,
/// cannot be read or no longer has its bytes.
std::string hash_file(int fd, const std::string& path, std::uint64_t bytes,
                      const HashBudget& budget);

}  // namespace widepipe::dataset
