#pragma once

#include <string>
#include <utility>
#include <vector>

namespace widepipe::dataset {

/// Named texts in the order in which a person should read them.
using StringFields = std::vector<std::pair<std::string, std::string>>;

}  // namespace widepipe::dataset
