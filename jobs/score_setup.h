#pragma once
// What rank 0 finds out about a job before any work starts.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "jobs/job_spec.h"
#include "jobs/model_store.h"
#include "jobs/stream_setup.h"

namespace widepipe::jobs {

/// Rank 0 only. Holds the locks of all outputs for as long as it lives.
class ScoreSetup {
 public:
  /// Reads, imports and checks everything of every stream, then locks the outputs, in the same
  /// order in every job; not if the job is without outputs. Writes nothing but the locks, which an
  /// error releases. Throws InputError. `job` must outlive the setup.
  ScoreSetup(const JobSpec& job, const std::string& isa);

  const JobSpec& job() const { return job_; }
  /// In the order of the job.
  const std::vector<std::unique_ptr<StreamSetup>>& streams() const { return streams_; }
  const StreamSetup& stream(std::size_t index) const { return *streams_[index]; }

  /// Files that a report must not replace: those that the job reads, its outputs, and what belongs
  /// to these.
  std::vector<std::string> files() const;

  /// The models of the streams, for the other ranks.
  ModelStore& models() { return models_; }

  /// Makes journals and outputs of the streams that start afresh; after an InputError none of
  /// them is left. Throws InputError (disk full) or RunError.
  void create_files() const;
  /// Undoes create_files().
  void remove_files() const;

 private:
  std::vector<std::string> files_read() const;
  void read_streams();
  void check_streams_apart() const;
  void check_outputs() const;
  void lock_outputs();

  const JobSpec& job_;
  ModelStore models_;
  std::vector<std::unique_ptr<StreamSetup>> streams_;
};

}  // namespace widepipe::jobs
