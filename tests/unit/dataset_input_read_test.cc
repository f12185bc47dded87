#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <limits>
#include <random>
#include <thread>

#include "dataset/disk.h"
#include "dataset/input_dataset.h"
#include "dataset/posix_file.h"
#include "hdf5_fixture.h"

namespace widepipe::dataset {
namespace {

constexpr hsize_t kRows = 60;
constexpr std::int64_t kRowElements = 15;
const std::vector<hsize_t> kDims = {kRows, 3, 5};

/// Exact in every type tested, f16 and u8 included.
std::vector<double> test_values() {
  std::vector<double> values(kRows * kRowElements);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i * 7 % 251);
  return values;
}

void expect_starts_with(const std::string& text, const std::string& start) {
  EXPECT_EQ(text.substr(0, start.size()), start);
}

struct Storage {
  const char* name;
  std::function<void(hid_t)> set_properties;
};

std::vector<Storage> storages() {
  return {{"contiguous", {}},
          {"chunked", chunked({7, 3, 5})},
          {"chunks across a row, gzip and shuffle", chunked({16, 2, 3}, 4, true)},
          {"compact", [](hid_t properties) { H5Pset_layout(properties, H5D_COMPACT); }}};
}

TEST(InputReads, EveryTypeAndLayoutGivesTheSameValues) {
  const TempFolder folder;
  const std::vector<double> values = test_values();
  const Hdf5Type half = half_type();
  const struct {
    hid_t type;
    const char* name;
    DType dtype;
    bool native;
  } kTypes[] = {
      {H5T_IEEE_F32LE, "f32", DType::kF32, true},
      {H5T_IEEE_F64LE, "f64", DType::kF64, true},
      {H5T_STD_I16LE, "i16", DType::kI16, true},
      {H5T_STD_I32LE, "i32", DType::kI32, true},
      {H5T_STD_I64LE, "i64", DType::kI64, true},
      {H5T_STD_U8LE, "u8", DType::kU8, true},
      {H5T_STD_U16LE, "u16", DType::kU16, true},
      {H5T_STD_U32LE, "u32", DType::kU32, true},
      {H5T_STD_U64LE, "u64", DType::kU64, true},
      {H5T_STD_U8BE, "u8", DType::kU8, true},
      {H5T_IEEE_F32BE, "f32 big-endian", DType::kF32, false},
      {H5T_STD_I32BE, "i32 big-endian", DType::kI32, false},
      {half.get(), "f16", DType::kF32, false},
  };
  for (const auto& type : kTypes) {
    for (const Storage& storage : storages()) {
      SCOPED_TRACE(fmt::format("{} {}", type.name, storage.name));
      Hdf5Maker("in.h5").dataset("/g/x", type.type, kDims, H5T_NATIVE_DOUBLE, values.data(),
                                 storage.set_properties);
      const InputDataset dataset({"in.h5", "/g/x"});
      EXPECT_EQ(dataset.rows(), 60);
      EXPECT_EQ(dataset.shape(), (Shape{60, 3, 5}));
      EXPECT_EQ(dataset.row_shape(), (Shape{3, 5}));
      EXPECT_EQ(dataset.dtype(), type.dtype);
      EXPECT_EQ(dataset.dtype_name(), type.name);
      EXPECT_EQ(dataset.reads_in_parallel(),
                type.native && std::string(storage.name) == "contiguous");
      for (const RowRange range : {RowRange{0, 60}, RowRange{0, 1}, RowRange{13, 20}, {59, 1}}) {
        const auto begin = values.begin() + range.first * kRowElements;
        const auto end = values.begin() + range.end() * kRowElements;
        EXPECT_EQ(read<float>(dataset, range.first, range.count, DType::kF32),
                  std::vector<float>(begin, end));
        EXPECT_EQ(read<double>(dataset, range.first, range.count, DType::kF64),
                  std::vector<double>(begin, end));
      }
      EXPECT_TRUE(read<float>(dataset, 60, 0, DType::kF32).empty());
    }
  }
}

TEST(InputReads, LayoutNeverChangesABit) {
  const TempFolder folder;
  std::mt19937_64 random(3);
  std::vector<std::int64_t> values(kRows * kRowElements);
  for (auto& value : values) value = static_cast<std::int64_t>(random());
  std::vector<std::vector<float>> results;
  for (const Storage& storage : storages()) {
    Hdf5Maker("in.h5").dataset("/x", H5T_NATIVE_INT64, kDims, H5T_NATIVE_INT64, values.data(),
                               storage.set_properties);
    results.push_back(read<float>(InputDataset({"in.h5", "/x"}), 0, kRows, DType::kF32));
    EXPECT_EQ(results.back(), results.front()) << storage.name;
  }
}

TEST(InputReads, PiecesOfALargeRange) {
  // More than one piece of 256 KiB, with a remainder.
  const TempFolder folder;
  std::vector<std::uint8_t> values(1'000'001);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<std::uint8_t>(i * 31 >> 3);
  Hdf5Maker("in.h5").dataset("/x", H5T_NATIVE_UINT8, {values.size()}, H5T_NATIVE_UINT8,
                             values.data());
  const InputDataset dataset({"in.h5", "/x"});
  EXPECT_EQ(dataset.row_shape(), Shape{});
  EXPECT_EQ(read<float>(dataset, 0, dataset.rows(), DType::kF32),
            std::vector<float>(values.begin(), values.end()));
}

TEST(InputReads, BoolUserBlockAndUnwrittenData) {
  const TempFolder folder;
  const std::vector<std::int8_t> truths = {1, 0, 0, 1};
  {
    Hdf5Maker maker("in.h5", 2048);
    const Hdf5Type type("H5Tenum_create", H5Tenum_create(H5T_NATIVE_INT8));
    const std::int8_t no = 0;
    const std::int8_t yes = 1;
    H5Tenum_insert(type.get(), "FALSE", &no);
    H5Tenum_insert(type.get(), "TRUE", &yes);
    maker.dataset("/plain", type.get(), {4}, type.get(), truths.data());
    maker.dataset("/packed", type.get(), {4}, type.get(), truths.data(), chunked({4}, 1));
    maker.dataset("/unwritten", H5T_NATIVE_FLOAT, {4}, H5T_NATIVE_FLOAT, nullptr,
                  [](hid_t properties) {
                    const float fill = 2.5F;
                    H5Pset_fill_value(properties, H5T_NATIVE_FLOAT, &fill);
                  });
  }
  for (const char* path : {"/plain", "/packed"}) {
    const InputDataset dataset({"in.h5", path});
    EXPECT_EQ(dataset.dtype_name(), "bool");
    EXPECT_EQ(read<float>(dataset, 0, 4, DType::kF32), (std::vector<float>{1, 0, 0, 1}));
    EXPECT_EQ(read<std::uint8_t>(dataset, 0, 4, DType::kBool),
              (std::vector<std::uint8_t>{1, 0, 0, 1}));
  }
  EXPECT_EQ(read<float>(InputDataset({"in.h5", "/unwritten"}), 1, 2, DType::kF32),
            (std::vector<float>{2.5F, 2.5F}));
}

TEST(InputReads, ManyThreads) {
  const TempFolder folder;
  const std::vector<double> values = test_values();
  for (const Storage& storage : storages()) {
    Hdf5Maker("in.h5").dataset("/x", H5T_STD_U8LE, kDims, H5T_NATIVE_DOUBLE, values.data(),
                               storage.set_properties);
    const InputDataset dataset({"in.h5", "/x"});
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed < 4; ++seed) {
      threads.emplace_back([&, seed] {
        std::mt19937 random(seed);
        for (int i = 0; i < 100; ++i) {
          const std::int64_t first = random() % kRows;
          const std::int64_t count = random() % (kRows - static_cast<unsigned>(first)) + 1;
          const auto found = read<float>(dataset, first, count, DType::kF32);
          const auto begin = values.begin() + first * kRowElements;
          wrong += std::equal(found.begin(), found.end(), begin) ? 0 : 1;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0) << storage.name;
  }
}

TEST(InputReads, FailuresDuringTheRunNameTheRows) {
  const TempFolder folder;
  const std::vector<float> values(4096, 1.0F);
  {
    Hdf5Maker maker("in.h5");
    maker.dataset("/x", H5T_NATIVE_FLOAT, {4096}, H5T_NATIVE_FLOAT, values.data());
    maker.dataset("/z", H5T_NATIVE_FLOAT, {4096}, H5T_NATIVE_FLOAT, values.data(), chunked({1024}));
  }
  const InputDataset plain({"in.h5", "/x"});
  const InputDataset packed({"in.h5", "/z"});
  std::vector<float> out(100);
  const auto bytes = std::as_writable_bytes(std::span(out));
  const auto reason = [&](const InputDataset& dataset, std::int64_t first, std::int64_t count) {
    return error_of<RunError>([&] { dataset.read_rows(first, count, DType::kF32, bytes); });
  };
  EXPECT_EQ(reason(plain, 4000, 97),
            "in.h5:/x: cannot read 97 rows from row 4000: it has 4096 rows");
  EXPECT_EQ(reason(plain, -1, 5), "in.h5:/x: cannot read 5 rows from row -1: it has 4096 rows");
  EXPECT_EQ(reason(plain, 0, 99), "in.h5:/x: 99 rows as f32 are 396 bytes, the buffer has 400");

  const auto size = std::filesystem::file_size("in.h5");
  std::filesystem::resize_file("in.h5", 4000);
  EXPECT_EQ(
      reason(plain, 1000, 100),
      fmt::format("in.h5:/x: cannot be read: the file ends too early: it had {} bytes when it was "
                  "opened",
                  size));
  EXPECT_EQ(
      reason(packed, 1000, 100),
      fmt::format("in.h5:/z: cannot be read: the file has 4000 bytes; it had {} bytes when it "
                  "was opened",
                  size));
}

TEST(InputReads, DamagedChunksAreAnError) {
  const TempFolder folder;
  std::vector<std::uint32_t> values(4096);
  std::mt19937 random(1);
  for (auto& value : values) value = static_cast<std::uint32_t>(random());
  Hdf5Maker("in.h5").dataset("/z", H5T_NATIVE_UINT32, {4096}, H5T_NATIVE_UINT32, values.data(),
                             chunked({4096}, 1));
  std::string bytes = slurp("in.h5");
  std::fill(bytes.end() - 8000, bytes.end() - 4000, '\x55');
  spit("in.h5", bytes);
  const InputDataset dataset({"in.h5", "/z"});
  EXPECT_EQ(error_of<RunError>([&] { read<float>(dataset, 10, 20, DType::kF32); }),
            "in.h5:/z: cannot be read: H5Dread: inflate() failed");
}

TEST(InputReads, Describe) {
  const TempFolder folder;
  const std::vector<double> values = test_values();
  {
    Hdf5Maker maker("in.h5");
    maker.dataset("/x", H5T_STD_U8LE, kDims, H5T_NATIVE_DOUBLE, values.data());
    maker.dataset("/z", H5T_IEEE_F32BE, kDims, H5T_NATIVE_DOUBLE, values.data(),
                  chunked({16, 3, 5}, 6, true));
  }
  EXPECT_EQ(InputDataset({"in.h5", "/x"}).describe(),
            (StringFields{{"type", "u8"},
                          {"shape", "[60, 3, 5]"},
                          {"layout", "contiguous at byte 2048"},
                          {"bytes", "900"},
                          {"stored bytes", "900"},
                          {"reads", "parallel, at the file offset"}}));
  StringFields packed = InputDataset({"in.h5", "/z"}).describe();
  ASSERT_EQ(packed.size(), 7U);
  packed.erase(packed.begin() + 5);  // stored bytes depend on the zlib installed
  EXPECT_EQ(packed, (StringFields{{"type", "f32 big-endian"},
                                  {"shape", "[60, 3, 5]"},
                                  {"layout", "chunks of [16, 3, 5]"},
                                  {"filters", "shuffle, gzip(6)"},
                                  {"bytes", "3600"},
                                  {"reads", "through the HDF5 library, one at a time a rank"}}));
}

TEST(InputIdentity, FollowsTheContentAndNothingElse) {
  const TempFolder folder;
  std::vector<double> values = test_values();
  const auto make = [&](const char* file) {
    Hdf5Maker(file).dataset("/x", H5T_STD_U8LE, kDims, H5T_NATIVE_DOUBLE, values.data(),
                            [](hid_t properties) { H5Pset_obj_track_times(properties, false); });
  };
  const auto content = [](const char* file) {
    return InputDataset({file, "/x"}).identity().content;
  };
  make("a.h5");
  std::filesystem::copy("a.h5", "b.h5");
  std::filesystem::last_write_time(
      "b.h5", std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_EQ(content("a.h5"), content("b.h5"));
  const InputIdentity a = InputDataset({"a.h5", "/x"}).identity();
  EXPECT_NE(a.time, InputDataset({"b.h5", "/x"}).identity().time);
  EXPECT_TRUE(a.whole_file_hashed);
  EXPECT_EQ(a.file_bytes, std::filesystem::file_size("a.h5"));
  expect_starts_with(a.content,
                     fmt::format("/x u8 [60, 3, 5], file of {} bytes, xxh3 ", a.file_bytes));
  values.back() += 1;
  make("b.h5");
  EXPECT_NE(content("a.h5"), content("b.h5"));
}

TEST(InputIdentity, SamplesLargeFiles) {
  const TempFolder folder;
  const std::vector<hsize_t> dims = {std::size_t{65} << 20};
  Hdf5Maker("in.h5").dataset("/x", H5T_NATIVE_UINT8, dims, H5T_NATIVE_UINT8, nullptr,
                             [](hid_t properties) {
                               H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY);
                               H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER);
                             });
  const InputIdentity before = InputDataset({"in.h5", "/x"}).identity();
  EXPECT_FALSE(before.whole_file_hashed);
  EXPECT_NE(before.content.find(", xxh3 of 66 samples "), std::string::npos);
  const UniqueFd fd(::open("in.h5", O_RDWR));
  const std::byte one{1};
  ASSERT_TRUE(write_at(fd.get(), before.file_bytes - 1, {&one, 1}));
  EXPECT_NE(InputDataset({"in.h5", "/x"}).identity().content, before.content);
}

}  // namespace
}  // namespace widepipe::dataset
