#pragma once
// Between HDF5's element types and ours.

#include <optional>
#include <string>

#include "core/tensor.h"
#include "dataset/hdf5_handle.h"

namespace widepipe::dataset {

/// A numeric element type of a file.
struct StoredType {
  DType dtype = DType::kUndefined;  ///< the native type that holds every stored value
  std::string name;                 ///< "u8", "f16", "i32 big-endian"
  bool native = false;              ///< bytes in the file are those of `dtype` in memory
  Hdf5Type memory;                  ///< what H5Dread is asked for to get `dtype`
};

/// The numeric type, or nothing and, in `refusal`, what the type is instead ("a string").
std::optional<StoredType> stored_type_of(hid_t type, std::string& refusal);

/// The type that an output column of `dtype` has in the file: native, and bool as the
/// enumeration that h5py reads as numpy.bool.
Hdf5Type output_type(DType dtype);

}  // namespace widepipe::dataset
