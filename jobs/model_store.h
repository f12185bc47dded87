#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "jobs/model_file.h"
#include "model/bundle.h"
#include "model/model.h"

namespace widepipe::jobs {

/// The models of a job on rank 0. Each file is read once; streams that bind a model in the same
/// way share it.
class ModelStore {
 public:
  /// Of models that `device` will run.
  explicit ModelStore(std::string device) : device_(std::move(device)) {}

  using Bind = std::function<model::Binding(const model::Declared&)>;

  /// The model at `path` as `bind` says. Throws InputError.
  std::shared_ptr<const model::Model> load(const std::string& path, const Bind& bind);

  /// The files of a model that was loaded.
  std::vector<std::string> files(const std::string& path) const;

  /// All that the other ranks need to make a loaded model.
  std::vector<std::byte> packed(const std::shared_ptr<const model::Model>& model) const;
  /// Frees the files' bytes, and the models that nobody else holds.
  void clear();

 private:
  struct Loaded {
    std::string path;
    std::vector<std::byte> binding;  ///< packed: two that are equal make equal models
    std::shared_ptr<const model::Model> model;
  };

  const std::string device_;
  std::map<std::string, ModelFile> files_;  ///< by path
  std::vector<Loaded> loaded_;
};

}  // namespace widepipe::jobs
