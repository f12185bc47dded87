#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "mpi_runtime/serve_wire.h"

namespace widepipe::mpi_runtime {

/// Orders for a rank that wait for a slot, as they will lie in it. Its memory is kept: orders come
/// by the million.
class ServeOutbox {
 public:
  std::size_t entries() const { return entries_; }

  void clear() {
    bytes_.clear();
    begin_ = entries_ = 0;
  }

  /// order.size rows are to follow.
  void add(const OrderWire& order) {
    append(&order, sizeof(order));
    ++entries_;
  }
  void add_row(std::uint64_t row) { append(&row, sizeof(row)); }

  /// Moves as many as have room, the oldest first.
  void fill(SlotWriter& slot) {
    while (entries_ > 0 && slot.add_bytes(oldest())) drop_oldest();
  }

  /// Hands all of them to `take(order, rows)`.
  template <typename Take>
  void drain(Take take) {
    std::vector<std::uint64_t> rows;
    for (; entries_ > 0; drop_oldest()) {
      const std::span<const std::byte> bytes = oldest();
      OrderWire order;
      std::memcpy(&order, bytes.data(), sizeof(order));
      rows.resize(order.size);
      if (!rows.empty()) std::memcpy(rows.data(), bytes.data() + sizeof(order), 8 * rows.size());
      take(order, rows);
    }
  }

 private:
  void append(const void* from, std::size_t count) {
    const auto* begin = static_cast<const std::byte*>(from);
    bytes_.insert(bytes_.end(), begin, begin + count);
  }
  std::span<const std::byte> oldest() const {
    OrderWire order;
    std::memcpy(&order, bytes_.data() + begin_, sizeof(order));
    return std::span(bytes_).subspan(begin_, sizeof(order) + sizeof(std::uint64_t) * order.size);
  }
  void drop_oldest() {
    begin_ += oldest().size();
    if (--entries_ == 0) return clear();
    constexpr std::size_t kMuch = 1 << 14;
    if (begin_ < kMuch || begin_ < bytes_.size() / 2) return;
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }

  std::vector<std::byte> bytes_;
  std::size_t begin_ = 0;  ///< of the oldest
  std::size_t entries_ = 0;
};

}  // namespace widepipe::mpi_runtime
