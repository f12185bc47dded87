#include "dataset/input_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace widepipe::dataset {
namespace {

/// Registered filters that users meet; HDF5 knows the names of installed ones only.
std::string filter_name(H5Z_filter_t id, const std::string& stored) {
  switch (id) {
    case H5Z_FILTER_DEFLATE:
      return "gzip";
    case H5Z_FILTER_SHUFFLE:
      return "shuffle";
    case H5Z_FILTER_FLETCHER32:
      return "fletcher32";
    case H5Z_FILTER_SZIP:
      return "szip";
    case H5Z_FILTER_NBIT:
      return "nbit";
    case H5Z_FILTER_SCALEOFFSET:
      return "scaleoffset";
    case 307:
      return "bzip2";
    case 32000:
      return "lzf";
    case 32001:
      return "blosc";
    case 32004:
      return "lz4";
    case 32008:
      return "bitshuffle";
    case 32013:
      return "zfp";
    case 32015:
      return "zstd";
    case 32017:
      return "sz";
    case 32026:
      return "blosc2";
    default:
      return stored.empty() ? "unnamed" : stored;
  }
}

std::vector<std::string> read_filters(hid_t properties, const std::string& where) {
  std::vector<std::string> filters;
  const int count = checked("H5Pget_nfilters", H5Pget_nfilters(properties));
  for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
    unsigned flags = 0;
    std::array<unsigned, 8> values{};
    std::size_t value_count = values.size();
    std::array<char, 64> stored{};
    unsigned config = 0;
    const H5Z_filter_t id =
        checked("H5Pget_filter2", H5Pget_filter2(properties, i, &flags, &value_count, values.data(),
                                                 stored.size() - 1, stored.data(), &config));
    std::string name = filter_name(id, stored.data());
    if (H5Zfilter_avail(id) <= 0) {
      throw_input_error(
          "{}: is compressed with the filter '{}' (id {}), which is not installed; set "
          "HDF5_PLUGIN_PATH to a folder with its plug-in, or rewrite the file with "
          "h5repack -f GZIP=4",
          where, name, id);
    }
    if (id == H5Z_FILTER_DEFLATE && value_count > 0) name += fmt::format("({})", values[0]);
    filters.push_back(std::move(name));
  }
  return filters;
}

}  // namespace

StorageLayout read_layout(hid_t dataset, const std::string& where) {
  StorageLayout storage;
  const Hdf5Properties properties("H5Dget_create_plist", H5Dget_create_plist(dataset));
  storage.stored_bytes = H5Dget_storage_size(dataset);
  switch (H5Pget_layout(properties.get())) {
    case H5D_CONTIGUOUS:
      if (H5Pget_external_count(properties.get()) > 0) {
        throw_input_error(
            "{}: keeps its values in external raw files, which is not supported; copy it into one "
            "file with h5repack -l CONTI",
            where);
      }
      // Asked only if allocated: the library adds the user block to "undefined", too.
      if (storage.stored_bytes > 0) storage.offset = H5Dget_offset(dataset);
      break;
    case H5D_CHUNKED: {
      storage.layout = Layout::kChunked;
      std::array<hsize_t, H5S_MAX_RANK> dims{};
      const int rank =
          checked("H5Pget_chunk", H5Pget_chunk(properties.get(), H5S_MAX_RANK, dims.data()));
      storage.chunk.assign(dims.begin(), dims.begin() + rank);
      storage.filters = read_filters(properties.get(), where);
      break;
    }
    case H5D_COMPACT:
      storage.layout = Layout::kCompact;
      break;
    default:
      throw_input_error(
          "{}: is a virtual data set whose values lie in other files, which is not supported; "
          "copy it into one file with h5repack -l CONTI",
          where);
  }
  return storage;
}

std::size_t chunk_cache_bytes(const Shape& shape, const Shape& chunk, std::size_t element_bytes) {
  constexpr double kLeast = 1 << 20;
  constexpr double kUsual = 256 << 20;
  double bytes = static_cast<double>(element_bytes) * static_cast<double>(chunk[0]);
  for (std::size_t axis = 1; axis < shape.size(); ++axis) {
    const std::int64_t chunks = (shape[axis] + chunk[axis] - 1) / chunk[axis];
    bytes *= static_cast<double>(chunks * chunk[axis]);
  }
  // Two rows of chunks, because a batch may straddle their border; but one at least whatever it
  // takes, or batches that cut a chunk would decode it again and again.
  return static_cast<std::size_t>(std::clamp(2 * bytes, kLeast, std::max(kUsual, bytes)));
}

}  // namespace widepipe::dataset
