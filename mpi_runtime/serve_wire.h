#pragma once
// What the rounds of `replay` carry: slots of one size, in which orders and news lie one after the
// other. What finds no room waits for the next round.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "core/aligned_buffer.h"
#include "schedule/order_executor.h"

namespace widepipe::mpi_runtime {

/// In front of every slot.
struct ServeHeader {
  std::uint32_t round = 0;       ///< counted from 1
  std::uint32_t last_round = 0;  ///< down: 0 while there is no end in sight
  std::uint32_t entries = 0;
  std::uint32_t stop_requested = 0;  ///< up: the rank was signalled to stop
  double now = -1;                   ///< down: the leader's clock; negative before it starts
  /// Down: the round whose results are gathered now: every rank posts, on the payload lane, the
  /// bytes that its slot of that round announced. 0 for none.
  std::uint32_t gather_round = 0;
  std::uint32_t unused = 0;
  std::uint64_t payload_bytes = 0;  ///< up: results of the batches in this slot
};

/// An order, or an instance to equip a device with; then the rows of a batch.
struct OrderWire {
  static constexpr std::uint32_t kEquip = 100;
  std::uint32_t kind = 0;  ///< schedule::Order::Kind, or kEquip
  std::uint32_t device = 0;
  std::uint32_t instance = 0;
  std::uint32_t model = 0;
  std::uint32_t choice = 0;
  std::int32_t max_batch = 0;
  std::uint32_t stream = 0;
  std::uint32_t size = 0;  ///< rows that follow, 8 bytes each
  std::uint64_t batch = 0;
};

/// What a device says; then its answers, or the numbers of its status.
struct NewsWire {
  static constexpr std::uint32_t kStatus = 100;
  std::uint32_t kind = 0;  ///< schedule::DeviceNews::Kind, or kStatus
  std::uint32_t device = 0;
  std::uint32_t instance = 0;
  std::uint32_t size = 0;  ///< answers that follow, 8 bytes each
  std::uint64_t batch = 0;
  double busy = 0;
  std::uint64_t result_bytes = 0;  ///< of the round's payload, in the order of the entries
};

static_assert(std::is_trivially_copyable_v<ServeHeader> && sizeof(ServeHeader) == 40);
static_assert(std::is_trivially_copyable_v<OrderWire> && sizeof(OrderWire) == 40);
static_assert(std::is_trivially_copyable_v<NewsWire> && sizeof(NewsWire) == 40);

/// The bytes of a slot with room for one entry of the largest batch, and, in the usual case, for
/// half a batch of each device of a rank: rank 0 touches the slots of all ranks in every round.
constexpr std::size_t serve_slot_bytes(int max_batch, int devices) {
  const auto entry = [](int rows) {
    return sizeof(OrderWire) + sizeof(std::uint64_t) * static_cast<std::size_t>(rows);
  };
  constexpr int kUsualBatch = 32;
  constexpr int kFewDevices = 4;
  const std::size_t usual = static_cast<std::size_t>(std::max(devices, kFewDevices)) *
                            entry(std::min(max_batch, kUsualBatch) / 2);
  return round_up(sizeof(ServeHeader) + std::max(usual, entry(max_batch)), 64);
}

/// Fills a slot.
class SlotWriter {
 public:
  explicit SlotWriter(std::span<std::byte> slot) : slot_(slot), used_(sizeof(ServeHeader)) {}

  /// False if there is no room left for it.
  template <typename Entry>
  bool add(const Entry& entry, std::span<const std::uint64_t> values) {
    if (!fits<Entry>(values.size())) return false;
    std::memcpy(slot_.data() + used_, &entry, sizeof(Entry));
    used_ += sizeof(Entry);
    if (!values.empty()) std::memcpy(slot_.data() + used_, values.data(), values.size_bytes());
    used_ += values.size_bytes();
    ++entries_;
    return true;
  }
  /// An entry with its values, as they lie in a slot.
  bool add_bytes(std::span<const std::byte> entry) {
    if (entry.size() > slot_.size() - used_) return false;
    std::memcpy(slot_.data() + used_, entry.data(), entry.size());
    used_ += entry.size();
    ++entries_;
    return true;
  }
  template <typename Entry>
  bool fits(std::size_t values) const {
    return used_ + sizeof(Entry) + values * sizeof(std::uint64_t) <= slot_.size();
  }
  void finish(ServeHeader header) {
    header.entries = entries_;
    std::memcpy(slot_.data(), &header, sizeof(header));
  }

 private:
  const std::span<std::byte> slot_;
  std::size_t used_;
  std::uint32_t entries_ = 0;
};

/// Reads one.
class SlotReader {
 public:
  explicit SlotReader(std::span<const std::byte> slot) : rest_(slot) { take(header_); }

  const ServeHeader& header() const { return header_; }
  /// The next entry, of header().entries, and its values.
  template <typename Entry>
  Entry next(std::vector<std::uint64_t>& values) {
    Entry entry;
    take(entry);
    values.resize(entry.size);
    if (entry.size > 0)
      std::memcpy(values.data(), rest_.data(), entry.size * sizeof(std::uint64_t));
    rest_ = rest_.subspan(entry.size * sizeof(std::uint64_t));
    return entry;
  }

 private:
  template <typename Value>
  void take(Value& value) {
    std::memcpy(&value, rest_.data(), sizeof(Value));
    rest_ = rest_.subspan(sizeof(Value));
  }

  std::span<const std::byte> rest_;
  ServeHeader header_;
};

}  // namespace widepipe::mpi_runtime
