#pragma once
// What stands at the place of an output before a job starts.

#include <cstdint>
#include <string>
#include <vector>

#include "core/row_set.h"
#include "core/tensor.h"
#include "dataset/output_spec.h"
#include "dataset/string_fields.h"

namespace widepipe::dataset {

enum class OutputState {
  kAbsent,
  kForeign,  ///< a file that widepipe did not make: never touched
  kDamaged,  ///< HDF5, but truncated or broken, so that its maker cannot be told
  kOurs
};

/// A contiguous data set and where its bytes lie in the file.
struct PlacedDataset {
  std::string path;
  DType dtype = DType::kUndefined;
  Shape shape;
  std::uint64_t offset = 0;
};

struct ExistingOutput {
  OutputState state = OutputState::kAbsent;
  std::string problem;  ///< why it is foreign or damaged: "is not an HDF5 file: ..."
  StringFields attributes;
  std::vector<PlacedDataset> datasets;
};

/// Looks, changes nothing. Throws InputError only if the file cannot be opened at all.
ExistingOutput inspect_existing(const std::string& file);

/// "FILE: exists and was not made by widepipe (why); choose another name", as an InputError.
[[noreturn]] void refuse_foreign(const std::string& file, const ExistingOutput& existing);

/// Where the bytes of the columns and of the status data set lie.
struct Placement {
  std::vector<std::uint64_t> column_offsets;  ///< in the order of the spec's columns
  std::uint64_t status_offset = 0;
};

/// Throws InputError, naming each difference, unless the file has the spec's data sets and
/// attributes.
Placement locate(const ExistingOutput& existing, const OutputSpec& spec);

/// Rows of the set that the file's status data set does not mark as `status`. Throws RunError
/// if the file cannot be read.
RowSet rows_not_marked(const std::string& file, const Placement& placement, const RowSet& rows,
                       RowStatus status);

}  // namespace widepipe::dataset
