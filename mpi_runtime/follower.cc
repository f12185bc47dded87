#include "mpi_runtime/follower.h"

#include <utility>

#include "mpi_runtime/backoff.h"

namespace widepipe::mpi_runtime {

Follower::Follower(Collectives& collectives, Worker* worker, FollowerSettings settings)
    : collectives_(collectives), worker_(worker), settings_(std::move(settings)) {
  for (std::uint32_t round = 1; round <= kRoundsInFlight; ++round) expect_slot();
}

void Follower::run(Wakeup& wakeup) {
  Backoff backoff(wakeup, settings_.longest_pause);
  while (!finished()) backoff.pause(turn());
}

bool Follower::finished() const { return slots_.empty() && rows_.empty() && sends_.empty(); }

bool Follower::turn() {
  bool moved = worker_ != nullptr && worker_->pump();
  if (settings_.watchdog != nullptr) look_after(*settings_.watchdog);
  if (!slots_.empty() && slots_.front()->test()) {
    const auto slot = from_bytes<DownSlot>(slots_.front()->received());
    slots_.pop_front();
    if (settings_.watchdog != nullptr) settings_.watchdog->round_done();
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

void Follower::look_after(Watchdog& watchdog) {
  watchdog.turn();
  const TimePoint now = settings_.surroundings.now();
  if (!watchdog.uneasy() || now - told_ < watchdog.limit() / 20) return;
  collectives_.tell_alive();
  told_ = now;
}

void Follower::expect_slot() {
  slots_.push_back(collectives_.receive_scatter(Lane::kSlotsDown, sizeof(DownSlot)));
}

void Follower::answer(const DownSlot& slot) {
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
  up.stop_requested = settings_.stop_requested() ? 1 : 0;
  sends_.push_back(collectives_.send_gather(Lane::kSlotsUp, to_bytes(up)));
  if (slot.last_round == 0 || slot.round + kRoundsInFlight <= slot.last_round) expect_slot();
}

void Follower::accept_rows(const ComingRows& coming) {
  std::span<const std::byte> rows = coming.scatter->received();
  for (const DispatchWire& dispatch : coming.dispatches) {
    rows = rows.subspan(worker_->accept(dispatch, rows));
  }
}

}  // namespace widepipe::mpi_runtime
