// Leader, followers, workers and devices together, over MPI: every row comes back once, with the
// right value, whatever the ranks, batches and ways of the rows; and what fails ends in order.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "dataset/derived_rows.h"
#include "dataset/input_dataset.h"
#include "mpi_runtime/follower.h"
#include "mpi_runtime/leader.h"
#include "mpi_runtime/mpi_collectives.h"
#include "schedule/bulk_policy.h"
#include "tests/unit/hdf5_fixture.h"
#include "tests/unit/onnx_builder.h"
#include "tests/unit/plus_one.h"

namespace widepipe::mpi_runtime {
namespace {

using widepipe::testing::OnnxBuilder;
using widepipe::testing::plus_one;
using widepipe::testing::tensor_of;

/// Keeps what it gets, and can fail like a full disk.
class MemorySink final : public ResultSink {
 public:
  explicit MemorySink(std::int64_t room = 1'000'000, bool top = false) : room_(room), top_(top) {}

  bool has_room() override {
    check_disk();
    return has_room_;
  }
  void set_room(bool room) { has_room_ = room; }
  void accept(FinishedRows rows) override {
    check_disk();
    const auto count = static_cast<std::size_t>(rows.rows.count);
    std::vector<float> values(count);
    if (rows.columns.empty()) {
      // The rank that computed them has written them.
    } else if (top_) {
      ASSERT_EQ(rows.columns.size(), 3U);
      ASSERT_EQ(rows.columns[0].size(), count * 8);   // argmax
      ASSERT_EQ(rows.columns[1].size(), count * 16);  // indices
      ASSERT_EQ(rows.columns[2].size(), count * 8);   // values
      for (std::size_t i = 0; i < count; ++i) {
        EXPECT_EQ(number<std::int64_t>(rows.columns[0], i), 0);
        EXPECT_EQ(number<std::int64_t>(rows.columns[1], 2 * i + 1), 1);
        values[i] = number<float>(rows.columns[2], 2 * i + 1);
      }
    } else {
      ASSERT_EQ(rows.columns.size(), 1U);
      ASSERT_EQ(rows.columns[0].size(), count * 12);
      for (std::size_t i = 0; i < count; ++i) values[i] = number<float>(rows.columns[0], 3 * i + 2);
    }
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_TRUE(rows_.emplace(rows.rows.first + static_cast<std::int64_t>(i), values[i]).second)
          << "doubled row";
    }
  }
  void reject(FailedRows failed) override {
    const RowRange rows = failed.rows;
    for (std::int64_t row = rows.first; row < rows.end(); ++row) {
      EXPECT_TRUE(rejected_.emplace(row, failed.reason).second) << "doubled failure";
    }
  }

  void take_back(schedule::StreamId /*stream*/, const std::vector<RowRange>& ranges) override {
    for (const RowRange& rows : ranges) {
      for (std::int64_t row = rows.first; row < rows.end(); ++row) {
        EXPECT_EQ(rows_.erase(row) + rejected_.erase(row), 1U) << "taken back, but not there";
      }
    }
  }

  /// From then on every call throws, as those of a writer do.
  void check_disk() const {
    if (static_cast<std::int64_t>(rows_.size()) >= room_) throw RunError("disk full");
  }

  const std::map<std::int64_t, float>& rows() const { return rows_; }
  const std::map<std::int64_t, std::string>& rejected() const { return rejected_; }

 private:
  /// Columns lie in a payload without padding.
  template <typename T>
  static T number(std::span<const std::byte> column, std::size_t index) {
    T value;
    std::memcpy(&value, column.data() + index * sizeof(T), sizeof(T));
    return value;
  }

  std::int64_t room_;
  bool top_;
  std::atomic<bool> has_room_ = true;
  std::map<std::int64_t, float> rows_;
  std::map<std::int64_t, std::string> rejected_;
};

/// From some row on, a file system that does not answer before a flag is set.
class SlowRows final : public dataset::DerivedRows {
 public:
  SlowRows(std::shared_ptr<const dataset::RowSource> base, std::shared_ptr<std::atomic_flag> gate,
           std::int64_t from)
      : DerivedRows(std::move(base)), gate_(std::move(gate)), from_(from) {}

 private:
  dataset::StringFields own_settings() const override { return {}; }
  void read_checked(RowRange rows, DType as, std::span<std::byte> out) const override {
    if (rows.end() > from_) gate_->wait(false);
    base().read_rows(rows.first, rows.count, as, out);
  }

  const std::shared_ptr<std::atomic_flag> gate_;
  const std::int64_t from_;
};

struct Case {
  std::int64_t rows = 0;
  std::int64_t batch = 0;
  bool scatter = false;
  bool dedicated = false;
  int instances = 1;
  bool top = false;  ///< the two greatest of each row, and its argmax, instead of the row
  bool fail_nonfinite = false;
  RowWriter::Outputs* outputs = nullptr;   ///< this rank writes its rows there
  Watchdog* watchdog = nullptr;            ///< of rank 0
  std::shared_ptr<std::atomic_flag> gate;  ///< rank 0's reads wait for it
  std::function<TimePoint()> now = {};     ///< rank 0's clock
};

class Rounds : public ::testing::Test {
 protected:
  void SetUp() override {
    collectives_ = make_mpi_collectives();
    root_ = collectives_->rank() == 0;
    std::string folder = (std::filesystem::temp_directory_path() / "widepipe-rounds-XXXXXX");
    ASSERT_TRUE(!root_ || mkdtemp(folder.data()) != nullptr);
    const auto* begin = reinterpret_cast<const std::byte*>(folder.data());
    std::vector<std::byte> shared(begin, begin + folder.size());
    collectives_->broadcast(shared);
    folder_.assign(reinterpret_cast<const char*>(shared.data()), shared.size());
  }
  void TearDown() override {
    collectives_->all_texts("");  // nobody uses the folder any more
    if (root_) std::filesystem::remove_all(folder_);
  }

  /// Row i is {i, i, i}, but for the second element of odd rows.
  std::string make_data(std::int64_t rows, const std::map<std::int64_t, float>& odd = {}) {
    const std::string path =
        folder_ + "/rows" + std::to_string(rows) + (odd.empty() ? "" : "odd") + ".h5";
    if (root_ && !std::filesystem::exists(path)) {
      std::vector<float> values;
      for (std::int64_t i = 0; i < rows; ++i) values.insert(values.end(), 3, static_cast<float>(i));
      for (const auto& [row, value] : odd) values[static_cast<std::size_t>(row) * 3 + 1] = value;
      dataset::Hdf5Maker file(path);
      file.dataset("/data", H5T_NATIVE_FLOAT, {static_cast<hsize_t>(rows), 3}, H5T_NATIVE_FLOAT,
                   values.data());
    }
    collectives_->all_texts("");
    return path;
  }

  /// [collective] Opens the data, calls `spoil` on rank 0 after all have, and runs the rounds.
  LeaderResult run(
      const Case& c, const std::string& path, MemorySink& sink,
      const std::function<void()>& spoil = {},
      const std::function<bool()>& stop = [] { return false; }) {
    const auto model = plus_one();
    std::shared_ptr<const dataset::RowSource> rows =
        std::make_shared<dataset::InputDataset>(dataset::DatasetRef{path, "/data"});
    if (root_ && c.gate) rows = std::make_shared<SlowRows>(rows, c.gate, c.rows / 10);
    const StreamSource source = {{rows, DType::kF32, 12}};
    StreamOutputs outputs;
    if (c.top) {
      using Form = dataset::OutputForm;
      outputs.push_back({0, dataset::RowTransform(Form::kArgmax, 0, DType::kF32, {3})});
      outputs.push_back({0, dataset::RowTransform(Form::kTopK, 2, DType::kF32, {3})});
    }
    collectives_->all_texts("");
    if (root_ && spoil) spoil();
    collectives_->all_texts("");

    const bool dedicated = c.dedicated && collectives_->size() > 1;
    Wakeup wakeup;
    std::optional<Worker> worker;
    if (!(root_ && dedicated)) {
      WorkerConfig config{.device = {.instances = c.instances},
                          .models = {model},
                          .sources = {},
                          .max_payload_bytes = kMaxPayloadBytes / 4};
      if (!c.scatter) config.sources = {source};
      if (c.top) config.outputs = {outputs};
      config.fail_nonfinite = {c.fail_nonfinite};
      worker.emplace(config, wakeup);
      if (c.outputs != nullptr) worker->write_to(std::move(*c.outputs));
    }
    if (!root_) {
      Follower(*collectives_, &*worker, {.stop_requested = [] { return false; }}).run(wakeup);
      return {};
    }
    std::vector<schedule::DeviceSpec> specs;
    std::vector<int> ranks;
    for (int rank = dedicated ? 1 : 0; rank < collectives_->size(); ++rank) {
      specs.push_back({.rank = rank, .instances = c.instances});
      ranks.push_back(rank);
    }
    schedule::Scheduler scheduler({{"plus_one", 12, 12, c.batch}}, specs,
                                  schedule::make_bulk_policy({}));
    scheduler.add_rows(0, {0, c.rows});
    schedule::RunStats stats(1, specs.size());
    LeaderSettings settings;
    settings.column_bytes.emplace_back();
    if (c.outputs == nullptr) settings.column_bytes[0] = column_bytes(*model, outputs);
    if (c.scatter) settings.scatter_sources = {source};
    settings.watchdog = c.watchdog;
    if (c.now) settings.surroundings.now = c.now;
    Leader leader(*collectives_, scheduler, ranks, worker ? &*worker : nullptr, wakeup, sink, stats,
                  settings, {.stop_requested = stop, .tick = [](double) {}});
    return leader.run();
  }

  std::unique_ptr<Collectives> collectives_;
  bool root_ = false;
  std::string folder_;
};

TEST_F(Rounds, EveryRowComesBackOnceWithItsValue) {
  for (const std::int64_t rows : {1, 2, 3, 100, 5000}) {
    for (const Case& c : {Case{rows, 0}, Case{rows, 1}, Case{rows, 7, true}, Case{rows, 0, true},
                          Case{rows, 64, false, true}, Case{rows, 0, true, true, 2},
                          Case{.rows = rows, .batch = 7, .instances = 2, .top = true},
                          Case{.rows = rows, .scatter = true, .top = true}}) {
      if (c.batch == 1 && rows > 1000) continue;
      SCOPED_TRACE(::testing::Message()
                   << rows << " rows, batch " << c.batch << (c.scatter ? ", scattered" : "")
                   << (c.dedicated ? ", dedicated scheduler" : "") << (c.top ? ", top" : ""));
      MemorySink sink(1'000'000, c.top);
      const LeaderResult result = run(c, make_data(rows), sink);
      if (!root_) continue;
      EXPECT_FALSE(result.stopped);
      EXPECT_GE(result.rounds, kRoundsInFlight);
      ASSERT_EQ(sink.rows().size(), static_cast<std::size_t>(rows));
      for (const auto& [row, value] : sink.rows()) ASSERT_EQ(value, static_cast<float>(row) + 1);
    }
  }
}

TEST_F(Rounds, RowsThatCannotBeReadAreFailedAloneAndTheRestIsDone) {
  for (const bool scatter : {false, true}) {
    SCOPED_TRACE(scatter ? "rank 0 reads" : "ranks read");
    const std::int64_t rows = scatter ? 301 : 300;
    const std::string path = make_data(rows);
    // Contiguous data end the file: cutting 60 bytes takes the last five rows.
    const auto spoil = [&] {
      std::filesystem::resize_file(path, std::filesystem::file_size(path) - 60);
    };
    MemorySink sink;
    run({rows, 16, scatter}, path, sink, spoil);
    if (!root_) continue;
    EXPECT_EQ(sink.rows().size(), static_cast<std::size_t>(rows - 5));
    ASSERT_EQ(sink.rejected().size(), 5U);
    for (const auto& [row, reason] : sink.rejected()) {
      EXPECT_GE(row, rows - 5);
      EXPECT_NE(reason.find("/data"), std::string::npos) << reason;
    }
  }
}

TEST_F(Rounds, RowsWithNanFailAloneIfTheJobSaysSo) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::map<std::int64_t, float> odd = {{0, kNan}, {17, kInfinity}, {18, kNan}, {99, kNan}};
  for (const bool fail : {false, true}) {
    for (const std::int64_t batch : {1, 16, 100}) {
      SCOPED_TRACE(::testing::Message() << "batch " << batch << (fail ? ", fail" : ", keep"));
      MemorySink sink;
      run({.rows = 100, .batch = batch, .fail_nonfinite = fail}, make_data(100, odd), sink);
      if (!root_) continue;
      if (!fail) {
        EXPECT_EQ(sink.rows().size(), 100U);
        EXPECT_TRUE(sink.rejected().empty());
        continue;
      }
      EXPECT_EQ(sink.rows().size(), 96U);
      ASSERT_EQ(sink.rejected().size(), 4U);
      for (const auto& [row, reason] : sink.rejected()) {
        EXPECT_EQ(reason, row == 17 ? "output 'y' holds an infinity" : "output 'y' holds NaN");
      }
      for (const auto& [row, value] : sink.rows()) EXPECT_EQ(value, static_cast<float>(row) + 1);
    }
  }
}

/// Keeps what one rank writes; may fail like a full disk.
class RankSink final : public dataset::RowSink {
 public:
  RankSink(std::map<std::int64_t, float>& synced, std::size_t room)
      : synced_(synced), room_(room) {}
  std::size_t column_count() const override { return 1; }
  void write_rows(std::size_t, RowRange rows, std::span<const std::byte> bytes) override {
    ASSERT_EQ(bytes.size(), static_cast<std::size_t>(rows.count) * 12);
    if (written_.size() >= room_) throw_run_error("this rank's disk is full");
    for (std::int64_t i = 0; i < rows.count; ++i) {
      std::memcpy(&written_[rows.first + i], bytes.data() + i * 12, sizeof(float));
    }
  }
  void write_status(RowRange, dataset::RowStatus) override { FAIL() << "rank 0's to write"; }
  void sync() override { synced_ = written_; }

 private:
  std::map<std::int64_t, float>& synced_;
  std::map<std::int64_t, float> written_;
  std::size_t room_;
};

TEST_F(Rounds, RanksWriteTheRowsThatTheyComputed) {
  const std::int64_t rows = 1000;
  for (const bool dedicated : {false, true}) {
    std::map<std::int64_t, float> mine;
    RowWriter::Outputs outputs;
    outputs.push_back(std::make_unique<RankSink>(mine, rows));
    MemorySink sink;
    run({.rows = rows, .batch = 7, .dedicated = dedicated, .outputs = &outputs}, make_data(rows),
        sink);
    // Announced means synced; all together have all rows, each once.
    for (const auto& [row, value] : mine) EXPECT_EQ(value, static_cast<float>(row) + 1);
    const std::vector<std::string> counts = collectives_->all_texts(std::to_string(mine.size()));
    std::int64_t total = 0;
    for (const std::string& count : counts) total += std::stoll(count);
    EXPECT_EQ(total, rows);
    EXPECT_EQ(sink.rows().size(), root_ ? static_cast<std::size_t>(rows) : 0U);
  }
}

TEST_F(Rounds, ARankThatCannotWriteEndsTheJob) {
  std::map<std::int64_t, float> mine;
  RowWriter::Outputs outputs;
  outputs.push_back(std::make_unique<RankSink>(mine, root_ ? 10'000 : 20));
  MemorySink sink;
  const Case c{.rows = 2000, .batch = 10, .outputs = &outputs};
  const std::string path = make_data(c.rows);
  if (!root_ || collectives_->size() == 1) {
    run(c, path, sink);
    return;
  }
  try {
    run(c, path, sink);
    FAIL() << "expected RunError";
  } catch (const RunError& error) {
    EXPECT_NE(std::string(error.what()).find(": this rank's disk is full"), std::string::npos);
  }
  EXPECT_TRUE(sink.rejected().empty()) << "a full disk is not the rows' fault";
}

TEST_F(Rounds, AFullDiskReleasesAllRanksAndIsThenReported) {
  const std::string path = make_data(2000);
  for (const bool watched : {false, true}) {
    SCOPED_TRACE(watched ? "with a watchdog" : "without a watchdog");
    std::string reason;
    Watchdog watchdog({.limit = std::chrono::seconds(20), .rank = 0, .names = {"0", "1", "2", "3"}},
                      [&](const std::string& text) { reason = text; });
    const Case c{.rows = 2000, .batch = 10, .watchdog = watched ? &watchdog : nullptr};
    MemorySink sink(200);  // rows
    if (!root_) {
      run(c, path, sink);
      continue;
    }
    try {
      run(c, path, sink);
      FAIL() << "expected RunError";
    } catch (const RunError& error) {
      EXPECT_STREQ(error.what(), "disk full");
    }
    EXPECT_EQ(reason, "");
  }
}

TEST_F(Rounds, ABatchThatDoesNotComeBackIsSeenAndItsRankNamed) {
  const std::string path = make_data(5000);
  const auto gate = std::make_shared<std::atomic_flag>();
  std::string reason;
  Watchdog watchdog(
      {.limit = std::chrono::milliseconds(300), .rank = 0, .names = {"0@here", "1", "2", "3"}},
      [&](const std::string& text) {
        if (reason.empty()) reason = text;
        gate->test_and_set();  // a test goes on, where a job would end
        gate->notify_all();
      });
  MemorySink sink;
  run({.rows = 5000, .batch = 50, .watchdog = &watchdog, .gate = gate}, path, sink);
  if (!root_) return;
  EXPECT_EQ(sink.rows().size(), 5000U);
  EXPECT_EQ(reason.find("rank 0@here: rows "), 0U) << reason;
  EXPECT_NE(reason.find("; its device, or the file system that it reads from, does not answer: the "
                        "job ends; what is recorded stays"),
            std::string::npos)
      << reason;
}

TEST_F(Rounds, AnOutputThatTakesNothingIsSeen) {
  const std::string path = make_data(5000);
  MemorySink sink;
  sink.set_room(false);
  std::string reason;
  Watchdog watchdog(
      {.limit = std::chrono::milliseconds(300), .rank = 0, .names = {"0@here", "1", "2", "3"}},
      [&](const std::string& text) {
        if (reason.empty()) reason = text;
        sink.set_room(true);
      });
  run({.rows = 5000, .batch = 50, .watchdog = &watchdog}, path, sink);
  if (!root_) return;
  EXPECT_EQ(sink.rows().size(), 5000U);
  EXPECT_EQ(reason.find("rank 0@here: the file system of the output takes nothing for 0."), 0U)
      << reason;
}

TEST_F(Rounds, AStopBringsHomeWhatIsOut) {
  MemorySink sink;
  int asked = 0;
  const LeaderResult result =
      run({100'000, 4}, make_data(100'000), sink, {}, [&asked] { return ++asked > 20; });
  if (!root_) return;
  EXPECT_TRUE(result.stopped);
  EXPECT_LT(sink.rows().size(), 100'000U);
  EXPECT_EQ(sink.rows().size() % 4, 0U) << "whole batches";
}

TEST_F(Rounds, TimeInWhichRankZeroIsSuspendedIsNobodysFault) {
  // Wherever it stands: between any two looks at the clock.
  for (int suspended_at = 100; suspended_at < 160; ++suspended_at) {
    SCOPED_TRACE(::testing::Message() << "at look " << suspended_at);
    std::atomic<bool> ended = false;
    Watchdog watchdog({.limit = std::chrono::seconds(20), .rank = 0, .names = {"0", "1", "2", "3"}},
                      [&](const std::string& why) {
                        ended = true;
                        ADD_FAILURE() << why;
                      });
    int looks = 0;
    MemorySink sink;
    const Case c{.rows = 400, .batch = 2, .watchdog = &watchdog, .now = [&] {
                   const auto suspended = std::chrono::minutes(++looks > suspended_at ? 10 : 0);
                   return std::chrono::steady_clock::now() + suspended;
                 }};
    run(c, make_data(400), sink);
    EXPECT_FALSE(ended);
    if (!root_) continue;
    EXPECT_GT(looks, suspended_at);
    EXPECT_EQ(sink.rows().size(), 400U);
  }
}

}  // namespace
}  // namespace widepipe::mpi_runtime
