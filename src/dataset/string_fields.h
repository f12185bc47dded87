#pragma once

#include <string>
#include <utility>
#include <vector>

namespace widepipe::dataset {

/// Named texts in the order in which a person should read them.
using StringFields = std::vector<std::pair<std::string, std::string>>;

/// The value of a field; null if there is none.
const std::string* find_field(const StringFields& fields, const std::string& name);

}  // namespace widepipe::dataset
