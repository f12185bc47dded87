#include "dataset/resume.h"

#include <gtest/gtest.h>

#include "dataset/output_file.h"
#include "dataset_output_spec.h"
#include "hdf5_fixture.h"

namespace widepipe::dataset {
namespace {

const StringFields kIdentity = {{"model", "abc"}, {"input data", "x"}, {"instruction set", "avx2"}};

JournalHeader header_of(const OutputSpec& spec) { return {spec.rows, "2026-01-02", kIdentity}; }

/// Marks rows done in the output and journals them, as the durable writer does.
void record_done(const OutputSpec& spec, RowRange rows) {
  OutputFile(spec).write_status(rows, RowStatus::kDone);
  const JournalRecord record = RowsRecord{{rows}};
  Journal(journal_path(spec.target.file)).append({&record, 1});
}

void record_failed(const OutputSpec& spec, RowRange rows, const std::string& reason) {
  OutputFile(spec).write_status(rows, RowStatus::kFailed);
  const JournalRecord record = FailedRecord{rows, reason};
  Journal(journal_path(spec.target.file)).append({&record, 1});
}

std::string refusal(const OutputSpec& spec, ResumeOptions options = {},
                    const StringFields& identity = kIdentity) {
  return error_of<InputError>([&] { decide_resume(spec, identity, options); });
}

ResumeKind decide(const OutputSpec& spec, bool restart = false) {
  return decide_resume(spec, kIdentity, {restart, {}}).kind;
}

TEST(Resume, PlainCourseOfAJob) {
  const TempFolder folder;
  const OutputSpec spec = make_spec("out.h5");
  EXPECT_EQ(decide(spec), ResumeKind::kFresh);
  prepare_output(spec, header_of(spec));
  EXPECT_EQ(decide(spec), ResumeKind::kResume);

  record_done(spec, {0, 40});
  ResumeDecision decision = decide_resume(spec, kIdentity, {});
  EXPECT_EQ(decision.kind, ResumeKind::kResume);
  EXPECT_EQ(decision.missing(spec.rows), (std::vector<RowRange>{{40, 60}}));

  record_failed(spec, {50, 2}, "NaN");
  record_done(spec, {40, 10});
  record_done(spec, {52, 48});
  decision = decide_resume(spec, kIdentity, {});
  EXPECT_EQ(decision.kind, ResumeKind::kAlreadyComplete);
  EXPECT_FALSE(decision.finished);
  EXPECT_EQ(decision.failed, (std::vector<FailedRecord>{{{50, 2}, "NaN"}}));
  EXPECT_EQ(decision.done.count(), 98);

  // Tried again: what the journal says of them stands until there is better news.
  decision = decide_resume(spec, kIdentity, {.retry_failed = true});
  EXPECT_EQ(decision.kind, ResumeKind::kResume);
  EXPECT_EQ(decision.missing(spec.rows), (std::vector<RowRange>{{50, 2}}));
  EXPECT_TRUE(decision.failed.empty());
  EXPECT_EQ(decision.retried, 2);
  record_done(spec, {50, 1});
  decision = decide_resume(spec, kIdentity, {});
  EXPECT_EQ(decision.kind, ResumeKind::kAlreadyComplete);
  EXPECT_EQ(decision.failed, (std::vector<FailedRecord>{{{51, 1}, "NaN"}}));

  EXPECT_EQ(decide(spec, true), ResumeKind::kFresh);
  prepare_output(spec, header_of(spec));
  decision = decide_resume(spec, kIdentity, {});
  EXPECT_EQ(decision.missing(spec.rows), (std::vector<RowRange>{{0, 100}}));
}

TEST(Resume, AKillWhileFailedRowsAreTriedAgain) {
  const TempFolder folder;
  const OutputSpec spec = make_spec("out.h5");
  prepare_output(spec, header_of(spec));
  record_done(spec, {0, 50});
  record_failed(spec, {50, 20}, "EIO");
  record_failed(spec, {70, 20}, "NaN");
  record_done(spec, {90, 10});
  EXPECT_EQ(decide(spec), ResumeKind::kAlreadyComplete);
  // Rows 68 to 71 were written, but not yet journaled.
  OutputFile(spec).write_status({68, 4}, RowStatus::kDone);
  ResumeDecision decision = decide_resume(spec, kIdentity, {});
  EXPECT_EQ(decision.kind, ResumeKind::kResume);
  EXPECT_TRUE(decision.missing(spec.rows).empty());
  EXPECT_EQ(decision.failed, (std::vector<FailedRecord>{{{50, 20}, "EIO"}, {{70, 20}, "NaN"}}));
  EXPECT_EQ(decision.unmarked, (std::vector<FailedRecord>{{{68, 2}, "EIO"}, {{70, 2}, "NaN"}}));
  EXPECT_EQ(decision.retried, 0);

  decision = decide_resume(spec, kIdentity, {.retry_failed = true});
  EXPECT_EQ(decision.missing(spec.rows), (std::vector<RowRange>{{50, 40}}));
  EXPECT_TRUE(decision.unmarked.empty());
  EXPECT_EQ(decision.retried, 40);
}

TEST(Resume, AKillBetweenAnyTwoStepsOfAFreshStart) {
  const std::string asks_for_restart =
      "out.h5: exists, but its journal out.h5.journal does not, so that its finished rows cannot "
      "be known; choose another name, or use --restart to begin anew";
  for (const bool had_old : {false, true}) {
    for (std::size_t done = 0; done <= fresh_steps().size(); ++done) {
      SCOPED_TRACE(testing::Message() << "old output " << had_old << ", steps done " << done);
      const TempFolder folder;
      const OutputSpec spec = make_spec("out.h5");
      if (had_old) {
        prepare_output(spec, header_of(spec));
        record_done(spec, {0, 40});
      }
      for (std::size_t i = 0; i < done; ++i) {
        run_step(fresh_steps()[i], spec, header_of(spec));
        spit("out.h5.part", "torn");
        spit("out.h5.journal.part", "torn");
      }
      if (had_old && done == 1) {
        EXPECT_EQ(refusal(spec), asks_for_restart);
        EXPECT_EQ(decide(spec, true), ResumeKind::kFresh);
        continue;
      }
      const ResumeDecision decision = decide_resume(spec, kIdentity, {});
      const bool both = (had_old && done == 0) || done == fresh_steps().size();
      EXPECT_EQ(decision.kind, both ? ResumeKind::kResume : ResumeKind::kFresh);
      // Only the untouched old job has finished rows, and no other state shows any.
      EXPECT_EQ(decision.done.count(), had_old && done == 0 ? 40 : 0);
      if (decision.kind == ResumeKind::kFresh) prepare_output(spec, header_of(spec));
      EXPECT_EQ(decide(spec), ResumeKind::kResume);
    }
  }
}

TEST(Resume, StatesThatNeedThePerson) {
  const std::string restart = "use --restart to begin anew";
  const struct {
    const char* name;
    std::function<void(const OutputSpec&)> damage;
    std::string expected;
    std::string with_restart;
  } kCases[] = {
      {"output gone", [](const OutputSpec&) { std::filesystem::remove("out.h5"); },
       "out.h5: does not exist, but its journal out.h5.journal has 40 finished rows: the output "
       "was moved or removed; put it back, or " +
           restart,
       "no error"},
      {"journal gone", [](const OutputSpec&) { std::filesystem::remove("out.h5.journal"); },
       "out.h5: exists, but its journal out.h5.journal does not, so that its finished rows cannot "
       "be known; choose another name, or " +
           restart,
       "no error"},
      {"journal damaged", [](const OutputSpec&) { spit("out.h5.journal", "x"); },
       "out.h5.journal: is not a readable journal: its first line is damaged, expected a header "
       "record of format 1, so that what is done cannot be known; " +
           restart,
       "no error"},
      {"output replaced by a new one", [](const OutputSpec& spec) { create_output(spec); },
       "out.h5: the journal says that rows 0 to 39 are done, but the file does not have them (40 "
       "such rows in all): it was replaced or damaged; " +
           restart,
       "no error"},
      {"output truncated", [](const OutputSpec&) { std::filesystem::resize_file("out.h5", 3000); },
       "out.h5: was damaged since the job began: it is truncated: its superblock says SIZE bytes, "
       "found 3000; " +
           restart,
       "no error"},
      {"output truncated and journal gone",
       [](const OutputSpec&) {
         std::filesystem::resize_file("out.h5", 3000);
         std::filesystem::remove("out.h5.journal");
       },
       "out.h5: exists, it is truncated: its superblock says SIZE bytes, found 3000, and has no "
       "journal that would show that widepipe made it; remove it or choose another name",
       "out.h5: exists, it is truncated: its superblock says SIZE bytes, found 3000, and has no "
       "journal that would show that widepipe made it; remove it or choose another name"},
      {"someone else's file", [](const OutputSpec&) { Hdf5Maker("out.h5").group("/g"); },
       "out.h5: exists and was not made by widepipe (it has no attribute 'widepipe_format'); "
       "choose another name",
       "out.h5: exists and was not made by widepipe (it has no attribute 'widepipe_format'); "
       "choose another name"},
      {"output of another job",
       [](const OutputSpec& spec) {
         OutputSpec other = spec;
         other.attributes[0].second = "other";
         create_output(other);
       },
       "out.h5: was made by another job: its attribute 'model' is not 'm\u00f6del'; choose another "
       "name, or " +
           restart,
       "no error"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const TempFolder folder;
    const OutputSpec spec = make_spec("out.h5");
    prepare_output(spec, header_of(spec));
    record_done(spec, {0, 40});
    const std::string size = std::to_string(std::filesystem::file_size("out.h5"));
    const auto with_size = [&](std::string text) {
      const std::size_t place = text.find("SIZE");
      return place == std::string::npos ? text : text.replace(place, 4, size);
    };
    c.damage(spec);
    EXPECT_EQ(refusal(spec), with_size(c.expected));
    EXPECT_EQ(refusal(spec, {true, {}}), with_size(c.with_restart));
  }
}

TEST(Resume, JournalWithoutRowsAndOutputIsAFreshStart) {
  const TempFolder folder;
  const OutputSpec spec = make_spec("out.h5");
  create_journal("out.h5.journal", {7, "", {{"model", "of another job"}}});
  EXPECT_EQ(decide(spec), ResumeKind::kFresh);
}

TEST(Resume, ComparesTheIdentityFieldByField) {
  const TempFolder folder;
  const OutputSpec spec = make_spec("out.h5");
  prepare_output(spec, header_of(spec));
  record_done(spec, {0, 40});
  const std::string start = "out.h5: cannot be continued: ";
  const std::string end = "; use --restart to begin anew";
  const std::string isa =
      "the instruction set changed since: the journal has 'avx2', this job has 'avx512'";
  const struct {
    StringFields identity;
    std::vector<std::string> may_differ;
    std::string expected;
  } kCases[] = {
      {kIdentity, {}, "no error"},
      {{{"input data", "x"}, {"instruction set", "avx2"}, {"model", "abc"}}, {}, "no error"},
      {{{"model", "abd"}, {"input data", "y"}, {"instruction set", "avx2"}},
       {"instruction set"},
       start +
           "the model changed since: the journal has 'abc', this job has 'abd'; the input data "
           "changed since: the journal has 'x', this job has 'y'" +
           end},
      {{{"model", "abc"}, {"input data", "x"}},
       {},
       start + "the instruction set changed since: the journal has 'avx2', this job has nothing" +
           end},
      {{{"model", "abc"}, {"input data", "x"}, {"instruction set", "avx2"}, {"mean", "0"}},
       {},
       start + "the mean changed since: the journal has nothing, this job has '0'" + end},
      {{{"model", "abc"}, {"input data", "x"}, {"instruction set", "avx512"}},
       {},
       start + isa + end},
      {{{"model", "abc"}, {"input data", "x"}, {"instruction set", "avx512"}},
       {"instruction set"},
       "no error"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(refusal(spec, {false, c.may_differ}, c.identity), c.expected);
  }
  EXPECT_EQ(decide_resume(spec, kCases[6].identity, {false, {"instruction set"}}).warnings,
            std::vector<std::string>{isa});

  OutputSpec longer = spec;
  longer.rows = 101;
  EXPECT_EQ(
      refusal(longer),
      start + "the number of rows changed since: the journal has 100, this job has 101" + end);
}

TEST(Resume, PassesOnTheJournalsWarnings) {
  const TempFolder folder;
  const OutputSpec spec = make_spec("out.h5");
  prepare_output(spec, header_of(spec));
  spit("out.h5.journal", slurp("out.h5.journal") + "torn\n");
  record_done(spec, {0, 40});
  EXPECT_TRUE(decide_resume(spec, kIdentity, {}).warnings.empty());
  std::string text = slurp("out.h5.journal");
  spit("out.h5.journal", text + "damaged\n" + encode_record(RunRecord{}));
  EXPECT_EQ(decide_resume(spec, kIdentity, {}).warnings,
            std::vector<std::string>{"out.h5.journal: 1 damaged record skipped; the rows named "
                                     "there will be computed again"});
}

}  // namespace
}  // namespace widepipe::dataset
