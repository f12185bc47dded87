#include "dataset/output_file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "dataset/input_dataset.h"
#include "dataset_output_spec.h"
#include "hdf5_fixture.h"

namespace widepipe::dataset {
namespace {

std::string check(const OutputSpec& spec, std::vector<std::string> inputs = {}) {
  return error_of<InputError>([&] { check_writable(spec, inputs); });
}

std::string create(const OutputSpec& spec) {
  return error_of<InputError>([&] { create_output(spec); });
}

/// Leaves allocated memory full of garbage, so that uninitialised bytes would show.
void dirty_the_heap() {
  std::vector<std::vector<char>> blocks;
  for (int i = 0; i < 2000; ++i) blocks.emplace_back(100 + i * 7 % 5000, static_cast<char>(i));
}

TEST(OutputFile, EqualSpecsGiveEqualBytes) {
  const TempFolder folder;
  create_output(make_spec("a.h5"));
  dirty_the_heap();
  // Any time stamp would have changed.
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  create_output(make_spec("b.h5"));
  EXPECT_FALSE(slurp("a.h5").empty());
  EXPECT_EQ(slurp("a.h5"), slurp("b.h5"));
  EXPECT_FALSE(std::filesystem::exists("a.h5.part"));
}

TEST(OutputFile, HoldsWhatTheSpecSays) {
  const TempFolder folder;
  const OutputSpec spec = make_spec("out.h5");
  create_output(spec);
  const ExistingOutput existing = inspect_existing("out.h5");
  EXPECT_EQ(existing.state, OutputState::kOurs);
  EXPECT_EQ(existing.attributes,
            (StringFields{{"input", ""}, {"model", "m\u00f6del"}, {"widepipe_format", "1"}}));
  const Placement placement = locate(existing, spec);
  ASSERT_EQ(placement.column_offsets.size(), 3U);

  OutputFile file(spec);
  const std::vector<float> scores = {1, 2, 3, 4, 5, 6};
  const std::vector<std::int64_t> labels = {7, 8};
  const std::vector<std::uint8_t> flags = {1, 0, 1};
  file.write_rows(0, {3, 2}, std::as_bytes(std::span(scores)));
  file.write_rows(1, {98, 2}, std::as_bytes(std::span(labels)));
  file.write_rows(2, {0, 3}, std::as_bytes(std::span(flags)));
  file.write_status({3, 2}, RowStatus::kDone);
  file.write_status({99, 1}, RowStatus::kFailed);
  file.sync();

  std::vector<float> rows(9);
  InputDataset({"out.h5", "/net/scores"})
      .read_rows(2, 3, DType::kF32, std::as_writable_bytes(std::span(rows)));
  EXPECT_EQ(rows, (std::vector<float>{0, 0, 0, 1, 2, 3, 4, 5, 6}));
  std::vector<std::int64_t> last(3);
  InputDataset({"out.h5", "/net/labels"})
      .read_rows(97, 3, DType::kI64, std::as_writable_bytes(std::span(last)));
  EXPECT_EQ(last, (std::vector<std::int64_t>{0, 7, 8}));
  const InputDataset flag_set({"out.h5", "/flags"});
  EXPECT_EQ(flag_set.dtype_name(), "bool");
  RowSet all;
  all.add({0, 100});
  RowSet expected = all;
  expected.remove({3, 2});
  EXPECT_EQ(rows_not_marked("out.h5", placement, all, RowStatus::kDone), expected);
}

TEST(OutputFile, ColumnsBeginOnPages) {
  const TempFolder folder;
  const OutputSpec spec = make_spec("out.h5", 5000);
  create_output(spec);
  const Placement placement = locate(inspect_existing("out.h5"), spec);
  for (const std::uint64_t offset : placement.column_offsets) EXPECT_EQ(offset % 4096, 0U);
  EXPECT_EQ(placement.status_offset % 4096, 0U);
  struct stat status {};
  ::stat("out.h5", &status);
  EXPECT_GE(static_cast<std::uint64_t>(status.st_blocks) * 512, raw_bytes(spec));
}

TEST(OutputFile, RefusesRowsThatDoNotFit) {
  const TempFolder folder;
  create_output(make_spec("out.h5"));
  OutputFile file(make_spec("out.h5"));
  const std::vector<std::byte> bytes(24);
  EXPECT_EQ(error_of<RunError>([&] {
              file.write_rows(0, {99, 2}, bytes);
            }),
            "out.h5:/net/scores: 2 rows from row 99 are not inside its 100 rows");
  EXPECT_EQ(error_of<RunError>([&] {
              file.write_rows(0, {0, 1}, std::span(bytes).first(13));
            }),
            "out.h5:/net/scores: 1 rows of 12 bytes expected, got 13 bytes");
  EXPECT_EQ(error_of<RunError>([&] {
              file.write_status({98, 3}, RowStatus::kDone);
            }),
            "out.h5:/status: 3 rows from row 98 are not inside its 100 rows");
}

void limit_file_size(rlim_t bytes) {
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = std::min(bytes, limit.rlim_max);
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

/// In a process of its own: a failed close inside HDF5 must not break its exit, either.
[[noreturn]] void fail_to_create_and_exit() {
  ::signal(SIGXFSZ, SIG_IGN);
  limit_file_size(200000);
  fmt::print(stderr, "{}", create(make_spec("out.h5", 100000)));
  std::exit(0);
}

TEST(OutputFile, CreationOnAFullDisk) {
  const TempFolder folder;
  EXPECT_EXIT(fail_to_create_and_exit(), testing::ExitedWithCode(0),
              "out.h5: cannot be created: H5.*File too large");
  EXPECT_TRUE(std::filesystem::is_empty("."));
}

TEST(OutputFile, WritesOnAFullDisk) {
  const TempFolder folder;
  create_output(make_spec("small.h5"));
  OutputFile small(make_spec("small.h5"));
  const std::vector<std::byte> bytes(24);
  ::signal(SIGXFSZ, SIG_IGN);
  limit_file_size(2048);
  const std::string written = error_of<RunError>([&] { small.write_rows(0, {90, 2}, bytes); });
  limit_file_size(RLIM_INFINITY);
  ::signal(SIGXFSZ, SIG_DFL);
  EXPECT_EQ(written, "small.h5:/net/scores: cannot write rows 90 to 91: File too large");
}

TEST(CheckWritable, SpecsThatContradictThemselves) {
  const TempFolder folder;
  const struct {
    std::function<void(OutputSpec&)> change;
    const char* expected;
  } kCases[] = {
      {[](OutputSpec&) {}, "no error"},
      {[](OutputSpec& s) { s.rows = 0; }, "out.h5: no rows to write"},
      {[](OutputSpec& s) { s.columns.clear(); }, "out.h5: no outputs to write"},
      {[](OutputSpec& s) { s.columns[0].dtype = DType::kUndefined; },
       "out.h5:/net/scores: has no element type"},
      {[](OutputSpec& s) {
         s.columns[0].row_shape = {3, 0};
       },
       "out.h5:/net/scores: its rows are empty: the shape of a row is [3, 0]"},
      {[](OutputSpec& s) { s.rows = std::int64_t{1} << 62; },
       "out.h5:/net/scores: 4611686018427387904 rows of 12 bytes are beyond 63 bits"},
      {[](OutputSpec& s) { s.columns[1].path = "/net/scores"; },
       "out.h5: two outputs are to be written to '/net/scores'"},
      {[](OutputSpec& s) { s.columns[1].path = "/status"; },
       "out.h5: two outputs are to be written to '/status'"},
      {[](OutputSpec& s) { s.columns[1].path = "/net/scores/x/y"; },
       "out.h5: '/net/scores' cannot be both a data set and the group of '/net/scores/x/y'"},
      {[](OutputSpec& s) { s.status_path = "/"; },
       "out.h5: output data set '/': expected a path such as /group/data"},
      {[](OutputSpec& s) { s.rows = std::int64_t{1} << 50; },
       "out.h5: needs 22.0 PiB, but '.' has"},
  };
  for (const auto& c : kCases) {
    OutputSpec spec = make_spec("out.h5");
    c.change(spec);
    EXPECT_EQ(check(spec).substr(0, std::strlen(c.expected)), c.expected);
  }
}

TEST(CheckWritable, Places) {
  const TempFolder folder;
  const float one = 1;
  Hdf5Maker("in.h5").dataset("/x", H5T_NATIVE_FLOAT, {1}, H5T_NATIVE_FLOAT, &one);
  std::filesystem::create_hard_link("in.h5", "hard.h5");
  std::filesystem::create_symlink("in.h5", "soft.h5");
  std::filesystem::create_directory("folder.h5");
  Hdf5Maker("theirs.h5").dataset("/x", H5T_NATIVE_FLOAT, {1}, H5T_NATIVE_FLOAT, &one);
  spit("text.h5", "not mine");
  create_output(make_spec("ours.h5"));
  const std::string same = ": is the input file in.h5; outputs are never written into an input";
  const std::string foreign = ": exists and was not made by widepipe ";
  const struct {
    const char* file;
    std::string expected;
  } kCases[] = {
      {"new.h5", "no error"},
      {"ours.h5", "no error"},
      {"nowhere/out.h5", "nowhere/out.h5: its folder 'nowhere' does not exist; create it first"},
      {"text.h5/out.h5", "text.h5/out.h5: 'text.h5' is not a folder"},
      {"folder.h5", "folder.h5: is a folder, expected the name of a file"},
      {"in.h5", "in.h5" + same},
      {"hard.h5", "hard.h5" + same},
      {"soft.h5", "soft.h5" + same},
      {"theirs.h5",
       "theirs.h5" + foreign + "(it has no attribute 'widepipe_format'); choose another name"},
      {"text.h5",
       "text.h5" + foreign +
           "(it is not an HDF5 file: expected the signature 89 48 44 46 0d 0a 1a 0a at its start, "
           "found 6e 6f 74 20 6d 69 6e 65); choose another name"},
  };
  for (const auto& c : kCases) EXPECT_EQ(check(make_spec(c.file), {"in.h5"}), c.expected);

  std::filesystem::create_directory("closed");
  ::chmod("closed", 0555);
  std::filesystem::permissions(".", std::filesystem::perms::all);
  const bool root = ::geteuid() == 0;
  ASSERT_EQ(::seteuid(root ? 65534 : ::geteuid()), 0);  // permissions do not bind root
  const std::string closed = check(make_spec("closed/out.h5"));
  ASSERT_EQ(::seteuid(root ? 0 : ::geteuid()), 0);
  EXPECT_EQ(closed, "closed/out.h5: its folder 'closed' cannot be written to: Permission denied");
}

TEST(InspectExisting, States) {
  const TempFolder folder;
  create_output(make_spec("ours.h5"));
  const std::string bytes = slurp("ours.h5");
  spit("cut.h5", bytes.substr(0, bytes.size() - 1));
  // The end of file in the superblock agrees, the data do not fit.
  std::string shorter = bytes.substr(0, 5000);
  const std::uint64_t end = shorter.size();
  std::memcpy(shorter.data() + 40, &end, sizeof(end));
  spit("shorter.h5", shorter);
  std::string broken = bytes;
  broken[96] = '\xff';  // version of the root's object header
  spit("broken.h5", broken);
  std::filesystem::create_directory("folder.h5");

  const struct {
    const char* file;
    OutputState state;
    std::string problem;
  } kCases[] = {
      {"none.h5", OutputState::kAbsent, ""},
      {"ours.h5", OutputState::kOurs, ""},
      {"cut.h5", OutputState::kDamaged,
       fmt::format("it is truncated: its superblock says {} bytes, found {}", bytes.size(),
                   bytes.size() - 1)},
      {"broken.h5", OutputState::kDamaged, "its structure cannot be read: "},
      {"shorter.h5", OutputState::kDamaged, "it"},
      {"folder.h5", OutputState::kForeign, "it is a folder"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.file);
    const ExistingOutput existing = inspect_existing(c.file);
    EXPECT_EQ(existing.state, c.state);
    EXPECT_EQ(existing.problem.substr(0, c.problem.size()), c.problem) << existing.problem;
  }
}

TEST(InspectExisting, OtherFormatVersion) {
  const TempFolder folder;
  {
    Hdf5Maker maker("newer.h5");
    const Hdf5Type type("H5Tcopy", H5Tcopy(H5T_C_S1));
    const Hdf5Space scalar("H5Screate", H5Screate(H5S_SCALAR));
    const Hdf5Attribute marker("H5Acreate2", H5Acreate2(maker.id(), "widepipe_format", type.get(),
                                                        scalar.get(), H5P_DEFAULT, H5P_DEFAULT));
    H5Awrite(marker.get(), type.get(), "2");
  }
  const ExistingOutput existing = inspect_existing("newer.h5");
  EXPECT_EQ(existing.state, OutputState::kForeign);
  EXPECT_EQ(existing.problem,
            "its attribute 'widepipe_format' is '2', and this version of widepipe writes '1'");
}

TEST(OutputFile, RefusesFilesOfOtherJobs) {
  const TempFolder folder;
  create_output(make_spec("out.h5"));
  const std::string advice = "; choose another name, or use --restart to begin anew";
  const struct {
    std::function<void(OutputSpec&)> change;
    std::string expected;
  } kCases[] = {
      {[](OutputSpec& s) { s.columns[0].path = "/other"; },
       "out.h5: was made by another job: it has no data set '/other'"},
      {[](OutputSpec& s) { s.columns[0].dtype = DType::kF64; },
       "out.h5: was made by another job: '/net/scores' is f32 [100, 3], this job writes f64 [100, "
       "3]"},
      {[](OutputSpec& s) { s.columns[0].row_shape = {4}; },
       "out.h5: was made by another job: '/net/scores' is f32 [100, 3], this job writes f32 [100, "
       "4]"},
      {[](OutputSpec& s) { s.attributes[0].second = "x"; },
       "out.h5: was made by another job: its attribute 'model' is not 'x'"},
  };
  for (const auto& c : kCases) {
    OutputSpec spec = make_spec("out.h5");
    c.change(spec);
    EXPECT_EQ(error_of<InputError>([&] { OutputFile file(spec); }), c.expected + advice);
  }
  EXPECT_EQ(error_of<InputError>([] { OutputFile file(make_spec("none.h5")); }),
            "none.h5: no such file");
}

}  // namespace
}  // namespace widepipe::dataset
