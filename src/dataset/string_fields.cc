#include "dataset/string_fields.h"

#include <algorithm>

namespace widepipe::dataset {

const std::string* find_field(const StringFields& fields, const std::string& name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const auto& field) { return field.first == name; });
  return found == fields.end() ? nullptr : &found->second;
}

}  // namespace widepipe::dataset
