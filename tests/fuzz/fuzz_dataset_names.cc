// Any bytes as the name of a data set: no other file than the one that is named is opened, though
// it has links into others. What would be read from another shows in the values.

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/error.h"
#include "dataset/input_dataset.h"
#include "dataset/output_spec.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/unit/hdf5_fixture.h"

namespace {

using namespace widepipe;
namespace fs = std::filesystem;

constexpr float kMine = 1;
constexpr float kSecret = 2;

/// A file with links of all sorts, and another that it must not lead to.
class Scene {
 public:
  Scene() : folder_(fs::temp_directory_path() / ("fuzz-names-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    const std::string other = folder_ / "b.h5";
    dataset::Hdf5Maker(other).dataset("/a", H5T_NATIVE_FLOAT, {1}, H5T_NATIVE_FLOAT, &kSecret);
    dataset::Hdf5Maker maker(file());
    for (const char* path : {"/a", "/g/a", "/g/h/a"}) {
      maker.dataset(path, H5T_NATIVE_FLOAT, {1}, H5T_NATIVE_FLOAT, &kMine);
    }
    const auto link = [&](const char* target_file, const char* target, const char* name) {
      H5Lcreate_external(target_file, target, maker.id(), name, H5P_DEFAULT, H5P_DEFAULT);
    };
    link(other.c_str(), "/a", "/e");
    link("b.h5", "/", "/g/e");
    link("a.h5", "/", "/g/self");
    H5Lcreate_soft("/g/e/a", maker.id(), "/s", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/g", maker.id(), "/g/h/up", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/loop", maker.id(), "/loop", H5P_DEFAULT, H5P_DEFAULT);
  }
  ~Scene() { fs::remove_all(folder_); }

  std::string file() const { return folder_ / "a.h5"; }

 private:
  const fs::path folder_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Scene scene;
  const std::string name(reinterpret_cast<const char*>(data), size);
  try {
    const dataset::DatasetRef ref = dataset::parse_dataset_ref(scene.file() + ":/" + name);
    fuzz::check(ref.file.starts_with(scene.file()), "the file is the one that was named");
    if (ref.file != scene.file()) return 0;  // "a.h5:/x:/y"
    const dataset::InputDataset rows(ref);
    float value = 0;
    rows.read_rows(0, 1, DType::kF32, std::as_writable_bytes(std::span(&value, 1)));
    fuzz::check(value == kMine, "a name leads to data of its own file alone");
  } catch (const InputError&) {  // as it should be
  }
  return 0;
}
