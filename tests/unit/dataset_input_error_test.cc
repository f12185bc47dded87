// Every way in which an input cannot be used, with the text that the user reads.

#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cstring>

#include "dataset/hdf5_tree.h"
#include "dataset/input_dataset.h"
#include "dataset/posix_file.h"
#include "hdf5_fixture.h"

namespace widepipe::dataset {
namespace {

std::string open_error(const std::string& text) {
  return error_of<InputError>([&] { InputDataset dataset(parse_dataset_ref(text)); });
}

TEST(InputErrors, Files) {
  const TempFolder folder;
  std::filesystem::create_directory("folder.h5");
  ::mkfifo("fifo.h5", 0600);
  spit("empty.h5", "");
  spit("numpy.h5", "\x93NUMPY\x01");
  spit("short.h5", "ab");
  const std::string signature = "expected the signature 89 48 44 46 0d 0a 1a 0a at its start, ";
  const struct {
    const char* ref;
    std::string expected;
  } kCases[] = {
      {"missing.h5:/x", "missing.h5: no such file"},
      {"empty.h5/inside.h5:/x", "empty.h5/inside.h5: cannot be opened: Not a directory"},
      {"folder.h5:/x", "folder.h5: is a folder, expected an HDF5 file"},
      {"fifo.h5:/x", "fifo.h5: is not a regular file, expected an HDF5 file"},
      {"empty.h5:/x", "empty.h5: is empty, expected an HDF5 file"},
      {"numpy.h5:/x", "numpy.h5: is not an HDF5 file: " + signature + "found 93 4e 55 4d 50 59 01"},
      {"short.h5:/x", "short.h5: is not an HDF5 file: " + signature + "found 61 62"},
  };
  for (const auto& c : kCases) EXPECT_EQ(open_error(c.ref), c.expected);
}

TEST(InputErrors, NoPermission) {
  const TempFolder folder;
  Hdf5Maker("secret.h5").group("/g");
  ::chmod("secret.h5", 0);
  std::filesystem::permissions(".", std::filesystem::perms::all);
  const bool root = ::geteuid() == 0;
  ASSERT_EQ(::seteuid(root ? 65534 : ::geteuid()), 0);  // permissions do not bind root
  const std::string error = open_error("secret.h5:/x");
  ASSERT_EQ(::seteuid(root ? 0 : ::geteuid()), 0);
  EXPECT_EQ(error, "secret.h5: no permission to read it");
}

TEST(InputErrors, OpenForWritingElsewhere) {
  const TempFolder folder;
  Hdf5Maker("busy.h5").group("/g");
  const UniqueFd holder(::open("busy.h5", O_RDWR));
  ASSERT_EQ(::flock(holder.get(), LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(open_error("busy.h5:/x"), "busy.h5: another program has it open for writing");
}

TEST(InputErrors, TruncatedFile) {
  const std::vector<float> values(4096, 1.0F);
  for (const bool latest : {false, true}) {
    for (const hsize_t user_block : {hsize_t{0}, hsize_t{1024}}) {
      SCOPED_TRACE(testing::Message() << "latest " << latest << ", user block " << user_block);
      const TempFolder folder;
      {
        const Hdf5Session session;
        const Hdf5Properties creation = make_properties(H5P_FILE_CREATE);
        const Hdf5Properties access = make_properties(H5P_FILE_ACCESS);
        H5Pset_userblock(creation.get(), user_block);
        if (latest) H5Pset_libver_bounds(access.get(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
        const Hdf5File file("H5Fcreate",
                            H5Fcreate("cut.h5", H5F_ACC_TRUNC, creation.get(), access.get()));
        const hsize_t dims[] = {4096};
        const Hdf5Space space("H5Screate_simple", H5Screate_simple(1, dims, nullptr));
        const Hdf5Dataset dataset(
            "H5Dcreate2", H5Dcreate2(file.get(), "/x", H5T_NATIVE_FLOAT, space.get(), H5P_DEFAULT,
                                     H5P_DEFAULT, H5P_DEFAULT));
        H5Dwrite(dataset.get(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
      }
      const auto size = std::filesystem::file_size("cut.h5");
      EXPECT_EQ(open_error("cut.h5:/x"), "no error");
      std::filesystem::resize_file("cut.h5", size - 100);
      EXPECT_EQ(open_error("cut.h5:/x"),
                fmt::format("cut.h5: is truncated: its superblock says {} bytes, found {}", size,
                            size - 100));
    }
  }
}

TEST(InputErrors, DataBeyondTheEndOfTheFile) {
  const TempFolder folder;
  const std::vector<float> values(4096, 1.0F);
  Hdf5Maker("cut.h5").dataset("/x", H5T_NATIVE_FLOAT, {4096}, H5T_NATIVE_FLOAT, values.data());
  std::string offset = InputDataset({"cut.h5", "/x"}).describe()[2].second;
  ASSERT_EQ(offset, "contiguous at byte 2048");
  // Shorten the file and let the superblock (version 0: end of file in bytes 40 to 47) agree.
  std::string bytes = slurp("cut.h5").substr(0, 10000);
  const std::uint64_t end = bytes.size();
  std::memcpy(bytes.data() + 40, &end, sizeof(end));
  spit("cut.h5", bytes);
  EXPECT_EQ(open_error("cut.h5:/x"),
            "cut.h5:/x: is truncated: its 16384 bytes of data begin at byte 2048, but the file has "
            "10000 bytes");
}

TEST(InputErrors, Paths) {
  const TempFolder folder;
  const std::vector<float> values(10, 0.0F);
  {
    Hdf5Maker maker("in.h5");
    for (const char* path : {"/train/images", "/train/labels", "/test/images"}) {
      maker.dataset(path, H5T_NATIVE_FLOAT, {5, 2}, H5T_NATIVE_FLOAT, values.data());
    }
    maker.group("/nothing");
    const Hdf5Type type("H5Tcopy", H5Tcopy(H5T_NATIVE_INT));
    H5Tcommit2(maker.id(), "/type", type.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/gone", maker.id(), "/dangling", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("other.h5", "/x", maker.id(), "/external", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("other.h5", "/", maker.id(), "/all", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("pipe", "/", maker.id(), "/pipe", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/all/x", maker.id(), "/by_way_of", H5P_DEFAULT, H5P_DEFAULT);
  }
  ASSERT_EQ(::mkfifo("pipe", 0600), 0);  // whoever opens it to read waits for a writer
  Hdf5Maker("other.h5").dataset("/x", H5T_NATIVE_FLOAT, {5}, H5T_NATIVE_FLOAT, values.data());
  Hdf5Maker("empty.h5").group("/g");
  {
    Hdf5Maker maker("many.h5");
    for (int i = 0; i < 11; ++i) {
      maker.dataset(fmt::format("/d{:02}", i), H5T_NATIVE_INT, {1}, H5T_NATIVE_FLOAT,
                    values.data());
    }
  }
  const std::string list =
      "/test/images (f32 [5, 2]), /train/images (f32 [5, 2]), /train/labels (f32 [5, 2])";
  const struct {
    const char* ref;
    std::string expected;
  } kCases[] = {
      {"in.h5:/train/image",
       "in.h5: has no data set '/train/image' (did you mean '/train/images'?); its data sets: " +
           list},
      {"in.h5:/labels",
       "in.h5: has no data set '/labels' (did you mean '/train/labels'?); its data sets: " + list},
      {"in.h5:/zzzzzzzzzzzz", "in.h5: has no data set '/zzzzzzzzzzzz'; its data sets: " + list},
      {"in.h5:/train/images/x",
       "in.h5: has no data set '/train/images/x' (did you mean '/train/images'?); its data sets: " +
           list},
      {"in.h5:/train",
       "in.h5:/train: is a group, expected a data set; data sets in it: /train/images (f32 [5, "
       "2]), /train/labels (f32 [5, 2])"},
      {"in.h5:/nothing", "in.h5:/nothing: is a group, expected a data set; data sets in it: none"},
      {"empty.h5:/", "empty.h5:/: is a group, expected a data set; data sets in it: none"},
      {"in.h5:/type", "in.h5:/type: is a named type, expected a data set"},
      {"in.h5:/dangling", "in.h5:/dangling: is a link to something that does not exist"},
      {"in.h5:/external", "in.h5:/external: is a link into another file; name that file instead"},
      {"in.h5:/all", "in.h5:/all: is a link into another file; name that file instead"},
      {"in.h5:/all/x", "in.h5:/all/x: is a link into another file; name that file instead"},
      {"in.h5:/all/none", "in.h5:/all/none: is a link into another file; name that file instead"},
      {"in.h5:/pipe/x", "in.h5:/pipe/x: is a link into another file; name that file instead"},
      {"in.h5:/by_way_of", "in.h5:/by_way_of: is a link into another file; name that file instead"},
      {"many.h5:/other",
       "many.h5: has no data set '/other'; its data sets: /d00 (i32 [1]), /d01 (i32 [1]), /d02 "
       "(i32 [1]), /d03 (i32 [1]), /d04 (i32 [1]), /d05 (i32 [1]), /d06 (i32 [1]), /d07 (i32 [1]) "
       "and 3 more"},
  };
  for (const auto& c : kCases) EXPECT_EQ(open_error(c.ref), c.expected);
  EXPECT_EQ(list_datasets("in.h5").size(), 3U);
}

TEST(InputErrors, TypesAndShapes) {
  const TempFolder folder;
  {
    Hdf5Maker maker("in.h5");
    const auto add = [&](const char* path, hid_t type) {
      maker.dataset(path, type, {4}, type, nullptr);
    };
    const Hdf5Type text("H5Tcopy", H5Tcopy(H5T_C_S1));
    H5Tset_size(text.get(), H5T_VARIABLE);
    const Hdf5Type record("H5Tcreate", H5Tcreate(H5T_COMPOUND, 8));
    H5Tinsert(record.get(), "a", 0, H5T_NATIVE_FLOAT);
    const Hdf5Type color("H5Tenum_create", H5Tenum_create(H5T_NATIVE_INT8));
    const std::int8_t red = 0;
    H5Tenum_insert(color.get(), "RED", &red);
    const hsize_t three = 3;
    const Hdf5Type array("H5Tarray_create2", H5Tarray_create2(H5T_NATIVE_FLOAT, 1, &three));
    const Hdf5Type list("H5Tvlen_create", H5Tvlen_create(H5T_NATIVE_FLOAT));
    const Hdf5Type opaque("H5Tcreate", H5Tcreate(H5T_OPAQUE, 4));
    add("/text", text.get());
    add("/record", record.get());
    add("/color", color.get());
    add("/array", array.get());
    add("/list", list.get());
    add("/opaque", opaque.get());
    add("/ref", H5T_STD_REF_OBJ);
    add("/bits", H5T_NATIVE_B8);
    add("/long", H5T_NATIVE_LDOUBLE);
    const float one = 1;
    maker.dataset("/scalar", H5T_NATIVE_FLOAT, {}, H5T_NATIVE_FLOAT, &one);
    maker.dataset("/norows", H5T_NATIVE_FLOAT, {0, 3}, H5T_NATIVE_FLOAT, nullptr);
    maker.dataset("/thin", H5T_NATIVE_FLOAT, {3, 0}, H5T_NATIVE_FLOAT, nullptr);
    maker.null_dataset("/null");
  }
  const std::string numbers = ", expected numbers of 8 to 64 bits";
  const struct {
    const char* path;
    std::string expected;
  } kCases[] = {
      {"text", "its type is a string" + numbers},
      {"record", "its type is a compound type" + numbers},
      {"color", "its type is an enumeration" + numbers},
      {"array", "its type is an array type" + numbers},
      {"list", "its type is a variable-length list" + numbers},
      {"opaque", "its type is opaque bytes" + numbers},
      {"ref", "its type is a reference" + numbers},
      {"bits", "its type is a bit field" + numbers},
      {"long", "its type is a float of 80 bits" + numbers},
      {"scalar", "is a single value, expected rows on axis 0"},
      {"null", "is empty (a null data space), expected rows on axis 0"},
      {"norows", "has no rows: its shape is [0, 3]"},
      {"thin", "its rows are empty: its shape is [3, 0]"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(open_error(fmt::format("in.h5:/{}", c.path)),
              fmt::format("in.h5:/{}: {}", c.path, c.expected));
  }
}

TEST(InputErrors, StorageThatCannotBeRead) {
  const TempFolder folder;
  const std::vector<float> values(16, 1.0F);
  constexpr H5Z_filter_t kOwnFilter = 501;
  const H5Z_class2_t own = {H5Z_CLASS_T_VERS,
                            kOwnFilter,
                            1,
                            1,
                            "house",
                            nullptr,
                            nullptr,
                            [](unsigned, std::size_t, const unsigned*, std::size_t bytes,
                               std::size_t*, void**) { return bytes; }};
  {
    Hdf5Maker maker("in.h5");
    H5Zregister(&own);
    for (const auto& [path, filter] : {std::pair("/zstd", 32015), std::pair("/own", kOwnFilter)}) {
      maker.dataset(path, H5T_NATIVE_FLOAT, {16}, H5T_NATIVE_FLOAT, values.data(),
                    [filter = filter](hid_t properties) {
                      chunked({4})(properties);
                      H5Pset_filter(properties, filter, H5Z_FLAG_OPTIONAL, 0, nullptr);
                    });
    }
    maker.dataset("/raw", H5T_NATIVE_FLOAT, {16}, H5T_NATIVE_FLOAT, values.data(),
                  [](hid_t properties) { H5Pset_external(properties, "raw.bin", 0, 64); });
    const hsize_t dims[] = {16};
    maker.dataset("/source", H5T_NATIVE_FLOAT, {16}, H5T_NATIVE_FLOAT, values.data());
    maker.dataset("/virtual", H5T_NATIVE_FLOAT, {16}, H5T_NATIVE_FLOAT, nullptr,
                  [&](hid_t properties) {
                    const Hdf5Space all("H5Screate_simple", H5Screate_simple(1, dims, nullptr));
                    checked("H5Pset_virtual",
                            H5Pset_virtual(properties, all.get(), "in.h5", "/source", all.get()));
                  });
  }
  {
    const Hdf5Session session;
    H5Zunregister(kOwnFilter);
  }
  const std::string plugin =
      ", which is not installed; set HDF5_PLUGIN_PATH to a folder with its plug-in, or rewrite the "
      "file with h5repack -f GZIP=4";
  const struct {
    const char* path;
    std::string expected;
  } kCases[] = {
      {"zstd", "is compressed with the filter 'zstd' (id 32015)" + plugin},
      {"own", "is compressed with the filter 'house' (id 501)" + plugin},
      {"raw",
       "keeps its values in external raw files, which is not supported; copy it into one file with "
       "h5repack -l CONTI"},
      {"virtual",
       "is a virtual data set whose values lie in other files, which is not supported; copy it "
       "into one file with h5repack -l CONTI"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(open_error(fmt::format("in.h5:/{}", c.path)),
              fmt::format("in.h5:/{}: {}", c.path, c.expected));
  }
}

TEST(InputErrors, UnsafeConversions) {
  const TempFolder folder;
  const std::vector<std::int64_t> values(4, 1);
  {
    Hdf5Maker maker("in.h5");
    maker.dataset("/i64", H5T_NATIVE_INT64, {4}, H5T_NATIVE_INT64, values.data());
    maker.dataset("/be", H5T_STD_I32BE, {4}, H5T_NATIVE_INT64, values.data());
    maker.dataset("/f64", H5T_NATIVE_DOUBLE, {4}, H5T_NATIVE_INT64, values.data());
  }
  const struct {
    const char* path;
    DType as;
    const char* expected;
  } kCases[] = {
      {"/i64", DType::kF32, "no error"},
      {"/i64", DType::kI32, "no error"},
      {"/be", DType::kBool, "no error"},
      {"/f64", DType::kI64,
       "in.h5:/f64: is stored as f64 and cannot be read as i64: fractions would be lost"},
  };
  for (const auto& c : kCases) {
    const InputDataset dataset({"in.h5", c.path});
    EXPECT_EQ(error_of<InputError>([&] { dataset.check_readable_as(c.as); }), c.expected);
  }
}

}  // namespace
}  // namespace widepipe::dataset
