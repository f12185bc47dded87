// Devices whose results are wrong, and what a scheduler that rechecks makes of them.

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "schedule/bulk_policy.h"
#include "schedule/scheduler.h"

namespace widepipe::schedule {
namespace {

constexpr std::int64_t kRows = 2000;

/// What a device makes of a batch: 0 is right.
using Result = std::function<std::uint64_t(const Dispatch&, int batches_of_device)>;

struct CheckedRun {
  std::map<std::int64_t, std::uint64_t> kept;  ///< results, by row
  std::set<DeviceId> wrong;
  bool undecided = false;
  std::int64_t checked = 0;
  std::map<DeviceId, int> batches;

  CheckedRun(int devices, double share, const Result& result, unsigned seed = 1) {
    std::vector<DeviceSpec> specs;
    for (int rank = 0; rank < devices; ++rank) specs.push_back({.rank = rank});
    Scheduler scheduler({{.name = "s", .batch_rows = 10}}, specs, make_bulk_policy({}),
                        {.recheck_share = share});
    scheduler.add_rows(0, {0, kRows});
    std::mt19937 random(seed);
    std::vector<Dispatch> out;
    while (!scheduler.drained() && !undecided) {
      for (const Dispatch& made : scheduler.dispatch(0)) out.push_back(made);
      if (out.empty()) throw std::logic_error("work waits and nobody gets it");
      std::swap(out[random() % out.size()], out.back());
      const Dispatch batch = out.back();
      out.pop_back();
      take(scheduler.complete({.batch = batch.batch,
                               .end = BatchEnd::kDone,
                               .busy = 1,
                               .digest = result(batch, batches[batch.device]++)}),
           result(batch, batches[batch.device] - 1));
    }
  }

  void take(const Outcome& outcome, std::uint64_t result) {
    const RowRange rows = outcome.dispatch.rows;
    if (outcome.dispatch.check) checked += rows.count;
    if (outcome.kind == Outcome::Kind::kDone) {
      EXPECT_FALSE(outcome.dispatch.check);
      for (std::int64_t row = rows.first; row < rows.end(); ++row) {
        EXPECT_TRUE(kept.emplace(row, result).second) << "row " << row << " came twice";
      }
    }
    for (const Rechecks::StreamRows& redone : outcome.redone) {
      for (const RowRange& range : redone.ranges) {
        for (std::int64_t row = range.first; row < range.end(); ++row) {
          EXPECT_EQ(kept.erase(row), 1U) << "row " << row << " was not there";
        }
      }
    }
    for (const Rechecks::Verdict& verdict : outcome.verdicts) {
      wrong.insert(verdict.wrong.begin(), verdict.wrong.end());
      undecided |= verdict.undecided;
    }
  }

  std::int64_t rows_right() const {
    std::int64_t right = 0;
    for (const auto& [row, result] : kept) right += result == 0 ? 1 : 0;
    return right;
  }
};

std::uint64_t right(const Dispatch& /*batch*/, int /*n*/) { return 0; }

TEST(Recheck, ComputesTheShareOnceMore) {
  for (const double share : {0.0, 0.02, 0.1, 0.5, 1.0}) {
    SCOPED_TRACE(share);
    const CheckedRun run(3, share, right);
    EXPECT_EQ(run.rows_right(), kRows);
    EXPECT_TRUE(run.wrong.empty());
    EXPECT_LE(static_cast<double>(run.checked), share * kRows + 1);
    EXPECT_GE(static_cast<double>(run.checked), share * kRows - 3 * 10) << "a batch a device";
  }
}

TEST(Recheck, FindsTheDeviceThatIsWrong) {
  struct Case {
    const char* what;
    int devices;
    double share;
    Result result;
    std::set<DeviceId> wrong;
  };
  const std::vector<Case> cases = {
      {"always", 3, 0.2, [](const Dispatch& b, int) { return b.device == 1 ? 7 : 0; }, {1}},
      {"the first device",
       3,
       0.2,
       [](const Dispatch& b, int) { return b.device == 0 ? 7 : 0; },
       {0}},
      {"from some batch on",
       3,
       0.3,
       [](const Dispatch& b, int n) { return b.device == 2 && n > 9 ? 7 : 0; },
       {2}},
      {"another result each time",
       3,
       0.5,
       [](const Dispatch& b, int n) { return b.device == 1 ? 1 + n : 0; },
       {1}},
      {"two of five, each in its own way",
       5,
       0.5,
       [](const Dispatch& b, int) { return b.device < 2 ? 1 + b.device : 0; },
       {0, 1}},
      {"everything is checked",
       4,
       1,
       [](const Dispatch& b, int) { return b.device == 3 ? 1 : 0; },
       {3}},
  };
  for (const Case& c : cases) {
    for (unsigned seed = 1; seed <= 20; ++seed) {
      SCOPED_TRACE(std::string(c.what) + ", seed " + std::to_string(seed));
      const CheckedRun run(c.devices, c.share, c.result, seed);
      EXPECT_EQ(run.wrong, c.wrong);
      EXPECT_FALSE(run.undecided);
      EXPECT_EQ(run.rows_right(), kRows) << "and all of them are right";
    }
  }
}

TEST(Recheck, TwoThatDisagreeAreBothTakenBack) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const CheckedRun run(
        2, 0.2, [](const Dispatch& b, int n) { return b.device == 1 && n > 5 ? 7 : 0; }, seed);
    EXPECT_TRUE(run.undecided);
    EXPECT_EQ(run.wrong, (std::set<DeviceId>{0, 1}));
    EXPECT_TRUE(run.kept.empty()) << "nothing tells which rows are right";
  }
}

TEST(Recheck, AVerdictThatLeavesNoDeviceIsUndecided) {
  Scheduler scheduler({{.name = "s", .batch_rows = 10}}, {{.rank = 0}, {.rank = 1}, {.rank = 2}},
                      make_bulk_policy({}), {.most_strikes = 1, .recheck_share = 1});
  const auto next = [&] {
    const std::vector<Dispatch> made = scheduler.dispatch(0);
    EXPECT_EQ(made.size(), 1U);
    return made.at(0);
  };
  const auto done = [&](const Dispatch& batch, std::uint64_t digest) {
    return scheduler.complete({.batch = batch.batch, .busy = 1, .digest = digest});
  };
  scheduler.add_rows(0, {0, 10});
  const Dispatch first = next();
  done(first, 7);
  const Dispatch second = next();
  done(second, 8);
  const Dispatch third = next();  // its vote will decide: two against one
  ASSERT_TRUE(second.check && third.check);

  // Meanwhile the two are quarantined, for checks that they fail.
  std::set<DeviceId> quarantined;
  for (std::int64_t row = 10; quarantined.size() < 2; row += 20) {
    ASSERT_LT(row, 1000);
    scheduler.add_rows(0, {row, 20});
    for (auto made = scheduler.dispatch(0); !made.empty(); made = scheduler.dispatch(0)) {
      for (const Dispatch& batch : made) {
        const bool fails = batch.check && batch.device != first.device;
        const Outcome outcome =
            scheduler.complete({.batch = batch.batch,
                                .end = fails ? BatchEnd::kFailed : BatchEnd::kDone,
                                .busy = 1,
                                .digest = 1});
        if (outcome.quarantined) quarantined.insert(*outcome.quarantined);
        EXPECT_TRUE(outcome.verdicts.empty());
      }
    }
  }
  EXPECT_EQ(quarantined, (std::set<DeviceId>{second.device, third.device}));

  const Outcome last = done(third, 8);
  ASSERT_EQ(last.verdicts.size(), 1U);
  EXPECT_EQ(last.verdicts[0].wrong, std::vector<DeviceId>{first.device});
  EXPECT_TRUE(last.verdicts[0].undecided) << "nobody is left to do its rows again";
  EXPECT_FALSE(last.redone.empty());
}

TEST(Recheck, ADeviceAloneIsNotChecked) {
  const CheckedRun run(1, 1, right);
  EXPECT_EQ(run.checked, 0);
  EXPECT_EQ(run.rows_right(), kRows);
}

}  // namespace
}  // namespace widepipe::schedule
