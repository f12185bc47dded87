#include "mpi_runtime/serve_follower.h"

#include <utility>

#include "mpi_runtime/follower.h"

namespace widepipe::mpi_runtime {

ServeFollower::ServeFollower(Collectives& collectives, schedule::OrderExecutor* executor,
                             ServeClock& clock, const ServeSettings& settings,
                             std::function<bool()> stop_requested)
    : collectives_(collectives),
      clock_(clock),
      settings_(settings),
      stop_requested_(std::move(stop_requested)) {
  if (executor != nullptr)
    devices_.emplace(*executor, settings.status_period, settings.most_payload);
  for (std::uint32_t round = 1; round <= kRoundsInFlight; ++round) expect_slot();
}

void ServeFollower::run(Wakeup& wakeup) {
  Backoff backoff(wakeup, settings_.longest_pause);
  while (!finished()) backoff.pause(turn());
}

bool ServeFollower::turn() {
  bool moved = false;
  if (settings_.watchdog != nullptr) look_after(*settings_.watchdog);
  if (!slots_.empty() && slots_.front()->test()) {
    const std::unique_ptr<Scatter> slot = std::move(slots_.front());
    slots_.pop_front();
    if (settings_.watchdog != nullptr) settings_.watchdog->round_done();
    answer(SlotReader(slot->received()));
    moved = true;
  }
  moved |= std::erase_if(sends_, [](const auto& send) { return send->test(); }) > 0;
  return moved;
}

void ServeFollower::look_after(Watchdog& watchdog) {
  watchdog.turn();
  const auto now = std::chrono::steady_clock::now();
  if (!watchdog.uneasy() || now - told_ < watchdog.limit() / 20) return;
  collectives_.tell_alive();
  told_ = now;
}

void ServeFollower::expect_slot() {
  slots_.push_back(collectives_.receive_scatter(Lane::kSlotsDown, settings_.slot_bytes));
}

void ServeFollower::answer(SlotReader slot) {
  const ServeHeader down = slot.header();
  clock_.hear(down.now);
  const schedule::Seconds from = clock_.now();
  std::vector<std::uint64_t> rows;
  for (std::uint32_t i = 0; i < down.entries; ++i) {
    const auto order = slot.next<OrderWire>(rows);
    devices_->accept(order, rows, clock_.now());
  }
  if (devices_) devices_->accepted();
  if (down.gather_round != 0) {
    AlignedBuffer mine = devices_ ? devices_->take_payload(down.gather_round) : AlignedBuffer{};
    sends_.push_back(collectives_.send_gather(Lane::kPayloadUp, std::move(mine)));
  }
  AlignedBuffer bytes(settings_.slot_bytes);
  SlotWriter up(bytes.span());
  const std::uint64_t results = devices_ ? devices_->report(down.round, up, clock_.now()) : 0;
  up.finish({.round = down.round,
             .stop_requested = stop_requested_() ? 1U : 0U,
             .payload_bytes = results});
  sends_.push_back(collectives_.send_gather(Lane::kSlotsUp, std::move(bytes)));
  if (settings_.timeline != nullptr && clock_.running()) {
    settings_.timeline->add({.from = from, .until = clock_.now(), .number = down.round});
  }
  if (down.last_round == 0 || down.round + kRoundsInFlight <= down.last_round) expect_slot();
}

}  // namespace widepipe::mpi_runtime
