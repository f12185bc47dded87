// Chunks, and types that few files have.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "dataset/input_dataset.h"
#include "dataset/input_layout.h"
#include "hdf5_fixture.h"

namespace widepipe::dataset {
namespace {

std::atomic<int> chunks_decoded = 0;

TEST(Chunks, AreDecodedOnceHoweverTheyAreCut) {
  constexpr H5Z_filter_t kCounter = 502;
  const H5Z_class2_t counter = {
      H5Z_CLASS_T_VERS,
      kCounter,
      1,
      1,
      "counter",
      nullptr,
      nullptr,
      [](unsigned flags, std::size_t, const unsigned*, std::size_t bytes, std::size_t*, void**) {
        if ((flags & H5Z_FLAG_REVERSE) != 0) ++chunks_decoded;
        return bytes;
      }};
  const TempFolder folder;
  constexpr std::int64_t kRows = 64;
  {
    const Hdf5Session session;
    ASSERT_GE(H5Zregister(&counter), 0);
  }
  // Chunks of 10 rows and a third of a row: seven times three of them.
  const std::vector<float> values = counting(0, kRows * 6);
  Hdf5Maker("a.h5").dataset("/x", H5T_NATIVE_FLOAT, {kRows, 6}, H5T_NATIVE_FLOAT, values.data(),
                            [](hid_t properties) {
                              chunked({10, 2})(properties);
                              H5Pset_filter(properties, kCounter, 0, 0, nullptr);
                            });
  for (const std::int64_t step : {1, 3, 7, 10, 16, 64}) {
    chunks_decoded = 0;
    {
      const InputDataset rows({"a.h5", "/x"});
      for (std::int64_t first = 0; first < kRows; first += step) {
        const std::int64_t count = std::min(step, kRows - first);
        ASSERT_EQ(read<float>(rows, first, count, DType::kF32), counting(6 * first, 6 * count));
      }
    }
    EXPECT_EQ(chunks_decoded, 21) << "batches of " << step;
  }
  const Hdf5Session session;
  H5Zunregister(kCounter);
}

TEST(Chunks, TheCacheHoldsAtLeastARowOfThem) {
  constexpr std::size_t kMega = 1 << 20;
  const struct {
    Shape shape;
    Shape chunk;
    std::size_t expected;
  } kCases[] = {
      {{100, 4}, {10, 4}, kMega},                       // small: the least
      {{100'000, 1000}, {1000, 100}, 8 * 1000 * 1000},  // two rows of chunks
      {{100'000, 1000}, {50'000, 1000}, 256 * kMega},   // one of 200 MB: what is usual
      {{200'000, 1000}, {100'000, 1000}, 400'000'000},  // one of 400 MB: as much as it takes
  };
  for (const auto& c : kCases) EXPECT_EQ(chunk_cache_bytes(c.shape, c.chunk, 4), c.expected);
}

TEST(OddTypes, AreReadAsFarAsTheyFit) {
  const TempFolder folder;
  const Hdf5Session session;
  const Hdf5Type i24("H5Tcopy", H5Tcopy(H5T_STD_I32BE));
  H5Tset_size(i24.get(), 3);
  const Hdf5Type u12("H5Tcopy", H5Tcopy(H5T_STD_U16LE));
  H5Tset_precision(u12.get(), 12);
  H5Tset_offset(u12.get(), 4);
  const Hdf5Type i40("H5Tcopy", H5Tcopy(H5T_STD_I64LE));
  H5Tset_size(i40.get(), 5);
  const Hdf5Type bf16("H5Tcopy", H5Tcopy(H5T_IEEE_F32LE));
  H5Tset_fields(bf16.get(), 15, 7, 8, 0, 7);
  H5Tset_size(bf16.get(), 2);
  const Hdf5Type i128("H5Tcopy", H5Tcopy(H5T_STD_I64LE));
  H5Tset_precision(i128.get(), 128);
  const std::vector<double> values = {0, 1, 100, 2000};
  const struct {
    hid_t type;
    const char* name;
    DType dtype;
  } kCases[] = {{i24.get(), "i24 big-endian", DType::kI32},
                {u12.get(), "u12", DType::kU16},
                {i40.get(), "i40", DType::kI64},
                {bf16.get(), "bf16", DType::kF32}};
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    Hdf5Maker("a.h5").dataset("/x", c.type, {4}, H5T_NATIVE_DOUBLE, values.data());
    const InputDataset rows({"a.h5", "/x"});
    EXPECT_EQ(rows.dtype_name(), c.name);
    EXPECT_EQ(rows.dtype(), c.dtype);
    EXPECT_EQ(read<double>(rows, 0, 4, DType::kF64), values);
  }
  Hdf5Maker("a.h5").dataset("/x", i128.get(), {4}, H5T_NATIVE_INT64, nullptr);
  EXPECT_EQ(error_of<InputError>([] {
              InputDataset({"a.h5", "/x"});
            }),
            "a.h5:/x: its type is an integer of 128 bits, expected numbers of 8 to 64 bits");
}

}  // namespace
}  // namespace widepipe::dataset
