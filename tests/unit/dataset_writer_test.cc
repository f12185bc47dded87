// The order of writes, syncs and records, checked on a recorded log of operations; the same with
// real files and a writer that is killed stands in dataset_crash_test.cc.

#include "dataset/durable_writer.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "dataset_output_spec.h"
#include "hdf5_fixture.h"

namespace widepipe::dataset {
namespace {

using std::chrono::milliseconds;

/// One operation of the writer.
struct Operation {
  enum Kind { kRows, kStatus, kSync, kAppend } kind;
  std::size_t column = 0;
  RowRange rows{};
  std::string bytes{};
  RowStatus status = RowStatus::kNotDone;
  std::vector<JournalRecord> records{};
};

/// Twin of output file and journal. Rows are of one byte in each column.
class Recorder : public RowSink, public RecordLog {
 public:
  std::size_t column_count() const override { return 2; }
  void write_rows(std::size_t column, RowRange rows, std::span<const std::byte> bytes) override {
    Operation operation{Operation::kRows};
    operation.column = column;
    operation.rows = rows;
    operation.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    add(std::move(operation));
  }
  void write_status(RowRange rows, RowStatus status) override {
    Operation operation{Operation::kStatus};
    operation.rows = rows;
    operation.status = status;
    add(std::move(operation));
  }
  void sync() override { add(Operation{Operation::kSync}); }
  void append(std::span<const JournalRecord> records) override {
    Operation operation{Operation::kAppend};
    operation.records.assign(records.begin(), records.end());
    add(std::move(operation));
  }

  std::vector<Operation> operations() {
    const std::lock_guard lock(mutex_);
    return operations_;
  }
  std::string kinds() {
    std::string text;
    for (const Operation& operation : operations()) text += "rSsA"[operation.kind];
    return text;
  }
  void wait_for(const std::string& expected) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20),
                      [&] { return operations_.size() >= expected.size(); });
    lock.unlock();
    EXPECT_EQ(kinds(), expected);
  }
  /// The first operation of the kind fails from now on.
  void fail_on(Operation::Kind kind, const std::string& message) {
    const std::lock_guard lock(mutex_);
    failures_[kind] = message;
  }

 private:
  void add(Operation operation) {
    const std::lock_guard lock(mutex_);
    const auto failure = failures_.find(operation.kind);
    operations_.push_back(std::move(operation));
    changed_.notify_all();
    if (failure != failures_.end()) throw RunError(failure->second);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Operation> operations_;
  std::map<Operation::Kind, std::string> failures_;
};

/// The value of a row in a column: what a test expects to find on the disk.
char value_of(std::int64_t row, std::size_t column) {
  return static_cast<char>(row * 2 + static_cast<std::int64_t>(column) + 1);
}

RowBlock make_block(std::int64_t first, std::int64_t count) {
  auto memory = std::make_shared<std::string>();
  for (std::size_t column = 0; column < 2; ++column) {
    for (std::int64_t row = first; row < first + count; ++row) *memory += value_of(row, column);
  }
  const auto bytes = std::as_bytes(std::span(*memory));
  const auto half = static_cast<std::size_t>(count);
  return {{first, count}, {bytes.first(half), bytes.subspan(half)}, memory, ""};
}

RowBlock make_failed(std::int64_t first, std::int64_t count, std::string reason) {
  return {{first, count}, {}, nullptr, std::move(reason)};
}

/// Syncs only when asked to.
DurableWriterOptions lazy() {
  DurableWriterOptions options;
  options.group_interval = std::chrono::hours(1);
  return options;
}

TEST(DurableWriter, GroupsRowsUnderOneSync) {
  Recorder recorder;
  DurableWriter writer(recorder, recorder, lazy());
  writer.submit(make_block(0, 4));
  writer.submit(make_failed(6, 1, "NaN"));
  writer.submit(make_block(4, 2));
  EXPECT_EQ(writer.rows_recorded(), 0);
  writer.finish(true);
  // r: rows of a column, S: status, s: sync, A: append.
  EXPECT_EQ(recorder.kinds(), "rrSSrrSsAA");
  const auto operations = recorder.operations();
  EXPECT_EQ(operations[2].status, RowStatus::kDone);
  EXPECT_EQ(operations[3].status, RowStatus::kFailed);
  EXPECT_EQ(operations[8].records,
            (std::vector<JournalRecord>{RowsRecord{{{0, 6}}}, FailedRecord{{6, 1}, "NaN"}}));
  EXPECT_EQ(operations[9].records, std::vector<JournalRecord>{DoneRecord{}});
  EXPECT_EQ(writer.rows_recorded(), 7);
}

TEST(DurableWriter, TakesRowsBack) {
  Recorder recorder;
  DurableWriter writer(recorder, recorder, lazy());
  writer.submit(make_block(0, 6));
  writer.submit({.taken_back = {{1, 2}, {4, 1}}});
  writer.submit(make_block(1, 2));
  writer.submit(make_block(4, 1));
  writer.finish(true);
  EXPECT_EQ(recorder.kinds(), "rrSsAASSsrrSrrSsAA") << "no row is named that may not stay";
  const auto operations = recorder.operations();
  EXPECT_EQ(operations[4].records, std::vector<JournalRecord>{(RowsRecord{{{0, 6}}})});
  EXPECT_EQ(operations[5].records, std::vector<JournalRecord>{(TakenBackRecord{{{1, 2}, {4, 1}}})});
  EXPECT_EQ(operations[6].status, RowStatus::kNotDone);
  EXPECT_EQ(operations[16].records, std::vector<JournalRecord>{(RowsRecord{{{1, 2}, {4, 1}}})});
  EXPECT_EQ(writer.rows_recorded(), 6);
}

TEST(DurableWriter, WritesNothingWithoutWork) {
  for (const bool complete : {false, true}) {
    Recorder recorder;
    DurableWriter writer(recorder, recorder, lazy());
    writer.finish(complete);
    EXPECT_EQ(recorder.kinds(), complete ? "A" : "");
  }
}

TEST(DurableWriter, SyncsAfterSoManyBytes) {
  Recorder recorder;
  DurableWriterOptions options = lazy();
  options.group_bytes = 16;  // blocks of 4 rows in two columns are 8 bytes
  DurableWriter writer(recorder, recorder, options);
  for (std::int64_t first = 0; first < 20; first += 4) writer.submit(make_block(first, 4));
  writer.finish(false);
  EXPECT_EQ(recorder.kinds(), "rrSrrSsArrSrrSsArrSsA");
}

/// A strand whose tasks run when the test lets them, and its clock.
struct ByHand {
  TimePoint now{};
  std::multimap<TimePoint, Strand::Task> tasks;

  Surroundings surroundings() {
    return {.now = [this] { return now; }, .make_strand = [this] { return make_strand(); }};
  }
  /// What is due.
  void run() {
    while (!tasks.empty() && tasks.begin()->first <= now) tasks.extract(tasks.begin()).mapped()();
  }

 private:
  std::unique_ptr<Strand> make_strand() {
    struct OfTasks final : Strand {
      explicit OfTasks(ByHand& hand) : by_hand(hand) {}
      void post(Task task) override { by_hand.tasks.emplace(TimePoint{}, std::move(task)); }
      void post_at(TimePoint time, Task task) override {
        by_hand.tasks.emplace(time, std::move(task));
      }
      void finish() override {
        while (!by_hand.tasks.empty()) by_hand.tasks.extract(by_hand.tasks.begin()).mapped()();
      }
      ByHand& by_hand;
    };
    return std::make_unique<OfTasks>(*this);
  }
};

TEST(DurableWriter, SyncsAfterTheInterval) {
  Recorder recorder;
  ByHand hand;
  DurableWriter writer(recorder, recorder, {.surroundings = hand.surroundings()});
  const auto expect_after = [&](milliseconds passed, const char* kinds) {
    hand.now += passed;
    hand.run();
    EXPECT_EQ(recorder.kinds(), kinds);
  };
  writer.submit(make_block(0, 1));
  expect_after(milliseconds(999), "rrS");
  writer.submit(make_block(1, 1));
  expect_after(milliseconds(1), "rrSrrSsA");
  expect_after(milliseconds(5000), "rrSrrSsA");
  EXPECT_TRUE(hand.tasks.empty()) << "nothing to look for";
  writer.submit(make_block(2, 1));
  writer.submit(make_block(3, 1));
  expect_after(milliseconds(0), "rrSrrSsArrSsArrS");
  expect_after(milliseconds(1000), "rrSrrSsArrSsArrSsA");
  EXPECT_EQ(writer.rows_recorded(), 4);
  writer.submit(make_block(4, 1));
  writer.finish(true);
  EXPECT_EQ(recorder.kinds(), "rrSrrSsArrSsArrSsArrSsAA");
}

TEST(DurableWriter, SyncsWhenIdle) {
  Recorder recorder;
  DurableWriter writer(recorder, recorder, {.group_interval = milliseconds(20)});
  writer.submit(make_block(0, 1));
  recorder.wait_for("rrSsA");
}

TEST(DurableWriter, KeepsWhatWasSubmittedWhenDestroyed) {
  Recorder recorder;
  { DurableWriter(recorder, recorder, lazy()).submit(make_block(0, 1)); }
  EXPECT_EQ(recorder.kinds(), "rrSsA");
}

TEST(DurableWriter, HasRoomUpToTheBudget) {
  Recorder recorder;
  ByHand hand;
  DurableWriter writer(recorder, recorder,
                       {.queue_bytes = 20, .surroundings = hand.surroundings()});
  writer.submit(make_block(0, 4));
  EXPECT_TRUE(writer.has_room());
  writer.submit(make_block(4, 4));
  EXPECT_TRUE(writer.has_room());
  writer.submit(make_block(8, 4));
  EXPECT_FALSE(writer.has_room());
  hand.run();
  EXPECT_TRUE(writer.has_room());
}

TEST(DurableWriter, ErrorsEndAllWriting) {
  const struct {
    Operation::Kind failing;
    const char* kinds;  ///< what was tried, nothing twice
  } kCases[] = {{Operation::kRows, "r"},
                {Operation::kStatus, "rrS"},
                {Operation::kSync, "rrSs"},
                {Operation::kAppend, "rrSsA"}};
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.kinds);
    Recorder recorder;
    recorder.fail_on(c.failing, "out.h5: No space left on device");
    {
      ByHand hand;
      DurableWriter writer(recorder, recorder, {.surroundings = hand.surroundings()});
      writer.submit(make_block(0, 1));
      hand.now += std::chrono::seconds(1);
      hand.run();
      const std::string message = "out.h5: No space left on device";
      EXPECT_EQ(error_of<RunError>([&] { writer.submit(make_block(1, 1)); }), message);
      EXPECT_EQ(error_of<RunError>([&] { writer.has_room(); }), message);
      EXPECT_EQ(error_of<RunError>([&] { writer.finish(true); }), message);
      EXPECT_EQ(writer.rows_recorded(), 0);
    }
    EXPECT_EQ(recorder.kinds(), c.kinds);
  }
}

TEST(DurableWriter, RefusesRowsThatLackAColumn) {
  Recorder recorder;
  DurableWriter writer(recorder, recorder, lazy());
  RowBlock block = make_block(4, 2);
  block.columns.pop_back();
  writer.submit(std::move(block));
  EXPECT_EQ(error_of<RunError>([&] { writer.finish(true); }),
            "rows 4 to 5 have 1 columns, the output has 2");
  EXPECT_EQ(recorder.kinds(), "");
}

/// What a disk holds after a power cut: synced bytes, and whatever of the rest was lucky.
struct Disk {
  std::map<std::pair<std::size_t, std::int64_t>, char> rows;
  std::map<std::int64_t, RowStatus> status;

  void apply(const Operation& operation) {
    for (std::int64_t i = 0; i < operation.rows.count; ++i) {
      const std::int64_t row = operation.rows.first + i;
      if (operation.kind == Operation::kRows) {
        rows[{operation.column, row}] = operation.bytes[static_cast<std::size_t>(i)];
      } else if (operation.kind == Operation::kStatus) {
        status[row] = operation.status;
      }
    }
  }
};

TEST(DurableWriter, EveryJournaledRowIsOnDiskWhereverPowerIsCut) {
  Recorder recorder;
  DurableWriterOptions options = lazy();
  options.group_bytes = 40;
  {
    DurableWriter writer(recorder, recorder, options);
    for (std::int64_t first = 0; first < 60; first += 3) {
      writer.submit(first % 12 == 9 ? make_failed(first, 3, "bad") : make_block(first, 3));
    }
    writer.finish(true);
  }
  const std::vector<Operation> log = recorder.operations();
  std::int64_t journaled_rows = 0;
  for (std::size_t cut = 0; cut <= log.size(); ++cut) {
    SCOPED_TRACE(cut);
    // Only what a sync before the cut covers is there.
    std::size_t synced = 0;
    for (std::size_t i = 0; i < cut; ++i) {
      if (log[i].kind == Operation::kSync) synced = i;
    }
    Disk disk;
    for (std::size_t i = 0; i < synced; ++i) disk.apply(log[i]);
    journaled_rows = 0;
    for (std::size_t i = 0; i < cut; ++i) {
      for (const JournalRecord& record : log[i].records) {
        if (const auto* rows = std::get_if<RowsRecord>(&record)) {
          for (const RowRange& range : rows->ranges) {
            for (std::int64_t row = range.first; row < range.end(); ++row, ++journaled_rows) {
              ASSERT_EQ(disk.status[row], RowStatus::kDone);
              for (std::size_t column = 0; column < 2; ++column) {
                const char found = disk.rows[std::pair(column, row)];
                ASSERT_EQ(found, value_of(row, column));
              }
            }
          }
        } else if (const auto* failed = std::get_if<FailedRecord>(&record)) {
          for (std::int64_t row = failed->rows.first; row < failed->rows.end(); ++row) {
            ASSERT_EQ(disk.status[row], RowStatus::kFailed);
            ++journaled_rows;
          }
        }
      }
    }
  }
  EXPECT_EQ(journaled_rows, 60);
}

}  // namespace
}  // namespace widepipe::dataset
