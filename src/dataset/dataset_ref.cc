#include "dataset/dataset_ref.h"

#include "core/error.h"

namespace widepipe::dataset {

DatasetRef parse_dataset_ref(std::string_view text) {
  const auto refuse = [text](std::string_view why) {
    throw_input_error("'{}': {}; expected FILE.h5:/path/of/data, as in images.h5:/train/x", text,
                      why);
  };
  const std::size_t colon = text.rfind(":/");
  if (colon == std::string_view::npos) refuse("names no data set");
  if (colon == 0) refuse("names no file");

  DatasetRef ref{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
  if (ref.path.find("//") != std::string::npos) refuse("has an empty name in its path");
  if (ref.path.size() > 1 && ref.path.back() == '/') ref.path.pop_back();
  return ref;
}

std::string to_string(const DatasetRef& ref) { return ref.file + ":" + ref.path; }

}  // namespace widepipe::dataset
