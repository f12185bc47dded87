#pragma once
// For the data set tests: a folder of their own, and HDF5 files of every odd kind.

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "dataset/hdf5_handle.h"
#include "dataset/row_source.h"

namespace widepipe::dataset {

/// A new empty folder that is the working directory while this lives, so that file names in
/// expected messages are short.
class TempFolder {
 public:
  TempFolder() : before_(std::filesystem::current_path()) {
    std::string pattern = (std::filesystem::temp_directory_path() / "widepipe-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
    std::filesystem::current_path(path_);
  }
  ~TempFolder() {
    std::filesystem::current_path(before_);
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path before_;
  std::filesystem::path path_;
};

/// The message of the Error that `act` throws; "no error" if none. Other types pass through.
template <typename Error, typename Act>
std::string error_of(Act act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

inline std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void spit(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Rows as elements of type `as`, which is T.
template <typename T>
std::vector<T> read(const RowSource& rows, std::int64_t first, std::int64_t count, DType as) {
  std::vector<T> out(static_cast<std::size_t>(count * rows.elements_per_row()));
  rows.read_rows(first, count, as, std::as_writable_bytes(std::span(out)));
  return out;
}

/// first, first + 1 ...
inline std::vector<float> counting(std::int64_t first, std::int64_t count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), static_cast<float>(first));
  return values;
}

/// Writes of the test files go through plain HDF5 calls; all in one session.
class Hdf5Maker {
 public:
  explicit Hdf5Maker(const std::string& path, hsize_t user_block = 0) {
    const Hdf5Properties creation = make_properties(H5P_FILE_CREATE);
    if (user_block > 0) checked("userblock", H5Pset_userblock(creation.get(), user_block));
    file_ =
        Hdf5File("H5Fcreate", H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), H5P_DEFAULT));
  }

  hid_t id() const { return file_.get(); }

  void group(const std::string& path) {
    Hdf5Object("H5Gcreate2", H5Gcreate2(id(), path.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  }

  /// `values` are of type `memory`; null writes nothing. Groups on the way are made.
  void dataset(const std::string& path, hid_t type, const std::vector<hsize_t>& dims, hid_t memory,
               const void* values, const std::function<void(hid_t)>& set_properties = {}) {
    const Hdf5Properties properties = make_properties(H5P_DATASET_CREATE);
    if (set_properties) set_properties(properties.get());
    const Hdf5Space space(
        "H5Screate_simple",
        dims.empty() ? H5Screate(H5S_SCALAR)
                     : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr));
    with_space(path, type, space.get(), properties.get(), memory, values);
  }

  void null_dataset(const std::string& path) {
    const Hdf5Space space("H5Screate", H5Screate(H5S_NULL));
    with_space(path, H5T_NATIVE_FLOAT, space.get(), H5P_DEFAULT, H5T_NATIVE_FLOAT, nullptr);
  }

 private:
  void with_space(const std::string& path, hid_t type, hid_t space, hid_t properties, hid_t memory,
                  const void* values) {
    const Hdf5Properties links = make_properties(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links.get(), 1);
    const Hdf5Dataset made("H5Dcreate2", H5Dcreate2(id(), path.c_str(), type, space, links.get(),
                                                    properties, H5P_DEFAULT));
    if (values != nullptr) {
      checked("H5Dwrite", H5Dwrite(made.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
    }
  }

  Hdf5Session session_;
  Hdf5File file_;
};

/// Property setters for Hdf5Maker::dataset().
inline std::function<void(hid_t)> chunked(std::vector<hsize_t> chunk, int gzip = 0,
                                          bool shuffle = false) {
  return [=](hid_t properties) {
    H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data());
    if (shuffle) H5Pset_shuffle(properties);
    if (gzip > 0) H5Pset_deflate(properties, static_cast<unsigned>(gzip));
  };
}

/// IEEE half precision, as h5py makes it of numpy.float16.
inline Hdf5Type half_type() {
  const Hdf5Session session;
  Hdf5Type type("H5Tcopy", H5Tcopy(H5T_IEEE_F32LE));
  H5Tset_fields(type.get(), 15, 10, 5, 0, 10);
  H5Tset_size(type.get(), 2);
  H5Tset_ebias(type.get(), 15);
  return type;
}

}  // namespace widepipe::dataset
