#pragma once
// Outputs of a job that was split: each shard's rows in a file of its own, and all in one again.

#include <string>
#include <vector>

#include "dataset/output_lock.h"
#include "dataset/source_spec.h"

namespace widepipe::dataset {

/// Field of a shard's identity that an output of all rows does not have.
inline constexpr const char* kShardField = "shard";

/// "out.03-of-16.h5" of "out.h5": names that sort as the shards do.
std::string shard_file(const std::string& output_file, const Shard& shard);

/// The shards of an output that are there, all of them. Throws InputError: none, some are missing
/// (they are named), or those of several splits.
std::vector<std::string> find_shards(const std::string& output_file);

struct MergeOptions {
  bool allow_mixed = false;  ///< shards may differ in instruction set and versions
};

struct Merged {
  std::int64_t shards = 0;
  std::int64_t rows = 0;
  std::int64_t failed = 0;  ///< of the rows
};

/// Makes the output, with its journal, that a run over all rows would have made: the same bytes.
/// The shards stay. Throws InputError, having changed nothing: a shard that is not complete, shards
/// of different jobs, an output that holds other rows or is in use, a disk that is too small;
/// RunError if a file fails meanwhile: merging again begins anew.
Merged merge_shards(const std::string& output_file, const LockOwner& owner,
                    const MergeOptions& options);

}  // namespace widepipe::dataset
