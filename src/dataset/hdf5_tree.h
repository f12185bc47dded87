#pragma once
// What a file holds, for `widepipe inspect` and for error texts that help.

#include <string>
#include <vector>

#include "core/tensor.h"
#include "dataset/dataset_ref.h"

namespace widepipe::dataset {

struct DatasetEntry {
  std::string path;
  std::string type;  ///< "f32", "a string"
  Shape shape;       ///< empty for a scalar
};

/// The file's data sets, sorted by path. Throws InputError if the file cannot be read as HDF5.
std::vector<DatasetEntry> list_datasets(const std::string& file);

/// "/a (f32 [10, 3]), /b (u8 [10]) and 3 more"; at most `limit` of the entries that lie in
/// `group`. "none" if there are none.
std::string list_text(const std::vector<DatasetEntry>& entries, const std::string& group = "/",
                      std::size_t limit = 8);

/// The path nearest to `wanted` by edit distance, or "" if none is near enough to be meant.
std::string nearest_path(const std::vector<DatasetEntry>& entries, const std::string& wanted);

}  // namespace widepipe::dataset
