#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "dataset/dataset_ref.h"
#include "dataset/string_fields.h"

namespace widepipe::dataset {

/// Root attribute that marks a file as made by widepipe, and the format it announces.
inline constexpr const char* kMarkerName = "widepipe_format";
inline constexpr const char* kMarkerValue = "1";

/// Fields of the identity: "output /path" for each column, in their order; those that --allow-mixed
/// lets differ.
inline constexpr const char* kOutputField = "output ";
inline constexpr const char* kIsaField = "instruction set";
inline constexpr const char* kVersionField = "versions";

/// Values of the status data set.
enum class RowStatus : std::uint8_t { kNotDone = 0, kDone = 1, kFailed = 2 };

/// One data set of the output: shape [rows, ...row_shape].
struct OutputColumn {
  std::string path;  ///< absolute path in the file
  DType dtype = DType::kF32;
  Shape row_shape;
};

/// Everything that the output file's structure depends on: equal specs give equal bytes.
struct OutputSpec {
  DatasetRef target;  ///< as the user named it, for messages; the file to make
  std::vector<OutputColumn> columns;
  std::int64_t rows = 0;
  StringFields attributes;  ///< of the root group; nothing that differs between runs
  std::string status_path;  ///< absolute path of the status data set, u8 [rows]
};

std::int64_t row_bytes(const OutputColumn& column);
/// Raw bytes of all columns and the status data set.
std::uint64_t raw_bytes(const OutputSpec& spec);

/// Files beside the output.
std::string journal_path(const std::string& output_file);
std::string lock_path(const std::string& output_file);
/// All that widepipe may make beside an output: its parts, journal and lock.
std::vector<std::string> files_beside(const std::string& output_file);

/// A disk without room for some outputs.
struct Shortage {
  std::uint64_t needed = 0;     ///< bytes, of all outputs that go to the disk
  std::uint64_t available = 0;  ///< what these outputs occupy now counts as free
  std::string folder;           ///< of one of the outputs
  std::size_t outputs = 0;
};
/// The first disk that lacks room for its share of the outputs; nothing if all fit. A disk that
/// cannot be asked is left out: creation will tell.
std::optional<Shortage> find_shortage(std::span<const OutputSpec* const> specs);

/// Checks all that can be known before work starts; throws InputError if the spec contradicts
/// itself (no rows, equal or nested paths), the parent folder is missing or not writable, the
/// target is a folder, was not made by widepipe, or is the same file as one of `input_files`
/// (by name or by link), or the disk has too little room (what the target occupies counts as
/// free). Changes nothing.
void check_writable(const OutputSpec& spec, std::span<const std::string> input_files);

}  // namespace widepipe::dataset
