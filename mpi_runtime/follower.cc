#include "mpi_runtime/follower.h"

#include <chrono>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace widepipe::mpi_runtime {
namespace {

class Follower {
 public:
  Follower(Collectives& collectives, Worker* worker, const std::function<bool()>& stop_requested,
           Watchdog* watchdog)
      : collectives_(collectives),
        worker_(worker),
        stop_requested_(stop_requested),
        watchdog_(watchdog) {
    for (std::uint32_t round = 1; round <= kRoundsInFlight; ++round) expect_slot();
  }

  bool finished() const { return slots_.empty() && rows_.empty() && sends_.empty(); }

  /// One turn: true if anything moved.
  bool step() {
    bool moved = worker_ != nullptr && worker_->pump();
    if (watchdog_ != nullptr) look_after(*watchdog_);
    if (!slots_.empty() && slots_.front()->test()) {
      const auto slot = from_bytes<DownSlot>(slots_.front()->received());
      slots_.pop_front();
      if (watchdog_ != nullptr) watchdog_->round_done();
      answer(slot);
      moved = true;
    }
    if (!rows_.empty() && rows_.front().scatter->test()) {
      accept_rows(rows_.front());
      rows_.pop_front();
      moved = true;
    }
    moved |= std::erase_if(sends_, [](const auto& send) { return send->test(); }) > 0;
    return moved;
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct ComingRows {
    std::unique_ptr<Scatter> scatter;
    std::vector<DispatchWire> dispatches;
  };

  void look_after(Watchdog& watchdog) {
    watchdog.turn();
    if (!watchdog.uneasy() || Clock::now() - told_ < watchdog.limit() / 20) return;
    collectives_.tell_alive();
    told_ = Clock::now();
  }

  void expect_slot() {
    slots_.push_back(collectives_.receive_scatter(Lane::kSlotsDown, sizeof(DownSlot)));
  }

  void answer(const DownSlot& slot) {
    const std::vector<DispatchWire> dispatches(
        slot.dispatches.begin(),
        slot.dispatches.begin() + static_cast<std::ptrdiff_t>(slot.dispatch_count));
    if (slot.payload_follows != 0) {
      rows_.push_back(
          {collectives_.receive_scatter(Lane::kPayloadDown, slot.payload_bytes), dispatches});
    } else {
      for (const DispatchWire& dispatch : dispatches) worker_->accept(dispatch);
    }
    if (slot.gather_round != 0) {
      AlignedBuffer mine =
          worker_ != nullptr ? worker_->take_payload(slot.gather_round) : AlignedBuffer{};
      sends_.push_back(collectives_.send_gather(Lane::kPayloadUp, std::move(mine)));
    }
    UpSlot up = worker_ != nullptr ? worker_->make_slot(slot.round) : UpSlot{.round = slot.round};
    up.stop_requested = stop_requested_() ? 1 : 0;
    sends_.push_back(collectives_.send_gather(Lane::kSlotsUp, to_bytes(up)));
    if (slot.last_round == 0 || slot.round + kRoundsInFlight <= slot.last_round) expect_slot();
  }

  void accept_rows(const ComingRows& coming) {
    std::span<const std::byte> rows = coming.scatter->received();
    for (const DispatchWire& dispatch : coming.dispatches) {
      rows = rows.subspan(worker_->accept(dispatch, rows));
    }
  }

  Collectives& collectives_;
  Worker* const worker_;
  const std::function<bool()>& stop_requested_;
  Watchdog* const watchdog_;
  Clock::time_point told_{};                    ///< when rank 0 was, that this rank lives
  std::deque<std::unique_ptr<Scatter>> slots_;  ///< expected, by round
  std::deque<ComingRows> rows_;                 ///< scattered, by round
  std::vector<std::unique_ptr<Gather>> sends_;
};

}  // namespace

void follow(Collectives& collectives, Worker* worker, Wakeup& wakeup,
            std::chrono::microseconds longest_pause, const std::function<bool()>& stop_requested,
            Watchdog* watchdog) {
  Follower follower(collectives, worker, stop_requested, watchdog);
  Backoff backoff(wakeup, longest_pause);
  while (!follower.finished()) backoff.pause(follower.step());
}

}  // namespace widepipe::mpi_runtime
