#pragma once
// What rank 0 finds out about one stream before any work starts: is its input good, may its
// output be written, what did an earlier run leave.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/output_lock.h"
#include "dataset/output_spec.h"
#include "dataset/resume.h"
#include "jobs/input_binding.h"
#include "jobs/job_spec.h"
#include "jobs/model_store.h"
#include "model/model.h"
#include "mpi_runtime/row_reader.h"
#include "mpi_runtime/stored_columns.h"

namespace widepipe::jobs {

/// Rank 0 only. Holds the output's lock, once taken, for as long as it lives.
class StreamSetup {
 public:
  /// Opens and checks the inputs and binds the model to them; writes nothing. Throws InputError.
  /// `stream` and `settings` must outlive the setup.
  StreamSetup(const StreamSpec& stream, const JobSettings& settings, ModelStore& models);

  const StreamSpec& stream() const { return stream_; }
  const model::Model& model() const { return *model_; }
  std::shared_ptr<const model::Model> shared_model() const { return model_; }
  const mpi_runtime::StreamSource& source() const { return source_; }
  /// By model input, those that are constants included.
  const MatchedInputs& inputs() const { return inputs_; }
  const mpi_runtime::StreamOutputs& outputs() const { return outputs_; }
  /// The last columns of spec() are copies of these.
  const std::vector<std::shared_ptr<const dataset::RowSource>>& carried() const { return carried_; }
  const dataset::OutputSpec& spec() const { return spec_; }
  const std::string& output_file() const { return spec_.target.file; }
  std::int64_t rows() const { return spec_.rows; }
  /// "IN.h5:/images", several joined by commas.
  std::string input_text() const;
  /// The model's files and those of its inputs and carried data.
  std::vector<std::string> files_read() const;

  /// Checks that the output can be made: everything that needs no lock. `files_read` are those
  /// of the whole job. Throws InputError.
  void check_output(const std::vector<std::string>& files_read) const;
  /// Takes the output's lock, the first thing that this class writes. Throws InputError.
  void lock();
  /// Compares with what an earlier run left; of a job without outputs no row is done. Call after
  /// lock(). Throws InputError.
  void decide(const std::string& isa);
  /// What the inputs hold, as one text: equal where they are the same. Valid after decide().
  const std::string& input_content() const { return input_content_; }
  /// Valid after decide().
  const dataset::ResumeDecision& decision() const { return decision_; }
  std::vector<RowRange> rows_to_compute() const { return decision_.missing(rows()); }
  bool complete() const { return decision_.kind == dataset::ResumeKind::kAlreadyComplete; }

  /// Makes journal and output if the stream starts afresh. Throws InputError (disk full) or
  /// RunError.
  void create_files() const;
  /// Undoes create_files().
  void remove_files() const;

 private:
  void bind_model(ModelStore& models);
  dataset::OutputSpec output_spec() const;
  dataset::StringFields identity(const std::string& isa,
                                 const std::vector<dataset::InputIdentity>& inputs) const;
  dataset::StringFields attributes(const dataset::StringFields& identity) const;

  const StreamSpec& stream_;
  const JobSettings& settings_;
  std::shared_ptr<const model::Model> model_;
  std::vector<std::string> model_files_;
  MatchedInputs inputs_;
  mpi_runtime::StreamSource source_;
  mpi_runtime::StreamOutputs outputs_;
  std::vector<std::shared_ptr<const dataset::RowSource>> carried_;
  dataset::OutputSpec spec_;
  std::string input_content_;
  dataset::StringFields identity_;
  std::optional<dataset::OutputLock> lock_;
  dataset::ResumeDecision decision_;
};

/// Identities of a stream's inputs, in their order. Reads parts of the files. Throws RunError.
std::vector<dataset::InputIdentity> input_identities(const mpi_runtime::StreamSource& source);
/// What the inputs hold, as one text.
std::string content_of(const std::vector<dataset::InputIdentity>& inputs);

/// Of widepipe and the libraries that a row's bits depend on when this device computes it.
std::string versions_with(std::string_view device);

}  // namespace widepipe::jobs
