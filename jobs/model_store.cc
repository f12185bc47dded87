#include "jobs/model_store.h"

#include <algorithm>
#include <utility>

#include "device/device_list.h"

namespace widepipe::jobs {

std::shared_ptr<const model::Model> ModelStore::load(const std::string& path, const Bind& bind) {
  auto file = files_.find(path);
  if (file == files_.end()) file = files_.emplace(path, read_model_file(path)).first;
  auto made = device::import_model(device_, file->second.bytes, file_name(path),
                                   {.external = file->second.external, .bind = bind});
  std::vector<std::byte> binding =
      model::pack({.label = {}, .bytes = {}, .external = {}, .binding = made->binding()});
  const auto same = std::find_if(loaded_.begin(), loaded_.end(), [&](const Loaded& other) {
    return other.path == path && other.binding == binding;
  });
  if (same != loaded_.end()) return same->model;
  loaded_.push_back({path, std::move(binding), made});
  return made;
}

void ModelStore::clear() {
  files_.clear();
  loaded_.clear();
}

std::vector<std::string> ModelStore::files(const std::string& path) const {
  return files_of(path, files_.at(path));
}

std::vector<std::byte> ModelStore::packed(const std::shared_ptr<const model::Model>& model) const {
  const auto loaded = std::find_if(loaded_.begin(), loaded_.end(),
                                   [&](const Loaded& one) { return one.model == model; });
  const ModelFile& file = files_.at(loaded->path);
  return model::pack({.label = model->label(),
                      .bytes = file.bytes,
                      .external = file.external,
                      .binding = model->binding()});
}

}  // namespace widepipe::jobs
