#include "kernels/attributes.h"

#include <array>

#include "core/error.h"

namespace widepipe::kernels {
namespace {

/// In the order of the alternatives of Attributes::Value.
constexpr std::array<std::string_view, 7> kTypeNames = {
    "an integer",       "a float",           "a string", "a list of integers",
    "a list of floats", "a list of strings", "a tensor"};
static_assert(kTypeNames.size() == std::variant_size_v<Attributes::Value>);

/// The attribute's value, or null if it is absent.
template <typename T>
const T* find(const std::map<std::string, Attributes::Value, std::less<>>& values,
              std::string_view name) {
  const auto found = values.find(name);
  if (found == values.end()) return nullptr;
  if (const T* value = std::get_if<T>(&found->second)) return value;
  throw_input_error("attribute {}: expected {}, found {}", name,
                    kTypeNames[Attributes::Value(T{}).index()], kTypeNames[found->second.index()]);
}

}  // namespace

std::int64_t Attributes::integer(std::string_view name, std::int64_t absent) const {
  const auto* value = find<std::int64_t>(values_, name);
  return value == nullptr ? absent : *value;
}

float Attributes::real(std::string_view name, float absent) const {
  const auto* value = find<float>(values_, name);
  return value == nullptr ? absent : *value;
}

std::string Attributes::text(std::string_view name, std::string_view absent) const {
  const auto* value = find<std::string>(values_, name);
  return value == nullptr ? std::string(absent) : *value;
}

std::vector<std::int64_t> Attributes::integers(std::string_view name,
                                               std::vector<std::int64_t> absent) const {
  const auto* value = find<std::vector<std::int64_t>>(values_, name);
  if (value == nullptr) return absent;
  return *value;
}

std::vector<float> Attributes::reals(std::string_view name, std::vector<float> absent) const {
  const auto* value = find<std::vector<float>>(values_, name);
  if (value == nullptr) return absent;
  return *value;
}

std::vector<std::string> Attributes::texts(std::string_view name) const {
  const auto* value = find<std::vector<std::string>>(values_, name);
  return value == nullptr ? std::vector<std::string>{} : *value;
}

std::shared_ptr<const Tensor> Attributes::tensor(std::string_view name) const {
  const auto* value = find<std::shared_ptr<const Tensor>>(values_, name);
  return value == nullptr ? nullptr : *value;
}

}  // namespace widepipe::kernels
