#include "dataset/dataset_ref.h"

#include <gtest/gtest.h>

#include "hdf5_fixture.h"

namespace widepipe::dataset {
namespace {

TEST(DatasetRef, ParsesAndPrints) {
  const struct {
    const char* text;
    DatasetRef expected;
  } kCases[] = {
      {"in.h5:/data", {"in.h5", "/data"}},
      {"/abs/in.h5:/a/b/c", {"/abs/in.h5", "/a/b/c"}},
      {"odd:/name.h5:/data", {"odd:/name.h5", "/data"}},
      {"in.h5:/group/", {"in.h5", "/group"}},
      {"in.h5:/", {"in.h5", "/"}},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.text);
    const DatasetRef ref = parse_dataset_ref(c.text);
    EXPECT_EQ(ref, c.expected);
    EXPECT_EQ(parse_dataset_ref(to_string(ref)), ref);
  }
}

TEST(DatasetRef, RefusesWithTheExpectedForm) {
  const std::string form = "; expected FILE.h5:/path/of/data, as in images.h5:/train/x";
  const struct {
    const char* text;
    const char* why;
  } kCases[] = {
      {"", "'': names no data set"},
      {"in.h5", "'in.h5': names no data set"},
      {"in.h5:data", "'in.h5:data': names no data set"},
      {":/data", "':/data': names no file"},
      {"http://host/x", "'http://host/x': has an empty name in its path"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(error_of<InputError>([&] { parse_dataset_ref(c.text); }), c.why + form);
  }
}

}  // namespace
}  // namespace widepipe::dataset
