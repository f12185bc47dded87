#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataset/existing_output.h"
#include "dataset/output_spec.h"
#include "dataset/posix_file.h"
#include "dataset/row_sink.h"

namespace widepipe::dataset {

/// Makes the file with its whole structure and all its disk space, as FILE.part that is then
/// renamed; replaces FILE. Equal specs give equal bytes. Throws InputError, leaving nothing
/// behind, if the file cannot be made (disk full, quota, file size limit).
void create_output(const OutputSpec& spec);

/// An output of ours, opened for writing rows in place. The file's structure is never touched
/// again, so that a crash cannot break it. One thread at a time.
class OutputFile final : public RowSink {
 public:
  /// Opens spec.target.file. Throws InputError unless it is ours and fits the spec.
  explicit OutputFile(OutputSpec spec);

  std::size_t column_count() const override { return spec_.columns.size(); }
  void write_rows(std::size_t column, RowRange rows, std::span<const std::byte> bytes) override;
  void write_status(RowRange rows, RowStatus status) override;
  /// fdatasync. Throws RunError, as the others do, if the file was cut or removed meanwhile: rows
  /// that are recorded must be there.
  void sync() override;

  const OutputSpec& spec() const { return spec_; }

 private:
  void check_whole() const;
  void check_range(const std::string& path, RowRange rows) const;
  [[noreturn]] void fail_to_write(const std::string& path, RowRange rows) const;

  OutputSpec spec_;
  Placement placement_;
  UniqueFd fd_;
  std::uint64_t bytes_ = 0;  ///< of the file, all its life
};

}  // namespace widepipe::dataset
