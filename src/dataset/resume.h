#pragma once
// What to do with what an earlier run left: begin, go on, or explain.

#include <span>
#include <string>
#include <vector>

#include "core/row_set.h"
#include "dataset/journal.h"
#include "dataset/output_spec.h"

namespace widepipe::dataset {

struct ResumeOptions {
  bool restart = false;
  /// Identity fields that may differ (--allow-mixed); a difference becomes a warning.
  std::vector<std::string> may_differ;
  bool retry_failed = false;  ///< rows that failed are computed once more
};

enum class ResumeKind {
  kFresh,           ///< make journal and output with prepare_output()
  kResume,          ///< both are there; compute the missing rows
  kAlreadyComplete  ///< every row is done or failed, and marked so
};

struct ResumeDecision {
  ResumeKind kind = ResumeKind::kFresh;
  RowSet done;
  std::vector<FailedRecord> failed;
  std::int64_t retried = 0;  ///< rows that failed and are not in `failed`: to be tried again
  /// Of `failed`, what the status data set does not show: an attempt to have the rows after all was
  /// cut short. To be recorded once more.
  std::vector<FailedRecord> unmarked;
  bool finished = false;  ///< the journal has its done record
  std::vector<std::string> warnings;

  /// Rows to compute: neither done nor failed.
  std::vector<RowRange> missing(std::int64_t rows) const;
};

/// Looks at spec.target.file and its journal; changes nothing. The caller holds the
/// OutputLock. Throws InputError where the job cannot go on: the files are not widepipe's, one
/// of them is missing or damaged, or a field of `identity` is not what the journal recorded.
/// With `restart` only files that are not widepipe's are refused.
ResumeDecision decide_resume(const OutputSpec& spec, const StringFields& identity,
                             const ResumeOptions& options);

/// The steps of a fresh start, in their order. A kill between any two leaves a state from which
/// decide_resume() begins afresh, goes on, or asks for --restart.
enum class PrepareStep {
  kRemoveJournal,  ///< first: an output without journal is never continued
  kRemoveOutput,   ///< old rows must not stand beside a new journal
  kCreateJournal,  ///< before the output: a journal without rows and output counts as nothing
  kCreateOutput
};
std::span<const PrepareStep> fresh_steps();
void run_step(PrepareStep step, const OutputSpec& spec, const JournalHeader& header);

/// All steps of a fresh start. Throws InputError or RunError.
void prepare_output(const OutputSpec& spec, const JournalHeader& header);

}  // namespace widepipe::dataset
