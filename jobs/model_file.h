#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/external_files.h"

namespace widepipe::jobs {

/// A model as it lies on disk.
struct ModelFile {
  std::vector<std::byte> bytes;
  model::ExternalFiles external;  ///< files beside it that hold elements of its tensors

  std::size_t size() const;  ///< bytes of all files
};

/// Reads a model and the files beside it that it names. Throws InputError: missing, a folder,
/// unreadable, a name that leads out of the model's folder.
ModelFile read_model_file(const std::string& path);

/// The files that were read: the model, then those beside it.
std::vector<std::string> files_of(const std::string& path, const ModelFile& file);

/// The last part of a path: what messages call a model.
std::string file_name(const std::string& path);

}  // namespace widepipe::jobs
