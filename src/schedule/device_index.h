#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "schedule/types.h"

namespace widepipe::schedule {

/// A set of devices that is quick to change and to walk from any of them on.
class DeviceIndex {
 public:
  explicit DeviceIndex(std::size_t devices) : words_((devices + kBits - 1) / kBits) {}

  void set(DeviceId device, bool in) {
    const std::uint64_t bit = std::uint64_t{1} << (device % kBits);
    std::uint64_t& word = words_[device / kBits];
    if (((word & bit) != 0) == in) return;
    word ^= bit;
    size_ += in ? 1 : std::size_t{0} - 1;
  }
  bool contains(DeviceId device) const {
    return (words_[device / kBits] >> (device % kBits) & 1) != 0;
  }

  std::size_t size() const { return size_; }

  /// How many are in both.
  std::size_t shared_with(const DeviceIndex& other) const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      count += static_cast<std::size_t>(std::popcount(words_[i] & other.words_[i]));
    }
    return count;
  }

  /// Calls visit(device) for those from `first` on, then for those before it, until it returns
  /// false.
  template <typename Visit>
  void walk(DeviceId first, Visit visit) const {
    const std::size_t start = first / kBits;
    const std::uint64_t from_first = ~std::uint64_t{0} << (first % kBits);
    for (std::size_t step = 0; step <= words_.size(); ++step) {
      const std::size_t index = (start + step) % words_.size();
      std::uint64_t word = words_[index];
      if (step == 0) word &= from_first;
      if (step == words_.size()) word &= ~from_first;
      for (; word != 0; word &= word - 1) {
        const auto device =
            static_cast<DeviceId>(index * kBits + static_cast<std::size_t>(std::countr_zero(word)));
        if (!visit(device)) return;
      }
    }
  }

 private:
  static constexpr std::size_t kBits = 64;
  std::vector<std::uint64_t> words_;
  std::size_t size_ = 0;
};

}  // namespace widepipe::schedule
