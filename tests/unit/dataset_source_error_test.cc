// Every way in which a list of files, a window or a transform is refused.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <limits>

#include "dataset/open_source.h"
#include "hdf5_fixture.h"

namespace widepipe::dataset {
namespace {

std::string open_error(const SourceSpec& spec, const RowWindow& window = {}) {
  return error_of<InputError>([&] { open_source(spec, window); });
}

std::string open_error(const char* text, const RowWindow& window = {}) {
  return open_error({.data = parse_dataset_ref(text)}, window);
}

void make(const char* file, hid_t type, const std::vector<hsize_t>& dims) {
  Hdf5Maker(file).dataset("/x", type, dims, type, nullptr);
}

TEST(SourceErrors, ListsOfFiles) {
  const TempFolder folder;
  std::filesystem::create_directory("folder");
  make("a.h5", H5T_NATIVE_FLOAT, {4, 3});
  Hdf5Maker("b.h5").group("/y");
  spit("text.h5", "1,2,3");
  spit("folder/missing.txt", "# parts\n../a.h5\n\ngone.h5\n");
  spit("nothing.txt", "\n# a comment\n");
  spit("empty.txt", "");
  spit("lacks.txt", "a.h5\nb.h5\n");
  spit("alone.txt", "b.h5\n");
  spit("text.txt", "a.h5\na.h5\ntext.h5\n");
  const std::string lacks = "b.h5: has no data set '/x'; its data sets: none";
  const std::string expected = ", expected a text file with a file name a line";
  const struct {
    const char* name;
    std::string expected;
  } kCases[] = {
      {"part*.h5:/x", "part*.h5: no file matches"},
      {"nowhere/*.h5:/x", "nowhere/*.h5: no file matches"},
      {"a.h5/*.h5:/x", "a.h5/*.h5: no file matches"},
      {"[ab].h5:/x", lacks},
      {"@gone.txt:/x", "@gone.txt: no such file" + expected},
      {"@folder:/x", "@folder: is a folder" + expected},
      {"@:/x", "@: no such file" + expected},
      {"@empty.txt:/x", "@empty.txt: names no file"},
      {"@nothing.txt:/x", "@nothing.txt: names no file"},
      {"@folder/missing.txt:/x", "folder/missing.txt: line 4: folder/gone.h5: no such file"},
      {"@a.h5:/x", "a.h5: line 2: holds control characters, expected the name of a file"},
      {"@lacks.txt:/x", "lacks.txt: line 2: " + lacks},
      {"@alone.txt:/x", "alone.txt: line 1: " + lacks},
      {"@text.txt:/x",
       "text.txt: line 3: text.h5: is not an HDF5 file: expected the signature 89 48 44 46 0d 0a "
       "1a 0a at its start, found 31 2c 32 2c 33"},
  };
  for (const auto& c : kCases) EXPECT_EQ(open_error(c.name), c.expected) << c.name;
}

TEST(SourceErrors, FoldersThatCannotBeSearched) {
  const TempFolder folder;
  std::filesystem::create_directory("secret");
  ::chmod("secret", 0);
  std::filesystem::permissions(".", std::filesystem::perms::all);
  const bool root = ::geteuid() == 0;
  ASSERT_EQ(::seteuid(root ? 65534 : ::geteuid()), 0);  // permissions do not bind root
  const std::string error = open_error("*/a*.h5:/x");
  ASSERT_EQ(::seteuid(root ? 0 : ::geteuid()), 0);
  EXPECT_EQ(error, "*/a*.h5: folder 'secret' cannot be searched: Permission denied");
}

TEST(SourceErrors, FilesThatDiffer) {
  const TempFolder folder;
  make("a.h5", H5T_NATIVE_FLOAT, {4, 3, 5});
  make("shape.h5", H5T_NATIVE_FLOAT, {4, 5, 3});
  make("type.h5", H5T_NATIVE_DOUBLE, {4, 3, 5});
  make("order.h5", H5T_IEEE_F32BE, {4, 3, 5});
  const struct {
    const char* other;
    const char* found;
  } kCases[] = {
      {"shape.h5", "f32 [5, 3]"}, {"type.h5", "f64 [3, 5]"}, {"order.h5", "f32 big-endian [3, 5]"}};
  for (const auto& c : kCases) {
    spit("list.txt", fmt::format("a.h5\n{}\n", c.other));
    const std::string mismatch =
        fmt::format("{}:/x: expected rows of f32 [3, 5] as in a.h5:/x, found {}", c.other, c.found);
    EXPECT_EQ(open_error("@list.txt:/x"), "list.txt: line 2: " + mismatch);
    EXPECT_EQ(open_error(fmt::format("[a{}]*.h5:/x", c.other[0]).c_str()), mismatch);
  }
}

TEST(SourceErrors, Windows) {
  const TempFolder folder;
  make("a.h5", H5T_NATIVE_FLOAT, {10});
  const struct {
    RowWindow window;
    const char* expected;
  } kCases[] = {
      {{.first = 10}, "a.h5:/x: expected rows inside 0:10, found 10:"},
      {{.first = -1}, "a.h5:/x: expected rows inside 0:10, found -1:"},
      {{.end = 11}, "a.h5:/x: expected rows inside 0:10, found 0:11"},
      {{.first = 3, .end = 3}, "a.h5:/x: expected at least one row, found 3:3"},
      {{.first = 5, .end = 2}, "a.h5:/x: expected at least one row, found 5:2"},
      {{.limit = 0}, "a.h5:/x: expected a limit of at least one row, found 0"},
      {{.first = 9, .end = 10, .limit = 5}, "no error"},
  };
  for (const auto& c : kCases) EXPECT_EQ(open_error("a.h5:/x", c.window), c.expected);
}

TEST(SourceErrors, Channels) {
  const TempFolder folder;
  make("a.h5", H5T_NATIVE_UINT8, {10, 4, 5, 3});
  make("flat.h5", H5T_NATIVE_UINT8, {10});
  const double inf = std::numeric_limits<double>::infinity();
  const struct {
    SourceSpec spec;
    const char* expected;
  } kCases[] = {
      {{.data = {"a.h5", "/x"}, .scale = {1, 2}, .channels_last = true},
       "a.h5:/x: scale: expected 1 value, or 3 for the channels of [3, 4, 5], found 2"},
      {{.data = {"a.h5", "/x"}, .offset = {1, 2, 3}},
       "a.h5:/x: offset: expected 1 value, or 4 for the channels of [4, 5, 3], found 3"},
      {{.data = {"flat.h5", "/x"}, .scale = {1, 2}},
       "flat.h5:/x: scale: expected 1 value, or 1 for the channels of [], found 2"},
      {{.data = {"a.h5", "/x"}, .scale = {inf}},
       "a.h5:/x: scale: expected finite numbers, found inf"},
      {{.data = {"flat.h5", "/x"}, .channels_last = true},
       "flat.h5:/x: channels-last rows need a channel axis, found rows of one number"},
      {{.data = {"a.h5", "/x"}, .scale = {1, 2, 3, 4}}, "no error"},
  };
  for (const auto& c : kCases) EXPECT_EQ(open_error(c.spec), c.expected);
}

TEST(SourceErrors, Targets) {
  const TempFolder folder;
  make("a.h5", H5T_NATIVE_INT32, {10, 2});
  make("f.h5", H5T_NATIVE_FLOAT, {10, 2});
  const auto error = [](const SourceSpec& spec, DType as) {
    return error_of<InputError>([&] { open_source(spec, {.limit = 3})->check_readable_as(as); });
  };
  const SourceSpec plain{.data = {"a.h5", "/x"}};
  const SourceSpec scaled{.data = {"a.h5", "/x"}, .scale = {2}};
  EXPECT_EQ(error(plain, DType::kI64), "no error");
  EXPECT_EQ(error(plain, DType::kI8), "no error");
  EXPECT_EQ(error({.data = {"f.h5", "/x"}}, DType::kI8),
            "f.h5:/x: is stored as f32 and cannot be read as i8: fractions would be lost");
  EXPECT_EQ(error(scaled, DType::kF64), "no error");
  EXPECT_EQ(error(scaled, DType::kI64),
            "a.h5:/x: scale and offset give fractions: expected f32 or f64 as target, found i64");
  EXPECT_EQ(error({.data = {"a.h5", "/x"}, .offset = {1}}, DType::kBool),
            "a.h5:/x: scale and offset give fractions: expected f32 or f64 as target, found bool");
}

}  // namespace
}  // namespace widepipe::dataset
