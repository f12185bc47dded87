#include "kernels/kernel.h"

#include <fmt/format.h>

#include <utility>

namespace widepipe::kernels {

std::string_view name_of(Layout layout) {
  switch (layout) {
    case Layout::kBlocked8:
      return "blocked8";
    case Layout::kBlocked16:
      return "blocked16";
    case Layout::kPlain:
      break;
  }
  return "plain";
}

std::int64_t channel_block(Layout layout) {
  switch (layout) {
    case Layout::kBlocked8:
      return 8;
    case Layout::kBlocked16:
      return 16;
    case Layout::kPlain:
      break;
  }
  return 1;
}

std::size_t TensorDesc::bytes() const {
  Shape padded = shape;
  if (padded.size() > 1) {
    padded[1] = static_cast<std::int64_t>(round_up(
        static_cast<std::size_t>(padded[1]), static_cast<std::size_t>(channel_block(layout))));
  }
  return static_cast<std::size_t>(element_count(padded)) * size_of(dtype);
}

Support Support::with_layouts(std::vector<Layout> inputs, std::vector<Layout> outputs) {
  Support support;
  support.inputs_ = std::move(inputs);
  support.outputs_ = std::move(outputs);
  return support;
}

Support Support::declined(std::string reason) {
  Support support;
  support.reason_ = std::move(reason);
  return support;
}

std::shared_ptr<const AlignedBuffer> WeightStore::get(const Tensor* source, const std::string& form,
                                                      const Pack& pack) {
  const std::string key = fmt::format("{} {}", fmt::ptr(source), form);
  // Held while packing, so that a second caller waits for the first one's result.
  const std::lock_guard lock(mutex_);
  auto& buffer = packed_[key];
  if (buffer == nullptr) buffer = std::make_shared<const AlignedBuffer>(pack());
  return buffer;
}

std::size_t WeightStore::bytes() const {
  const std::lock_guard lock(mutex_);
  std::size_t total = 0;
  for (const auto& [key, buffer] : packed_) total += buffer->size();
  return total;
}

void WeightStore::clear() {
  const std::lock_guard lock(mutex_);
  packed_.clear();
}

}  // namespace widepipe::kernels
