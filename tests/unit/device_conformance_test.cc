// What any device must do, of whatever kind: docs/adding-a-device.md. Every kind of the build, one
// that only tests have, and "auto" go through all of it.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "core/error.h"
#include "device/device_list.h"
#include "tests/unit/device_fake.h"
#include "tests/unit/device_harness.h"

namespace widepipe::device {
namespace {

/// Of the largest value of an output.
constexpr double kTolerance = 1e-5;

struct Candidate {
  std::string name;

  std::unique_ptr<Device> make(const DeviceConfig& config, CompletionSink sink) const {
    return name == "fake" ? make_fake_device(config, std::move(sink))
                          : make_device(name, config, std::move(sink));
  }
  std::shared_ptr<const model::Model> import(const NamedModel& model) const {
    const model::ModelBundle bundle{
        .label = "m.onnx", .bytes = model.bytes, .external = {}, .binding = model.binding};
    return import_model(name == "fake" ? "cpu" : name, bundle);
  }
};

std::vector<Candidate> candidates() {
  std::vector<Candidate> all = {{"fake"}, {std::string(kAutoDevice)}};
  for (const DeviceKind& kind : device_kinds()) all.push_back({std::string(kind.name)});
  return all;
}

/// One that both devices behind "auto" and every kind of its own can run.
NamedModel any_model() { return conformance_models().front(); }

class DeviceConformance : public ::testing::TestWithParam<Candidate> {
 protected:
  std::unique_ptr<Device> make(const DeviceConfig& config = {}) {
    return GetParam().make(config, collector_.sink());
  }

  Collector collector_;
};

/// Submits batches of these sizes one after the other in the endless data; checks what comes back.
void check_rows(Device& device, Collector& collector,
                const std::shared_ptr<const model::Model>& model, ModelId id,
                const std::vector<std::int64_t>& sizes) {
  std::map<std::uint64_t, std::int64_t> first_of;
  std::int64_t first = 0;
  for (const std::int64_t rows : sizes) {
    const std::uint64_t batch = 1000 + first_of.size();
    device.submit(make_batch(*model, id, batch, first, rows));
    first_of[batch] = first;
    first += rows;
  }
  const std::vector<Completion> done = collector.wait_for(sizes.size());
  ASSERT_EQ(done.size(), sizes.size());
  for (const Completion& completion : done) {
    const Batch& batch = completion.batch;
    ASSERT_EQ(completion.error, "");
    EXPECT_EQ(batch.model, id);
    EXPECT_GT(completion.busy_seconds, 0);
    EXPECT_GE(completion.finished_at_seconds, completion.busy_seconds);
    const auto known = first_of.extract(batch.id);
    ASSERT_FALSE(known.empty()) << "batch " << batch.id << " was not submitted, or came twice";
    const Batch asked = make_batch(*model, id, batch.id, known.mapped(), batch.rows);
    ASSERT_EQ(batch.inputs.size(), asked.inputs.size()) << "the inputs come back";
    EXPECT_LT(largest_error(*model, expected_outputs(model, asked), batch.outputs), kTolerance)
        << "batch " << batch.id << " of " << batch.rows << " rows";
  }
}

TEST_P(DeviceConformance, SaysWhatItIs) {
  const auto device = make({.instances = 1, .cores_per_instance = 1});
  const DeviceInfo& info = device->info();
  EXPECT_TRUE(info.kind.starts_with(GetParam().name)) << info.kind;
  EXPECT_NE(info.description, "");
  EXPECT_EQ(info.instances, 1);
  EXPECT_EQ(info.cores_per_instance, 1);
}

TEST_P(DeviceConformance, ComputesWhatTheReferenceDoesForBatchesOfAnySize) {
  int checked = 0;
  for (const NamedModel& named : conformance_models()) {
    SCOPED_TRACE(named.name);
    const auto model = GetParam().import(named);
    const auto device = make({.instances = 2, .cores_per_instance = 1});
    ASSERT_EQ(device->declines(*model), std::nullopt);
    const ModelId id = device->load(model);
    check_rows(*device, collector_, model, id, {1, 3, 64, 2, 1, 17, 100});
    ++checked;
  }
  EXPECT_EQ(checked, 8);
}

TEST_P(DeviceConformance, RunsSeveralModelsAtOnce) {
  const auto device = make({.instances = 2, .cores_per_instance = 1});
  std::vector<std::shared_ptr<const model::Model>> models;
  for (const NamedModel& named : conformance_models()) models.push_back(GetParam().import(named));
  for (std::size_t id = 0; id < models.size(); ++id) ASSERT_EQ(device->load(models[id]), id);
  constexpr std::uint64_t kBatches = 40;
  for (std::uint64_t batch = 0; batch < kBatches; ++batch) {
    const std::size_t id = batch % models.size();
    device->submit(make_batch(*models[id], static_cast<ModelId>(id), batch,
                              static_cast<std::int64_t>(batch) * 10, 5));
  }
  const std::vector<Completion> done = collector_.wait_for(kBatches);
  std::set<std::uint64_t> seen;
  for (const Completion& completion : done) {
    const Batch& batch = completion.batch;
    ASSERT_EQ(completion.error, "");
    EXPECT_TRUE(seen.insert(batch.id).second) << "batch " << batch.id << " came twice";
    ASSERT_EQ(batch.model, batch.id % models.size());
    const auto& model = models[batch.model];
    const Batch asked =
        make_batch(*model, batch.model, batch.id, static_cast<std::int64_t>(batch.id) * 10, 5);
    EXPECT_LT(largest_error(*model, expected_outputs(model, asked), batch.outputs), kTolerance);
  }
  EXPECT_EQ(seen.size(), kBatches);
}

TEST_P(DeviceConformance, HoldsWeightsOnceAModelIsLoaded) {
  const auto device = make();
  const std::size_t before = device->memory_bytes();
  const auto model = GetParam().import(any_model());
  device->load(model);
  EXPECT_GT(device->memory_bytes(), before);
}

TEST_P(DeviceConformance, ABatchThatDoesNotFitFailsAsAValueAndTheRestGoesOn) {
  const auto device = make();
  const auto model = GetParam().import(any_model());
  const ModelId id = device->load(model);
  Batch no_model = make_batch(*model, 7, 1, 0, 2);
  Batch no_rows = make_batch(*model, id, 2, 0, 0);
  Batch no_input = make_batch(*model, id, 3, 0, 2);
  no_input.inputs.clear();
  Batch short_input = make_batch(*model, id, 4, 0, 2);
  short_input.rows = 3;
  device->submit(std::move(no_model));
  device->submit(std::move(no_rows));
  device->submit(std::move(no_input));
  device->submit(std::move(short_input));
  device->submit(make_batch(*model, id, 5, 0, 2));
  std::map<std::uint64_t, std::string> errors;
  for (const Completion& done : collector_.wait_for(5)) errors[done.batch.id] = done.error;
  const std::map<std::uint64_t, std::string> expected = {
      {1, "model 7 is not loaded"},
      {2, "a batch needs a row, found 0"},
      {3, "m.onnx: expected 1 inputs, found 0"},
      {4, "m.onnx: input 'x': expected 2304 bytes for 3 rows, found 1536"},
      {5, ""}};
  EXPECT_EQ(errors, expected);
}

TEST_P(DeviceConformance, NanStaysInItsRow) {
  const auto model = GetParam().import(any_model());
  const auto device = make();
  const ModelId id = device->load(model);
  Batch bad = make_batch(*model, id, 1, 0, 9);
  constexpr std::size_t kRow = 5;
  reinterpret_cast<float*>(bad.inputs[0].data())[kRow * 192 + 70] =
      std::numeric_limits<float>::quiet_NaN();
  device->submit(std::move(bad));
  const std::vector<Completion> done = collector_.wait_for(1);
  ASSERT_EQ(done.size(), 1U);
  ASSERT_EQ(done[0].error, "");
  const std::vector<AlignedBuffer> expected =
      expected_outputs(model, make_batch(*model, id, 1, 0, 9));
  const auto* a = reinterpret_cast<const float*>(expected[0].data());
  const auto* b = reinterpret_cast<const float*>(done[0].batch.outputs.at(0).data());
  for (std::size_t i = 0; i < std::size_t{9} * 10; ++i) {
    if (i / 10 != kRow) {
      ASSERT_NEAR(a[i], b[i], 1e-4) << "row " << i / 10;
    }
  }
}

/// Holds the first completion back until told otherwise, or for a minute.
class Gate {
 public:
  CompletionSink before(CompletionSink sink) {
    return [this, sink = std::move(sink)](Completion done) {
      {
        std::unique_lock lock(mutex_);
        by_caller_ = by_caller_ || std::this_thread::get_id() == caller_;
        if (!std::exchange(entered_, true) && !by_caller_) {
          changed_.notify_all();
          changed_.wait_for(lock, kLongest, [this] { return open_; });
        }
      }
      sink(std::move(done));
    };
  }
  bool wait_for_first() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLongest, [this] { return entered_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  /// A completion came on the thread that made this.
  bool by_caller() const {
    const std::lock_guard lock(mutex_);
    return by_caller_;
  }

 private:
  static constexpr std::chrono::seconds kLongest{60};
  const std::thread::id caller_ = std::this_thread::get_id();
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool by_caller_ = false;
  bool entered_ = false;
  bool open_ = false;
};

TEST_P(DeviceConformance, SubmitReturnsWhileTheDeviceComputes) {
  const auto model = GetParam().import(any_model());
  Gate gate;
  const auto device = GetParam().make({}, gate.before(collector_.sink()));
  const ModelId id = device->load(model);
  constexpr std::uint64_t kBatches = 10;
  device->submit(make_batch(*model, id + 1, 0, 0, 1));  // one that fails comes back as others do
  for (std::uint64_t batch = 1; batch < kBatches; ++batch) {
    device->submit(make_batch(*model, id, batch, 0, 40));
  }
  EXPECT_TRUE(collector_.wait_for(0).empty()) << "the first completion is still held back";
  gate.open();
  EXPECT_EQ(collector_.wait_for(kBatches).size(), kBatches);
  EXPECT_FALSE(gate.by_caller()) << "a completion came out of submit()";
}

TEST_P(DeviceConformance, DestructionWaitsForWhatRunsAndNothingComesAfterIt) {
  const auto model = GetParam().import(any_model());
  constexpr std::uint64_t kBatches = 40;
  Gate gate;
  auto device =
      GetParam().make({.instances = 2, .cores_per_instance = 1}, gate.before(collector_.sink()));
  const ModelId id = device->load(model);
  for (std::uint64_t batch = 0; batch < kBatches; ++batch) {
    device->submit(make_batch(*model, id, batch, 0, 50));
  }
  ASSERT_TRUE(gate.wait_for_first());
  std::atomic<bool> gone = false;
  std::thread destroys([&] {
    device.reset();
    gone = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(gone) << "it did not wait for the batch that is being given back";
  gate.open();
  destroys.join();
  std::set<std::uint64_t> seen;
  for (const Completion& done : collector_.wait_for(0)) {
    EXPECT_EQ(done.error, "");
    EXPECT_TRUE(seen.insert(done.batch.id).second) << "batch " << done.batch.id << " came twice";
  }
  EXPECT_FALSE(seen.empty());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_TRUE(collector_.wait_for(0).empty()) << "a batch came after the device was gone";
}

TEST_P(DeviceConformance, DestroyedWithModelsButWithoutWork) {
  const auto device = make({.instances = 3, .cores_per_instance = 1});
  device->load(GetParam().import(any_model()));
}

TEST_P(DeviceConformance, DeclinesWithAReason) {
  // Imported as for any other device: the graph is not there, or not what this device wants.
  const auto foreign = model::Model::from_bytes(
      foreign_model(), "foreign.onnx",
      {.outputs_elsewhere = [](const model::Model&, const std::vector<std::string>& names) {
        EXPECT_EQ(names, std::vector<std::string>{"y"});
        // A type that no device makes of it.
        return std::vector<model::RowType>{{DType::kI8, {1, 5}}};
      }});
  const auto reason = make()->declines(*foreign);
  ASSERT_TRUE(reason.has_value());
  EXPECT_TRUE(reason->starts_with("foreign.onnx: ")) << *reason;
}

INSTANTIATE_TEST_SUITE_P(Devices, DeviceConformance, ::testing::ValuesIn(candidates()),
                         [](const auto& instance) { return instance.param.name; });

TEST(DeviceConformance, EveryKindOfTheBuildIsAmongThem) {
  std::set<std::string> names;
  for (const Candidate& candidate : candidates()) names.insert(candidate.name);
  std::set<std::string> expected = {"auto", "cpu", "fake"};
#ifdef WIDEPIPE_WITH_OPENVINO
  expected.insert("openvino");
#endif
  EXPECT_EQ(names, expected);
}

}  // namespace
}  // namespace widepipe::device
