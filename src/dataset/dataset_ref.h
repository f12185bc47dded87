#pragma once

#include <string>
#include <string_view>

#include "core/tensor.h"

namespace widepipe::dataset {

using widepipe::to_string;  // the one below would hide that of shapes

/// A data set, or a group, in an HDF5 file: what the user writes as FILE.h5:/group/data.
struct DatasetRef {
  std::string file;
  std::string path;  ///< absolute, no trailing slash; "/" is the root group

  bool operator==(const DatasetRef&) const = default;
};

/// Splits at the last ":/". Throws InputError, with the expected form, if a part is missing.
DatasetRef parse_dataset_ref(std::string_view text);

/// "FILE.h5:/group/data".
std::string to_string(const DatasetRef& ref);

}  // namespace widepipe::dataset
