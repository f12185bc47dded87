#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace widepipe::jobs {

/// The bytes of a model file. Throws InputError: missing, a folder, unreadable.
std::vector<std::byte> read_model_file(const std::string& path);

/// The last part of a path: what messages call a model.
std::string file_name(const std::string& path);

}  // namespace widepipe::jobs
