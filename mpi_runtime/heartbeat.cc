#include "mpi_runtime/heartbeat.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/cpu.h"

namespace widepipe::mpi_runtime {
namespace {

/// Life signs in the time after which the watchdog acts.
constexpr int kBeats = 20;

TimePoint now() { return std::chrono::steady_clock::now(); }

}  // namespace

Heartbeat::Heartbeat(Collectives& collectives)
    : collectives_(collectives), heard_(static_cast<std::size_t>(collectives.size()), false) {
  for (const std::string& host : collectives.all_texts(host_name())) {
    names_.push_back(fmt::format("{}@{}", names_.size(), host));
  }
}

void Heartbeat::start(std::chrono::milliseconds limit) {
  stop();
  if (limit.count() <= 0 || collectives_.size() == 1) return;
  asks_ = false;  // who has not answered since the rounds began never will
  watchdog_.emplace(WatchdogSettings{.limit = limit, .rank = collectives_.rank(), .names = names_});
  collectives_.while_waiting([this] { turn(); });
}

void Heartbeat::stop() {
  if (!watchdog_) return;
  collectives_.while_waiting(nullptr);
  watchdog_.reset();
}

void Heartbeat::turn() {
  watchdog_->turn();
  if (collectives_.rank() == 0) {
    ask();
  } else {
    answer();
  }
}

void Heartbeat::ask() {
  const std::vector<int> ranks = collectives_.heard_alive();
  watchdog_->alive(ranks);
  for (const int rank : ranks) heard_[static_cast<std::size_t>(rank)] = true;
  if (asks_ && std::all_of(heard_.begin() + 1, heard_.end(), [](bool heard) { return heard; })) {
    asks_ = false;
    watchdog_->round_done();
  }
  if (asks_ || now() - last_ < watchdog_->limit() / kBeats) return;
  heard_.assign(heard_.size(), false);
  collectives_.ask_alive();
  asks_ = true;
  last_ = now();
}

void Heartbeat::answer() {
  const bool asked = collectives_.asked_alive();
  if (asked) watchdog_->round_done();
  // When rank 0 asks no more, it waits for somebody: it must learn that this is not the one.
  const bool uneasy = watchdog_->uneasy() && now() - last_ >= watchdog_->limit() / kBeats;
  if (!asked && !uneasy) return;
  collectives_.tell_alive();
  last_ = now();
}

}  // namespace widepipe::mpi_runtime
