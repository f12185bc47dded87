#pragma once
// What the slots of a round carry: fixed-size, plain values, the same on every rank. A cluster
// of mixed byte order is not supported.

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "core/aligned_buffer.h"

namespace widepipe::mpi_runtime {

/// A dispatch on its way to the rank that owns the device.
struct DispatchWire {
  std::uint64_t batch = 0;
  std::uint32_t stream = 0;
  std::uint32_t check = 0;  ///< 1: only the digest of the results is wanted
  std::int64_t first_row = 0;
  std::int64_t row_count = 0;
};

/// What became of a batch.
enum class ResultState : std::uint32_t {
  kDone,      ///< computed; single rows may have failed
  kFailed,    ///< the batch could not be computed
  kNoMemory,  ///< likewise, for want of memory: fewer rows may do
  kBroken     ///< the rank cannot go on
};

/// A finished batch on its way to rank 0. Its payload is `output_bytes` of results, a column
/// after the other, then `error_bytes` of text: the rows that failed, or why all did.
struct ResultWire {
  std::uint64_t batch = 0;
  double busy_seconds = 0;
  double finished_at_seconds = 0;  ///< on the device's clock
  std::uint64_t output_bytes = 0;
  std::uint32_t error_bytes = 0;
  ResultState state = ResultState::kDone;
  std::uint64_t digest = 0;  ///< of the results, where rows are rechecked
};

/// What does not fit waits for the next round.
inline constexpr std::size_t kDispatchesPerSlot = 6;
inline constexpr std::size_t kResultsPerSlot = 6;

/// Rank 0 to a rank, one a round.
struct DownSlot {
  std::uint32_t round = 0;       ///< counted from 1
  std::uint32_t last_round = 0;  ///< 0 while there is no end in sight
  /// The round whose results are gathered now: every rank then posts, on the payload lane, the
  /// bytes that its up slot of that round announced. 0 for none.
  std::uint32_t gather_round = 0;
  std::uint32_t payload_follows = 0;  ///< 1: rows are scattered in this round, to every rank
  std::uint64_t payload_bytes = 0;    ///< of them, for this rank
  std::uint64_t dispatch_count = 0;
  std::array<DispatchWire, kDispatchesPerSlot> dispatches;
};

/// A rank to rank 0, one a round.
struct UpSlot {
  std::uint32_t round = 0;
  std::uint32_t stop_requested = 0;  ///< the rank was signalled to stop
  std::uint64_t payload_bytes = 0;   ///< results announced, gathered when a down slot says so
  std::uint64_t result_count = 0;
  std::array<ResultWire, kResultsPerSlot> results;
};

static_assert(std::is_trivially_copyable_v<DownSlot> && sizeof(DownSlot) == 224);
static_assert(std::is_trivially_copyable_v<UpSlot> && sizeof(UpSlot) == 312);

template <typename Slot>
AlignedBuffer to_bytes(const Slot& slot) {
  AlignedBuffer bytes(sizeof(Slot));
  std::memcpy(bytes.data(), &slot, sizeof(Slot));
  return bytes;
}

template <typename Slot>
Slot from_bytes(std::span<const std::byte> bytes) {
  Slot slot;
  std::memcpy(&slot, bytes.data(), sizeof(Slot));
  return slot;
}

}  // namespace widepipe::mpi_runtime
