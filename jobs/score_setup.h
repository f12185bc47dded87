#pragma once
// What rank 0 finds out before any work starts: is the input good, may the output be written,
// what did an earlier run leave.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataset/output_lock.h"
#include "dataset/output_spec.h"
#include "dataset/resume.h"
#include "jobs/score.h"
#include "model/model.h"
#include "mpi_runtime/row_reader.h"

namespace widepipe::jobs {

/// Rank 0 only. Holds the output's lock for as long as it lives.
class ScoreSetup {
 public:
  /// Reads, imports and checks everything; writes nothing but the lock. Throws InputError.
  ScoreSetup(const ScoreOptions& options, const std::string& isa);

  /// The model's file, for the other ranks; gone after the call.
  std::vector<std::byte> take_model_bytes() { return std::move(model_bytes_); }
  const model::Model& model() const { return *model_; }
  std::shared_ptr<const model::Model> shared_model() const { return model_; }
  const mpi_runtime::StreamSource& source() const { return source_; }
  const dataset::OutputSpec& spec() const { return spec_; }
  const dataset::ResumeDecision& decision() const { return decision_; }
  std::int64_t rows() const { return spec_.rows; }
  /// "IN.h5:/images", several joined by commas.
  std::string input_text() const;

  /// Makes journal and output if the job starts afresh. Throws InputError (disk full) or
  /// RunError.
  void create_files() const;

 private:
  dataset::StringFields identity(const ScoreOptions& options, const std::string& isa) const;
  dataset::StringFields attributes(bool keep_mixed) const;

  std::vector<std::byte> model_bytes_;
  std::shared_ptr<const model::Model> model_;
  mpi_runtime::StreamSource source_;
  dataset::OutputSpec spec_;
  dataset::StringFields identity_;
  std::optional<dataset::OutputLock> lock_;
  dataset::ResumeDecision decision_;
};

/// Of widepipe and the libraries that a row's bits depend on.
std::string versions();

/// The data sets that a model's outputs go to: the named one, or with several outputs one in the
/// named group for each, called after it ("/" becomes "_").
std::vector<dataset::OutputColumn> output_columns(const model::Model& model,
                                                  const std::string& path);

}  // namespace widepipe::jobs
