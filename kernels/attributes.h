#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/tensor.h"

namespace widepipe::kernels {

/// An operator's attributes, as ONNX names them. Asking for an attribute with another type than
/// it has throws InputError that names it; an absent one gives the default.
class Attributes {
 public:
  using Value =
      std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>,
                   std::vector<std::string>, std::shared_ptr<const Tensor>>;

  void set(std::string name, Value value) { values_[std::move(name)] = std::move(value); }
  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }

  std::int64_t integer(std::string_view name, std::int64_t absent) const;
  float real(std::string_view name, float absent) const;
  std::string text(std::string_view name, std::string_view absent) const;
  std::vector<std::int64_t> integers(std::string_view name,
                                     std::vector<std::int64_t> absent = {}) const;
  std::vector<float> reals(std::string_view name, std::vector<float> absent = {}) const;
  std::vector<std::string> texts(std::string_view name) const;
  /// Null when absent.
  std::shared_ptr<const Tensor> tensor(std::string_view name) const;

  const std::map<std::string, Value, std::less<>>& all() const { return values_; }

 private:
  std::map<std::string, Value, std::less<>> values_;
};

}  // namespace widepipe::kernels
