#pragma once
// Opening an HDF5 file for reading, with every way in which that fails told apart.

#include <cstdint>
#include <string>

#include "dataset/hdf5_handle.h"
#include "dataset/posix_file.h"

namespace widepipe::dataset {

struct InputFile {
  UniqueFd fd;
  Hdf5File hdf5;
  FileStamp stamp;
};

/// Throws InputError: missing, a folder, no permission, not HDF5, truncated, or what HDF5 says.
/// The caller holds an Hdf5Session.
InputFile open_input_file(const std::string& path);

/// The part of open_input_file() before HDF5: what is wrong with the bytes of an open file,
/// empty if its superblock is there and the file as long as it says. `truncated` tells the two
/// kinds of wrong apart.
std::string superblock_problem(int fd, std::uint64_t bytes, bool& truncated);

}  // namespace widepipe::dataset
