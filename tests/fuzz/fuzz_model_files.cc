// Any bytes as the external data references of a model: no file outside of the model's folder is
// read. The input is one name a line, as a model may have them.

#include <onnx/onnx_pb.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "core/error.h"
#include "jobs/model_file.h"
#include "tests/fuzz/fuzz_check.h"

namespace {

using namespace widepipe;
namespace fs = std::filesystem;

constexpr std::string_view kSecret = "a file that no model may name";

/// A folder with a model's folder in it, and files on all levels.
class Scene {
 public:
  Scene() : top_(fs::temp_directory_path() / ("fuzz-model-files-" + std::to_string(::getpid()))) {
    fs::create_directories(folder() / "sub");
    for (const fs::path& place : {top_ / "a", top_ / "model2"}) std::ofstream(place) << kSecret;
    for (const fs::path& place : {folder() / "a", folder() / "sub/a"})
      std::ofstream(place) << "mine";
  }
  ~Scene() { fs::remove_all(top_); }

  fs::path folder() const { return top_ / "model"; }
  const fs::path& top() const { return top_; }

 private:
  fs::path top_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Scene scene;
  onnx::ModelProto model;
  std::string_view left(reinterpret_cast<const char*>(data), size);
  while (!left.empty()) {
    const std::string_view name = left.substr(0, left.find('\n'));
    left.remove_prefix(std::min(name.size() + 1, left.size()));
    onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    onnx::StringStringEntryProto& entry = *tensor.add_external_data();
    entry.set_key("location");
    std::string location(name);
    // So that absolute names have something to find.
    if (const auto at = location.find("TOP"); at != std::string::npos) {
      location.replace(at, 3, scene.top().string());
    }
    entry.set_value(location);
  }
  const std::string path = (scene.folder() / "m.onnx").string();
  std::ofstream(path, std::ios::binary) << model.SerializeAsString();
  try {
    const jobs::ModelFile file = jobs::read_model_file(path);
    for (const auto& [name, bytes] : file.external) {
      const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      fuzz::check(text != kSecret, "a model reads files of its own folder alone");
    }
  } catch (const InputError&) {  // as it should be
  }
  return 0;
}
