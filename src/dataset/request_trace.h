#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace widepipe::dataset {

/// Requests as they came, from an HDF5 file (docs/file-formats.md):
///   /models          strings [m]: names
///   /deadlines       numbers [d]: seconds from a request's arrival, by class
///   /arrival         numbers [n]: seconds, not falling
///   /model           integers [n]: indices in /models
///   /deadline_class  integers [n]: indices in /deadlines
///   /row             integers [n], may be missing: the row of a data set that is asked for
struct RequestTrace {
  std::vector<std::string> models;
  std::vector<double> deadlines;
  std::vector<double> arrival;
  std::vector<std::uint32_t> model;
  std::vector<std::uint32_t> deadline_class;
  std::vector<std::int64_t> row;  ///< empty if it is missing
};

/// Throws InputError, naming file, data set and place: what InputDataset refuses, lengths that
/// differ, no model, no deadline or one that is not after the arrival, times that are negative,
/// not finite or falling, indices out of range, negative rows.
RequestTrace read_request_trace(const std::string& file);

/// A hash of all that is in it, whatever the form of its file.
std::string content_hash(const RequestTrace& trace);

/// Throws InputError if the file is there already, or FILE.part, in which it is made.
void check_trace_is_new(const std::string& file);
/// Throws InputError likewise, RunError if it cannot be written: then there is none.
void write_request_trace(const std::string& file, const RequestTrace& trace);

}  // namespace widepipe::dataset
