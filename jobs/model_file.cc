#include "jobs/model_file.h"

#include <filesystem>
#include <fstream>

#include "core/error.h"

namespace widepipe::jobs {

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

std::vector<std::byte> read_model_file(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    throw_input_error("model '{}': no such file", path);
  }
  if (std::filesystem::is_directory(status)) {
    throw_input_error("model '{}': expected an ONNX file, found a folder", path);
  }
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw_input_error("model '{}' cannot be opened: {}", path, errno_text());
  std::vector<std::byte> bytes(static_cast<std::size_t>(file.tellg()));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file) throw_input_error("model '{}' cannot be read: {}", path, errno_text());
  return bytes;
}

}  // namespace widepipe::jobs
