// A job that is killed again and again, with real files, must end with every row right.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <numeric>
#include <random>
#include <thread>

#include "dataset/durable_writer.h"
#include "dataset/input_dataset.h"
#include "dataset/output_file.h"
#include "dataset/output_lock.h"
#include "dataset/resume.h"
#include "dataset_output_spec.h"
#include "hdf5_fixture.h"

namespace widepipe::dataset {
namespace {

constexpr std::int64_t kRows = 3000;
const StringFields kIdentity = {{"model", "abc"}};

float score_of(std::int64_t row, std::int64_t i) { return static_cast<float>(row * 3 + i + 1); }

OutputSpec make_job() {
  return {{"out.h5", "/x"}, {{"/x", DType::kF32, {3}}}, kRows, {}, "/status"};
}

/// One run of the job; slow enough to be killed in the middle. True if it ran to the end.
bool run_job() {
  const OutputSpec spec = make_job();
  const OutputLock lock(lock_path("out.h5"), LockOwner::this_process(""));
  check_writable(spec, {});
  const ResumeDecision decision = decide_resume(spec, kIdentity, {});
  if (decision.kind == ResumeKind::kFresh) prepare_output(spec, {kRows, "now", kIdentity});
  OutputFile output(spec);
  Journal journal(journal_path("out.h5"));
  DurableWriterOptions options;
  options.group_interval = std::chrono::milliseconds(2);
  DurableWriter writer(output, journal, options);
  for (const RowRange& range : decision.missing(kRows)) {
    for (std::int64_t first = range.first; first < range.end(); first += 7) {
      const std::int64_t count = std::min<std::int64_t>(7, range.end() - first);
      auto scores = std::make_shared<std::vector<float>>();
      for (std::int64_t row = first; row < first + count; ++row) {
        for (std::int64_t i = 0; i < 3; ++i) scores->push_back(score_of(row, i));
      }
      writer.submit({{first, count}, {std::as_bytes(std::span(*scores))}, scores, ""});
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
  writer.finish(true);
  return true;
}

/// Runs the job in a child and kills it after `life`. True if it ended by itself, and well.
bool run_and_kill(std::chrono::microseconds life) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      ::_exit(run_job() ? 0 : 1);
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}\n", error.what());
      ::_exit(2);
    }
  }
  std::this_thread::sleep_for(life);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << "the job refused to go on";
  return WIFEXITED(status);
}

TEST(Crash, AJobKilledAgainAndAgainEndsWithEveryRowRight) {
  const TempFolder folder;
  std::mt19937 random(11);
  unsigned kills = 0;
  std::int64_t rows_before = 0;
  // Lives grow, so that it ends on a slow machine, too.
  while (!run_and_kill(std::chrono::microseconds(random() % (20000 + 500 * kills)))) {
    ++kills;
    if (!std::filesystem::exists("out.h5")) continue;
    // Journaled rows never vanish, and are in the file.
    const JournalContents contents = read_journal("out.h5.journal");
    ASSERT_GE(contents.done.count(), rows_before);
    rows_before = contents.done.count();
    ASSERT_TRUE(rows_not_marked("out.h5", locate(inspect_existing("out.h5"), make_job()),
                                contents.done, RowStatus::kDone)
                    .empty());
  }
  EXPECT_GT(kills, 3U);
  EXPECT_EQ(decide_resume(make_job(), kIdentity, {}).kind, ResumeKind::kAlreadyComplete);
  EXPECT_TRUE(read_journal("out.h5.journal").finished);
  std::vector<float> scores(kRows * 3);
  InputDataset({"out.h5", "/x"})
      .read_rows(0, kRows, DType::kF32, std::as_writable_bytes(std::span(scores)));
  std::vector<float> expected(kRows * 3);
  std::iota(expected.begin(), expected.end(), 1.0F);
  EXPECT_EQ(scores, expected);
}

}  // namespace
}  // namespace widepipe::dataset
