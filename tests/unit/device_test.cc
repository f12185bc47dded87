// The cpu device and its instances: every batch comes back once, the same bits however rows are
// grouped, and NaN where ONNX has it.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "device/device_list.h"
#include "device/instance.h"
#include "tests/unit/device_harness.h"
#include "tests/unit/onnx_builder.h"

namespace widepipe::device {
namespace {

using widepipe::testing::OnnxBuilder;

/// Two convolutions with Relu and a max pool: what loses NaN if it can.
std::shared_ptr<const model::Model> small_net() {
  OnnxBuilder builder;
  builder.input("x", {"N", "3", "8", "8"})
      .weights("w1", {16, 3, 3, 3})
      .weights("w2", {16, 16, 3, 3})
      .node("Conv", {"x", "w1"}, {"c1"}, {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}})
      .node("Relu", {"c1"}, {"r1"})
      .node("Conv", {"r1", "w2"}, {"c2"}, {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}})
      .node("Relu", {"c2"}, {"r2"})
      .node("MaxPool", {"r2"}, {"y"},
            {{"kernel_shape", std::vector<std::int64_t>{2, 2}},
             {"strides", std::vector<std::int64_t>{2, 2}}})
      .output("y");
  return model::Model::from_bytes(builder.bytes(), "small_net.onnx");
}

constexpr std::size_t kIn = std::size_t{3} * 8 * 8;
constexpr std::size_t kOut = std::size_t{16} * 4 * 4;

AlignedBuffer rows_of(std::int64_t first, std::int64_t count) {
  AlignedBuffer rows(static_cast<std::size_t>(count) * kIn * sizeof(float));
  auto* values = reinterpret_cast<float*>(rows.data());
  for (std::size_t i = 0; i < static_cast<std::size_t>(count) * kIn; ++i) {
    values[i] = std::sin(static_cast<float>(static_cast<std::size_t>(first) * kIn + i));
  }
  return rows;
}

std::vector<float> run_alone(const std::shared_ptr<const model::Model>& model, AlignedBuffer rows,
                             std::int64_t micro_batch) {
  const std::int64_t count = static_cast<std::int64_t>(rows.size() / sizeof(float) / kIn);
  ModelInstance instance({model, micro_batch}, 1);
  std::vector<float> out(static_cast<std::size_t>(count) * kOut);
  const std::byte* in[] = {rows.data()};
  std::byte* to[] = {reinterpret_cast<std::byte*>(out.data())};
  instance.run(count, in, to);
  return out;
}

TEST(CpuDevice, EveryBatchComesBackOnceWithTheSameBits) {
  const auto model = small_net();
  constexpr std::int64_t kRows = 60;
  const std::vector<float> expected = run_alone(model, rows_of(0, kRows), 1);
  for (const DeviceConfig& config : {DeviceConfig{1, 1, 0}, DeviceConfig{1, 1, 1},
                                     DeviceConfig{3, 1, 4}, DeviceConfig{1, 2, 7}}) {
    SCOPED_TRACE(::testing::Message()
                 << config.instances << " instances of " << config.cores_per_instance
                 << " cores, micro-batch " << config.micro_batch);
    Collector collector;
    const auto device = make_device("cpu", config, collector.sink());
    EXPECT_EQ(device->declines(*model), std::nullopt);
    ASSERT_EQ(device->load(model), 0U);
    EXPECT_GT(device->memory_bytes(), 0U);
    std::map<std::uint64_t, std::pair<std::int64_t, std::int64_t>> submitted;
    std::uint64_t id = 1;
    for (std::int64_t first = 0; first < kRows; ++id) {
      const std::int64_t count =
          std::min<std::int64_t>(1 + static_cast<std::int64_t>(id) % 9, kRows - first);
      Batch batch{.id = id, .rows = count};
      batch.inputs.push_back(rows_of(first, count));
      device->submit(std::move(batch));
      submitted[id] = {first, count};
      first += count;
    }
    const std::vector<Completion> done = collector.wait_for(submitted.size());
    ASSERT_EQ(done.size(), submitted.size());
    for (const Completion& completion : done) {
      EXPECT_EQ(completion.error, "");
      EXPECT_GT(completion.busy_seconds, 0);
      EXPECT_GE(completion.finished_at_seconds, completion.busy_seconds);
      const auto range = submitted.extract(completion.batch.id);
      ASSERT_FALSE(range.empty()) << "batch " << completion.batch.id << " came back twice";
      const auto [first, count] = range.mapped();
      ASSERT_EQ(completion.batch.outputs.at(0).size(),
                static_cast<std::size_t>(count) * kOut * sizeof(float));
      EXPECT_EQ(std::memcmp(completion.batch.outputs[0].data(),
                            expected.data() + static_cast<std::size_t>(first) * kOut,
                            completion.batch.outputs[0].size()),
                0);
    }
  }
}

TEST(ModelInstance, KeepsNanInItsRowAndLeavesTheOthersAlone) {
  const auto model = small_net();
  const std::vector<float> good = run_alone(model, rows_of(0, 9), 4);
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    AlignedBuffer rows = rows_of(0, 9);
    reinterpret_cast<float*>(rows.data())[5 * kIn + 70] = value;
    const std::vector<float> out = run_alone(model, std::move(rows), 4);
    bool any = false;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (i / kOut != 5) {
        ASSERT_EQ(out[i], good[i]);
      } else {
        any = any || !std::isfinite(out[i]);
      }
    }
    EXPECT_TRUE(any) << value << " vanished";
  }
}

TEST(ModelInstance, NonFiniteIsFoundInFloatsOnly) {
  const float bad[] = {1.0F, -std::numeric_limits<float>::infinity()};
  const float good[] = {1.0F, std::numeric_limits<float>::max(), 0.0F,
                        std::numeric_limits<float>::denorm_min()};
  const double bad64[] = {std::nan(""), 1.0};
  EXPECT_TRUE(any_non_finite(std::as_bytes(std::span(bad)), DType::kF32));
  EXPECT_FALSE(any_non_finite(std::as_bytes(std::span(good)), DType::kF32));
  EXPECT_TRUE(any_non_finite(std::as_bytes(std::span(bad64)), DType::kF64));
  EXPECT_FALSE(any_non_finite(std::as_bytes(std::span(bad64)), DType::kI64));
}

TEST(ModelInstance, MicroBatchFillsTheCache) {
  EXPECT_EQ(choose_micro_batch(62'700, 512 * 1024), 8);
  EXPECT_EQ(choose_micro_batch(10'000'000, 512 * 1024), 1);
  EXPECT_EQ(choose_micro_batch(100, 512 * 1024), 64);
  EXPECT_EQ(choose_micro_batch(0, 512 * 1024), 64);
}

}  // namespace
}  // namespace widepipe::device
