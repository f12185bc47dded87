#include "model/bundle.h"

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace widepipe::model {
namespace {

class Writer {
 public:
  void number(std::int64_t value) { raw(std::as_bytes(std::span(&value, 1))); }
  void bytes(std::span<const std::byte> value) {
    number(static_cast<std::int64_t>(value.size()));
    raw(value);
  }
  void text(const std::string& value) { bytes(std::as_bytes(std::span(value))); }
  void numbers(const std::vector<std::int64_t>& values) { bytes(std::as_bytes(std::span(values))); }
  /// A map whose values `put` writes.
  template <typename Map, typename Put>
  void map(const Map& map, const Put& put) {
    number(static_cast<std::int64_t>(map.size()));
    for (const auto& [key, value] : map) {
      text(key);
      put(value);
    }
  }
  std::vector<std::byte> take() { return std::move(out_); }

 private:
  void raw(std::span<const std::byte> value) {
    out_.insert(out_.end(), value.begin(), value.end());
  }

  std::vector<std::byte> out_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}

  std::int64_t number() {
    std::int64_t value = 0;
    std::memcpy(&value, raw(sizeof(value)).data(), sizeof(value));
    return value;
  }
  std::span<const std::byte> bytes() { return raw(static_cast<std::size_t>(number())); }
  std::string text() {
    const auto value = bytes();
    return {reinterpret_cast<const char*>(value.data()), value.size()};
  }
  std::vector<std::int64_t> numbers() {
    const auto value = bytes();
    std::vector<std::int64_t> result(value.size() / sizeof(std::int64_t));
    if (!value.empty()) std::memcpy(result.data(), value.data(), value.size());
    return result;
  }
  template <typename Map, typename Get>
  void map(Map& map, const Get& get) {
    for (std::int64_t count = number(); count > 0; --count) {
      std::string key = text();
      map.emplace(std::move(key), get());
    }
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::span<const std::byte> raw(std::size_t count) {
    if (count > rest_.size()) throw std::logic_error("a model bundle ends too early");
    const auto value = rest_.first(count);
    rest_ = rest_.subspan(count);
    return value;
  }

  std::span<const std::byte> rest_;
};

std::vector<std::byte> copy_of(std::span<const std::byte> bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::vector<std::byte> pack(const ModelBundle& bundle) {
  Writer out;
  out.text(bundle.label);
  out.bytes(bundle.bytes);
  out.map(bundle.external, [&](const auto& content) { out.bytes(content); });
  const Binding& binding = bundle.binding;
  out.map(binding.row_shapes, [&](const Shape& shape) { out.numbers(shape); });
  out.map(binding.constants, [&](const std::shared_ptr<const Tensor>& constant) {
    out.number(static_cast<std::int64_t>(constant->dtype()));
    out.numbers(constant->shape());
    out.bytes({constant->data(), constant->bytes()});
  });
  out.map(binding.batch_axes, [&](std::int64_t axis) { out.number(axis); });
  out.number(static_cast<std::int64_t>(binding.outputs.size()));
  for (const std::string& output : binding.outputs) out.text(output);
  out.text(binding.one_row_reason);
  return out.take();
}

ModelBundle unpack(std::span<const std::byte> bytes) {
  Reader in(bytes);
  ModelBundle bundle;
  bundle.label = in.text();
  bundle.bytes = copy_of(in.bytes());
  in.map(bundle.external, [&] { return copy_of(in.bytes()); });
  Binding& binding = bundle.binding;
  in.map(binding.row_shapes, [&] { return in.numbers(); });
  in.map(binding.constants, [&] {
    const auto dtype = static_cast<DType>(in.number());
    Tensor constant(dtype, in.numbers());
    const auto content = in.bytes();
    if (content.size() != constant.bytes()) throw std::logic_error("a constant has a wrong size");
    if (!content.empty()) std::memcpy(constant.data(), content.data(), content.size());
    return std::make_shared<const Tensor>(std::move(constant));
  });
  in.map(binding.batch_axes, [&] { return in.number(); });
  for (std::int64_t count = in.number(); count > 0; --count) binding.outputs.push_back(in.text());
  binding.one_row_reason = in.text();
  if (!in.at_end()) throw std::logic_error("a model bundle has bytes behind its end");
  return bundle;
}

ModelOptions options_of(const ModelBundle& bundle) {
  return {.external = bundle.external,
          .bind = [&bundle](const Declared&) { return bundle.binding; }};
}

}  // namespace widepipe::model
