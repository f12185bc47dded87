// Rows of many files, of a window, and with channels moved and scaled.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "dataset/channel_rows.h"
#include "dataset/file_hash.h"
#include "dataset/file_list.h"
#include "dataset/open_source.h"
#include "dataset/posix_file.h"
#include "hdf5_fixture.h"

namespace widepipe::dataset {
namespace {

std::vector<float> all_of(const RowSource& rows) {
  return read<float>(rows, 0, rows.rows(), DType::kF32);
}

/// Rows of two numbers that count on from `first`.
void make_part(const std::string& file, std::int64_t first, std::int64_t rows,
               const std::function<void(hid_t)>& set_properties = {}) {
  const std::vector<float> values = counting(2 * first, 2 * rows);
  Hdf5Maker(file).dataset("/x", H5T_NATIVE_FLOAT, {static_cast<hsize_t>(rows), 2}, H5T_NATIVE_FLOAT,
                          values.data(), set_properties);
}

std::shared_ptr<const RowSource> open(const std::string& text, const RowWindow& window = {}) {
  return open_source({.data = parse_dataset_ref(text)}, window);
}

TEST(FileLists, NamesWildcardsAndManifests) {
  const TempFolder folder;
  std::filesystem::create_directories("sub/deep");
  for (const char* file : {"b10.h5", "b9.h5", "a[1].h5", "sub/c.h5", "sub/deep/d.h5", ".b.h5"}) {
    spit(file, "");
  }
  spit("list.txt", "# parts\n\nsub/c.h5\r\n  b9.h5 \nsub/c.h5");
  spit("sub/list.txt", "deep/d.h5\n../b9.h5\n" + (folder.path() / "b10.h5").string() + "\n");
  const struct {
    const char* name;
    std::vector<std::string> files;
  } kCases[] = {
      {"plain.h5", {"plain.h5"}},
      {"b*.h5", {"b10.h5", "b9.h5"}},
      {"b?.h5", {"b9.h5"}},
      {"[ab]*.h5", {"a[1].h5", "b10.h5", "b9.h5"}},
      {"a[1].h5", {"a[1].h5"}},
      {"sub/*/*.h5", {"sub/deep/d.h5"}},
      {"@list.txt", {"sub/c.h5", "b9.h5", "sub/c.h5"}},
      {"@sub/list.txt", {"sub/deep/d.h5", "sub/../b9.h5", (folder.path() / "b10.h5").string()}},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    std::vector<std::string> found;
    for (const ListedFile& file : list_files(c.name)) found.push_back(file.path);
    EXPECT_EQ(found, c.files);
  }
  EXPECT_EQ(list_files("@list.txt")[1].where, "list.txt: line 4: ");
  EXPECT_EQ(list_files("b*.h5")[1].where, "");
}

TEST(FileLists, OutputsThatALaterRunWouldTakeForInputs) {
  const TempFolder folder;
  spit("odd*.h5", "");
  const struct {
    const char* name;
    const char* file;
    bool listed;
  } kCases[] = {
      {"*.h5", "out.h5", true},        {"*.h5", "./sub/../out.h5", true},
      {"./p*.h5", "part.h5", true},    {"p*.h5", "out.h5", false},
      {"*.h5", "sub/out.h5", false},   {"*.h5", ".out.h5", false},
      {"out.h5", "out.h5", false},     {"@*.txt", "a.txt", false},
      {"odd*.h5", "oddity.h5", false},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(would_be_listed(c.name, c.file), c.listed) << c.name << " " << c.file;
  }
}

TEST(FileSeries, IsOneDataSet) {
  const TempFolder folder;
  // More files than are kept open, of unequal lengths.
  std::int64_t rows = 0;
  for (int i = 0; i < 9; ++i) {
    make_part(fmt::format("part{}.h5", i), rows, i + 1);
    rows += i + 1;
  }
  const auto series = open("part*.h5:/x");
  EXPECT_EQ(series->name(), "part*.h5:/x");
  EXPECT_EQ(series->files().size(), 9U);
  EXPECT_EQ(series->files()[8], "part8.h5");
  EXPECT_EQ(series->rows(), 45);
  EXPECT_EQ(series->row_shape(), Shape{2});
  EXPECT_EQ(series->dtype_name(), "f32");
  EXPECT_EQ(series->chunk_rows(), 0);
  EXPECT_EQ(series->settings(), StringFields{});
  EXPECT_EQ(all_of(*series), counting(0, 90));
  for (std::int64_t first = 0; first < rows; ++first) {
    for (const std::int64_t count : {1, 2, 7, 30}) {
      if (first + count > rows) continue;
      EXPECT_EQ(read<float>(*series, first, count, DType::kF32), counting(2 * first, 2 * count));
    }
  }
  EXPECT_EQ(series->describe(),
            (StringFields{{"type", "f32"},
                          {"shape", "[45, 2]"},
                          {"files", "9, from part0.h5 to part8.h5"},
                          {"rows a file", "1 to 9"},
                          {"file bytes", fmt::format("{}", series->identity().file_bytes)}}));
}

TEST(FileSeries, ListedTwiceIsReadTwice) {
  const TempFolder folder;
  make_part("a.h5", 0, 2);
  make_part("b.h5", 10, 1);
  spit("list.txt", "b.h5\na.h5\nb.h5\n");
  EXPECT_EQ(all_of(*open("@list.txt:/x")), (std::vector<float>{20, 21, 0, 1, 2, 3, 20, 21}));
}

TEST(FileSeries, OneFileIsTheSameInputHoweverNamed) {
  const TempFolder folder;
  make_part("a.h5", 0, 2);
  spit("list.txt", "a.h5\n");
  for (const char* name : {"a*.h5:/x", "@list.txt:/x"}) {
    EXPECT_EQ(open(name)->identity().content, open("a.h5:/x")->identity().content);
    EXPECT_EQ(open(name)->name(), "a.h5:/x");
  }
}

TEST(FileSeries, ErrorsNameTheFile) {
  const TempFolder folder;
  for (int i = 0; i < 6; ++i) make_part(fmt::format("p{}.h5", i), 10 * i, 10);
  const auto series = open("p*.h5:/x");
  const auto reason = [&](std::int64_t first, std::int64_t count) {
    return error_of<RunError>([&] { read<float>(*series, first, count, DType::kF32); });
  };
  EXPECT_EQ(reason(58, 3), "p*.h5:/x: cannot read 3 rows from row 58: it has 60 rows");
  read<float>(*series, 50, 1, DType::kF32);  // now p5 is open, p0 no longer
  const auto bytes = std::filesystem::file_size("p5.h5");
  std::filesystem::resize_file("p5.h5", bytes - 8);
  EXPECT_EQ(
      reason(48, 12),
      fmt::format("p5.h5:/x: cannot be read: the file ends too early: it had {} bytes when it "
                  "was opened",
                  bytes));
  std::filesystem::remove("p0.h5");
  EXPECT_EQ(reason(0, 1), "p0.h5: no such file");
  make_part("p0.h5", 5, 10);
  std::filesystem::last_write_time(
      "p0.h5", std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_EQ(reason(0, 1), "p0.h5:/x: the file changed since the job began");
}

TEST(FileSeries, ChunksOnOneGrid) {
  const TempFolder folder;
  make_part("a.h5", 0, 8, chunked({4, 2}));
  make_part("b.h5", 0, 6, chunked({4, 2}));
  make_part("c.h5", 0, 4, chunked({4, 2}));
  make_part("d.h5", 0, 4, chunked({2, 2}));
  const struct {
    std::vector<std::string> files;
    std::int64_t expected;
  } kCases[] = {{{"a.h5", "b.h5"}, 4}, {{"a.h5", "b.h5", "c.h5"}, 0}, {{"a.h5", "d.h5"}, 0}};
  for (const auto& c : kCases) {
    std::string list;
    for (const std::string& file : c.files) list += file + "\n";
    spit("list.txt", list);
    EXPECT_EQ(open("@list.txt:/x")->chunk_rows(), c.expected) << list;
  }
  EXPECT_EQ(open("a.h5:/x")->chunk_rows(), 4);
  EXPECT_EQ(open("a.h5:/x", {.first = 4})->chunk_rows(), 4);
  EXPECT_EQ(open("a.h5:/x", {.first = 3})->chunk_rows(), 0);
}

TEST(FileSeries, IdentityFollowsEveryFileAndTheirOrder) {
  const TempFolder folder;
  for (int i = 0; i < 3; ++i) make_part(fmt::format("p{}.h5", i), 10 * i, 10);
  spit("list.txt", "p0.h5\np2.h5\np1.h5\n");
  const InputIdentity before = open("p*.h5:/x")->identity();
  const std::string start =
      fmt::format("/x f32 30 rows of [2], 3 files of {} bytes, xxh3 ", before.file_bytes);
  EXPECT_EQ(before.content.substr(0, start.size()), start);
  EXPECT_TRUE(before.whole_file_hashed);
  EXPECT_NE(open("@list.txt:/x")->identity().content, before.content);
  std::filesystem::last_write_time(
      "p1.h5", std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_EQ(open("p*.h5:/x")->identity().content, before.content);
  EXPECT_NE(open("p*.h5:/x")->identity().time, before.time);
  make_part("p1.h5", 11, 10);
  EXPECT_NE(open("p*.h5:/x")->identity().content, before.content);
}

TEST(FileHash, ManyLargeFilesAreSampled) {
  constexpr std::uint64_t kMega = 1 << 20;
  const struct {
    HashBudget budget;
    const char* method;
    std::uint64_t sample_bytes;
  } kCases[] = {
      {{1, 64 * kMega}, "xxh3", 65536},
      {{1, 64 * kMega + 1}, "xxh3 of 66 samples", 65536},
      {{3, 80 * kMega}, "xxh3 of 22 samples", 65536},
      {{5000, 80 * kMega}, "xxh3 of 3 samples", 4096},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(c.budget.method(), c.method);
    EXPECT_EQ(c.budget.sample_bytes(), c.sample_bytes);
  }
  // The first, the middle and the last block count; what lies between does not.
  const TempFolder folder;
  std::string bytes(1 << 20, 'a');
  const auto hash = [&bytes] {
    spit("f", bytes);
    const UniqueFd fd(::open("f", O_RDONLY));
    return hash_file(fd.get(), "f", bytes.size(), {5000, 80 * kMega});
  };
  const std::string before = hash();
  for (const std::size_t position : {0, (1 << 19), (1 << 20) - 1}) {
    bytes[position] = 'b';
    EXPECT_NE(hash(), before) << position;
    bytes[position] = 'a';
  }
  bytes[1 << 18] = 'b';
  EXPECT_EQ(hash(), before);
}

TEST(Windows, TakeTheirRows) {
  const TempFolder folder;
  make_part("a.h5", 0, 6);
  make_part("b.h5", 6, 4);
  const struct {
    RowWindow window;
    std::int64_t first;
    std::int64_t rows;
    StringFields settings;
  } kCases[] = {
      {{}, 0, 10, {}},
      {{.first = 0, .end = 10}, 0, 10, {}},
      {{.limit = 100}, 0, 10, {}},
      {{.first = 4}, 4, 6, {{"rows", "4 to 9 of 10"}}},
      {{.first = 5, .end = 7}, 5, 2, {{"rows", "5 to 6 of 10"}}},
      {{.end = 3, .limit = 2}, 0, 2, {{"rows", "0 to 1 of 10"}}},
      {{.first = 9, .limit = 2}, 9, 1, {{"rows", "9 to 9 of 10"}}},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(testing::Message() << c.first << " " << c.rows);
    const auto rows = open("?.h5:/x", c.window);
    EXPECT_EQ(rows->rows(), c.rows);
    EXPECT_EQ(rows->settings(), c.settings);
    EXPECT_EQ(all_of(*rows), counting(2 * c.first, 2 * c.rows));
    EXPECT_EQ(
        error_of<RunError>([&] { read<float>(*rows, c.rows, 1, DType::kF32); }),
        fmt::format("?.h5:/x: cannot read 1 rows from row {}: it has {} rows", c.rows, c.rows));
  }
}

/// Two rows of 2 x 3 pixels and 3 channels, 0 to 35 (as 36 - value where `falling`).
void make_pixels(const std::string& file, hid_t type, bool falling = false) {
  std::vector<double> values(36);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = falling ? 36 - static_cast<double>(i) : static_cast<double>(i);
  }
  Hdf5Maker(file).dataset("/x", type, {2, 2, 3, 3}, H5T_NATIVE_DOUBLE, values.data(),
                          chunked({1, 2, 2, 3}));
}

TEST(Channels, MoveToTheFront) {
  const TempFolder folder;
  for (const hid_t type : {H5T_STD_U8LE, H5T_STD_I16BE, H5T_IEEE_F32LE, H5T_IEEE_F64LE}) {
    make_pixels("a.h5", type);
    const auto rows = open_source({.data = {"a.h5", "/x"}, .channels_last = true}, {});
    EXPECT_EQ(rows->row_shape(), (Shape{3, 2, 3}));
    EXPECT_EQ(rows->settings(), (StringFields{{"channels", "last to first"}}));
    std::vector<float> expected;
    for (const int row : {0, 18}) {
      for (const int channel : {0, 1, 2}) {
        for (int pixel = 0; pixel < 6; ++pixel) {
          expected.push_back(static_cast<float>(row + 3 * pixel + channel));
        }
      }
    }
    EXPECT_EQ(all_of(*rows), expected);
    EXPECT_EQ(read<float>(*rows, 1, 1, DType::kF32),
              std::vector<float>(expected.begin() + 18, expected.end()));
    EXPECT_EQ(read<double>(*rows, 0, 2, DType::kF64),
              std::vector<double>(expected.begin(), expected.end()));
  }
  make_pixels("a.h5", H5T_STD_U8LE);
  const auto bytes = open_source({.data = {"a.h5", "/x"}, .channels_last = true}, {});
  EXPECT_EQ(read<std::uint8_t>(*bytes, 1, 1, DType::kU8)[6], 19);
}

TEST(Channels, ScaleAndOffset) {
  const TempFolder folder;
  make_pixels("last.h5", H5T_STD_U8LE);
  make_pixels("falling.h5", H5T_IEEE_F32LE, true);
  const double third = 1.0 / 3;
  const struct {
    const char* file;
    std::vector<double> scale;
    std::vector<double> offset;
    bool channels_last;
    double (*expected)(int row, int channel, int pixel);
    StringFields settings;
  } kCases[] = {
      {"last.h5",
       {1.0 / 255},
       {},
       true,
       [](int row, int channel, int pixel) {
         return (18 * row + 3 * pixel + channel) * (1.0 / 255);
       },
       {{"channels", "last to first"}, {"scale", "0.00392156862745098"}}},
      {"last.h5",
       {1, 10, 100},
       {0.5, 0.25, -1},
       true,
       [](int row, int channel, int pixel) {
         return (18 * row + 3 * pixel + channel) * std::pow(10, channel) + (channel == 0   ? 0.5
                                                                            : channel == 1 ? 0.25
                                                                                           : -1);
       },
       {{"channels", "last to first"}, {"scale", "1, 10, 100"}, {"offset", "0.5, 0.25, -1"}}},
      {"falling.h5",
       {},
       {third},
       true,
       [](int row, int channel, int pixel) {
         return 36 - (18 * row + 3 * pixel + channel) + 1.0 / 3;
       },
       {{"channels", "last to first"}, {"offset", "0.3333333333333333"}}},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(fmt::format("{} {}", c.file, fmt::join(c.scale, " ")));
    const auto rows = open_source({.data = {c.file, "/x"},
                                   .scale = c.scale,
                                   .offset = c.offset,
                                   .channels_last = c.channels_last},
                                  {});
    EXPECT_EQ(rows->settings(), c.settings);
    const std::vector<float> floats = all_of(*rows);
    const std::vector<double> doubles = read<double>(*rows, 0, 2, DType::kF64);
    std::size_t at = 0;
    for (const int row : {0, 1}) {
      for (const int channel : {0, 1, 2}) {
        for (int pixel = 0; pixel < 6; ++pixel, ++at) {
          const double expected = c.expected(row, channel, pixel);
          EXPECT_EQ(doubles[at], expected) << at;
          EXPECT_EQ(floats[at], static_cast<float>(expected)) << at;  // rounded once
        }
      }
    }
  }
}

TEST(Channels, EveryStoredTypeIsScaledAlike) {
  const TempFolder folder;
  const std::vector<double> values = {0, 1, 1, 0, 1, 1};
  for (const hid_t type :
       {H5T_STD_I8LE, H5T_STD_U8LE, H5T_STD_I16LE, H5T_STD_U16LE, H5T_STD_I32LE, H5T_STD_U32LE,
        H5T_STD_I64LE, H5T_STD_U64BE, H5T_IEEE_F32BE, H5T_IEEE_F64LE}) {
    // Rows of three features: each has factors of its own.
    Hdf5Maker("a.h5").dataset("/x", type, {2, 3}, H5T_NATIVE_DOUBLE, values.data());
    const auto rows = open_source({.data = {"a.h5", "/x"}, .scale = {2, 3, 4}, .offset = {0.5}},
                                  {.first = 1, .end = 2});
    EXPECT_EQ(read<double>(*rows, 0, 1, DType::kF64), (std::vector<double>{0.5, 3.5, 4.5}));
  }
  Hdf5Maker("a.h5").dataset("/x", H5T_STD_U8LE, {6}, H5T_NATIVE_DOUBLE, values.data());
  EXPECT_EQ(all_of(*open_source({.data = {"a.h5", "/x"}, .scale = {2}}, {})),
            (std::vector<float>{0, 2, 2, 0, 2, 2}));
}

TEST(Channels, PiecesOfALargeRange) {
  const TempFolder folder;
  constexpr std::int64_t kRows = 300;
  std::vector<std::uint16_t> values(kRows * 2000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint16_t>(i * 7);
  Hdf5Maker("a.h5").dataset("/x", H5T_NATIVE_UINT16, {kRows, 1000, 2}, H5T_NATIVE_UINT16,
                            values.data());
  const auto rows = open_source(
      {.data = {"a.h5", "/x"}, .scale = {0.5}, .offset = {1, 2}, .channels_last = true}, {});
  const std::vector<float> found = all_of(*rows);
  std::size_t wrong = 0;
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t e = 0; e < 1000; ++e) {
      for (std::size_t c = 0; c < 2; ++c) {
        const float expected =
            static_cast<float>(values[(row * 1000 + e) * 2 + c]) * 0.5F + 1 + static_cast<float>(c);
        wrong += found[(row * 2 + c) * 1000 + e] == expected ? 0 : 1;
      }
    }
  }
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace widepipe::dataset
