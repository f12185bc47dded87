#include "dataset/resume.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <set>

#include "core/error.h"
#include "dataset/existing_output.h"
#include "dataset/failed_rows.h"
#include "dataset/output_file.h"
#include "dataset/posix_file.h"

namespace widepipe::dataset {
namespace {

std::string quoted(const std::string* value) {
  return value == nullptr ? "nothing" : "'" + *value + "'";
}

/// Each difference in words; those that may be go to `warnings`, the others are the result.
std::vector<std::string> compare_identity(const StringFields& recorded, const StringFields& now,
                                          const std::vector<std::string>& may_differ,
                                          std::vector<std::string>& warnings) {
  StringFields all = recorded;
  for (const auto& field : now) {
    if (find_field(recorded, field.first) == nullptr) all.push_back(field);
  }
  std::vector<std::string> differences;
  for (const auto& [name, unused] : all) {
    const std::string* before = find_field(recorded, name);
    const std::string* after = find_field(now, name);
    if (before != nullptr && after != nullptr && *before == *after) continue;
    std::string text = fmt::format("the {} changed since: the journal has {}, this job has {}",
                                   name, quoted(before), quoted(after));
    const bool allowed = std::find(may_differ.begin(), may_differ.end(), name) != may_differ.end();
    (allowed ? warnings : differences).push_back(std::move(text));
  }
  return differences;
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

/// The journal of the output, or nothing. With `restart` a damaged one counts as none.
std::optional<JournalContents> find_journal(const std::string& path, bool restart) {
  if (!exists(path)) return std::nullopt;
  try {
    return read_journal(path);
  } catch (const InputError&) {
    if (restart) return std::nullopt;
    throw;
  }
}

/// A power cut on a disk that lies, or an output put back from a backup.
void check_status_marks(const OutputSpec& spec, const Placement& placement,
                        const JournalContents& journal) {
  RowSet unmarked = rows_not_marked(spec.target.file, placement, journal.done, RowStatus::kDone);
  if (unmarked.empty()) return;
  const RowRange first = unmarked.ranges().front();
  throw_input_error(
      "{}: the journal says that rows {} to {} are done, but the file does not have them ({} such "
      "rows in all): it was replaced or damaged; use --restart to begin anew",
      spec.target.file, first.first, first.end() - 1, unmarked.count());
}

std::vector<FailedRecord> unmarked_failures(const OutputSpec& spec, const Placement& placement,
                                            const JournalContents& journal) {
  FailedRows unmarked(journal.failed);
  const RowSet rows =
      rows_not_marked(spec.target.file, placement, journal.failed_set(), RowStatus::kFailed);
  for (const RowRange& others : rows.missing(spec.rows)) unmarked.remove(others);
  return unmarked.records();
}

ResumeDecision go_on(const OutputSpec& spec, const ExistingOutput& existing,
                     JournalContents journal, const StringFields& identity,
                     const ResumeOptions& options) {
  ResumeDecision decision;
  decision.warnings = std::move(journal.warnings);
  std::vector<std::string> differences =
      compare_identity(journal.header.identity, identity, options.may_differ, decision.warnings);
  if (journal.header.rows != spec.rows) {
    differences.insert(differences.begin(),
                       fmt::format("the number of rows changed since: the journal has {}, this job "
                                   "has {}",
                                   journal.header.rows, spec.rows));
  }
  if (!differences.empty()) {
    throw_input_error("{}: cannot be continued: {}; use --restart to begin anew", spec.target.file,
                      fmt::join(differences, "; "));
  }
  const Placement placement = locate(existing, spec);
  check_status_marks(spec, placement, journal);
  decision.finished = journal.finished;
  if (options.retry_failed) {
    decision.retried = journal.failed_rows();
  } else {
    decision.unmarked = unmarked_failures(spec, placement, journal);
    decision.failed = std::move(journal.failed);
  }
  decision.done = std::move(journal.done);
  const bool complete = decision.missing(spec.rows).empty() && decision.unmarked.empty();
  decision.kind = complete ? ResumeKind::kAlreadyComplete : ResumeKind::kResume;
  return decision;
}

}  // namespace

std::vector<RowRange> ResumeDecision::missing(std::int64_t rows) const {
  RowSet settled = done;
  for (const FailedRecord& record : failed) settled.add(record.rows);
  return settled.missing(rows);
}

ResumeDecision decide_resume(const OutputSpec& spec, const StringFields& identity,
                             const ResumeOptions& options) {
  const std::string& file = spec.target.file;
  const ExistingOutput existing = inspect_existing(file);
  if (existing.state == OutputState::kForeign) refuse_foreign(file, existing);

  const std::string journal_file = journal_path(file);
  std::optional<JournalContents> journal = find_journal(journal_file, options.restart);
  if (existing.state == OutputState::kDamaged) {
    // Its marker cannot be read; only a journal beside it shows whose it is.
    if (!journal) {
      throw_input_error(
          "{}: exists, {}, and has no journal that would show that widepipe made it; "
          "remove it or choose another name",
          file, existing.problem);
    }
    if (options.restart) return {};
    throw_input_error("{}: was damaged since the job began: {}; use --restart to begin anew", file,
                      existing.problem);
  }
  if (options.restart) return {};

  const bool has_output = existing.state == OutputState::kOurs;
  if (!has_output && !journal) return {};
  if (!has_output) {
    if (journal->done.empty() && journal->failed.empty()) return {};
    throw_input_error(
        "{}: does not exist, but its journal {} has {} finished rows: the output was moved or "
        "removed; put it back, or use --restart to begin anew",
        file, journal_file, journal->done.count() + journal->failed_rows());
  }
  if (!journal) {
    throw_input_error(
        "{}: exists, but its journal {} does not, so that its finished rows cannot be known; "
        "choose "
        "another name, or use --restart to begin anew",
        file, journal_file);
  }
  return go_on(spec, existing, std::move(*journal), identity, options);
}

std::span<const PrepareStep> fresh_steps() {
  static constexpr std::array kSteps = {PrepareStep::kRemoveJournal, PrepareStep::kRemoveOutput,
                                        PrepareStep::kCreateJournal, PrepareStep::kCreateOutput};
  return kSteps;
}

void run_step(PrepareStep step, const OutputSpec& spec, const JournalHeader& header) {
  switch (step) {
    case PrepareStep::kRemoveJournal:
      return remove_durably(journal_path(spec.target.file));
    case PrepareStep::kRemoveOutput:
      return remove_durably(spec.target.file);
    case PrepareStep::kCreateJournal:
      return create_journal(journal_path(spec.target.file), header);
    case PrepareStep::kCreateOutput:
      return create_output(spec);
  }
}

void prepare_output(const OutputSpec& spec, const JournalHeader& header) {
  for (const PrepareStep step : fresh_steps()) {
    try {
      run_step(step, spec, header);
    } catch (const InputError&) {
      // Bad input leaves nothing behind: the journal was made for an output that cannot be.
      if (step == PrepareStep::kCreateOutput) remove_durably(journal_path(spec.target.file));
      throw;
    }
  }
}

}  // namespace widepipe::dataset
