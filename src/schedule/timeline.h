#pragma once
// What a rank of a replay did when: recorded as it happens, drawn at the end.

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "schedule/types.h"

namespace widepipe::schedule {

/// Times are of the leader's clock.
struct TimelineEvent {
  enum class Kind : std::uint32_t {
    kRound,  ///< rank 0: until all ranks have answered; others: from its slot to its answer
    kBatch,  ///< on an instance of a device
    kLoad    ///< of an instance
  } kind = Kind::kRound;
  std::uint32_t device = 0;
  Seconds from = 0;
  Seconds until = 0;
  std::uint64_t number = 0;  ///< of the round, or of the batch
  std::uint32_t instance = 0;
  std::uint32_t model = 0;  ///< kBatch
  std::uint32_t size = 0;   ///< kBatch: of requests
  std::uint32_t unused = 0;
};

static_assert(std::is_trivially_copyable_v<TimelineEvent> && sizeof(TimelineEvent) == 48);

/// A rank's record, of at most so many events: what comes later is counted only.
class Timeline {
 public:
  explicit Timeline(std::size_t most) : most_(most) {}

  void add(const TimelineEvent& event) {
    if (events_.size() < most_) {
      events_.push_back(event);
    } else {
      ++left_out_;
    }
  }
  const std::vector<TimelineEvent>& events() const { return events_; }
  std::uint64_t left_out() const { return left_out_; }

 private:
  const std::size_t most_;
  std::vector<TimelineEvent> events_;
  std::uint64_t left_out_ = 0;
};

}  // namespace widepipe::schedule
