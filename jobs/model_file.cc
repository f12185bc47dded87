#include "jobs/model_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "core/error.h"
#include "model/external_files.h"

namespace widepipe::jobs {
namespace {

namespace fs = std::filesystem;

/// `what` begins messages: "model 'm.onnx'".
std::vector<std::byte> read_bytes(const std::string& path, const std::string& what) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) {
    throw_input_error("{}: no such file", what);
  }
  if (fs::is_directory(status)) {
    throw_input_error("{}: expected an ONNX file, found a folder", what);
  }
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw_input_error("{} cannot be opened: {}", what, errno_text());
  std::vector<std::byte> bytes(static_cast<std::size_t>(file.tellg()));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file) throw_input_error("{} cannot be read: {}", what, errno_text());
  return bytes;
}

std::string beside(const std::string& model, const std::string& name) {
  return (fs::path(model).parent_path() / name).string();
}

/// A model from elsewhere must not name any file of this machine.
void check_stays_beside(const std::string& model, const std::string& name) {
  const fs::path path(name);
  const bool leaves = std::find(path.begin(), path.end(), "..") != path.end();
  if (!path.is_absolute() && !leaves) return;
  throw_input_error("model '{}': its external data '{}' is not in the model's folder", model, name);
}

}  // namespace

std::size_t ModelFile::size() const {
  return std::accumulate(
      external.begin(), external.end(), bytes.size(),
      [](std::size_t sum, const auto& file) { return sum + file.second.size(); });
}

std::string file_name(const std::string& path) { return fs::path(path).filename().string(); }

ModelFile read_model_file(const std::string& path) {
  ModelFile file{.bytes = read_bytes(path, fmt::format("model '{}'", path)), .external = {}};
  for (const std::string& name : model::external_files(file.bytes)) {
    check_stays_beside(path, name);
    file.external.emplace(
        name, read_bytes(beside(path, name),
                         fmt::format("model '{}': external data '{}'", path, beside(path, name))));
  }
  return file;
}

std::vector<std::string> files_of(const std::string& path, const ModelFile& file) {
  std::vector<std::string> files = {path};
  for (const auto& [name, bytes] : file.external) files.push_back(beside(path, name));
  return files;
}

}  // namespace widepipe::jobs
