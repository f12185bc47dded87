#pragma once
// How a data set lies in its file, and whether this library can read it.

#include <cstdint>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "dataset/hdf5_handle.h"

namespace widepipe::dataset {

enum class Layout { kContiguous, kChunked, kCompact };

struct StorageLayout {
  Layout layout = Layout::kContiguous;
  /// Byte in the file where contiguous data start; HADDR_UNDEF if nothing was written yet.
  haddr_t offset = HADDR_UNDEF;
  Shape chunk;                       ///< chunked only
  std::vector<std::string> filters;  ///< "gzip(4)", "shuffle", in the order of writing
  std::uint64_t stored_bytes = 0;    ///< bytes of raw data in the file
};

/// Throws InputError, beginning with `where`, if the data lie in other files or need a filter
/// that is not installed. The caller holds an Hdf5Session.
StorageLayout read_layout(hid_t dataset, const std::string& where);

/// Chunk cache, in bytes, in which one row of chunks stays decoded while batches walk over it.
std::size_t chunk_cache_bytes(const Shape& shape, const Shape& chunk, std::size_t element_bytes);

}  // namespace widepipe::dataset
