#include "mpi_runtime/watchdog.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/console.h"
#include "core/units.h"

namespace widepipe::mpi_runtime {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr int kStopped = 3;  // resumable
/// Ranks that wait for those before them to speak.
constexpr int kTurns = 8;
/// Names in one message: more tell a person nothing.
constexpr std::size_t kMostNames = 5;

/// The others leave rank 0 time to name the silent rank; then the first of them speaks, and the
/// launcher ends the rest before they do.
Milliseconds patience_of(const WatchdogSettings& settings) {
  if (settings.rank == 0) return settings.limit;
  return settings.limit * 3 / 2 + settings.limit / 8 * std::min(settings.rank, kTurns);
}

}  // namespace

Watchdog::Watchdog(WatchdogSettings settings, std::function<void(const std::string&)> end)
    : settings_(std::move(settings)),
      end_(std::move(end)),
      alive_(settings_.names.size(), false),
      patience_(patience_of(settings_)),
      tick_(std::clamp(settings_.limit / 50, Milliseconds(10), Milliseconds(200))),
      last_look_(settings_.surroundings.now()) {
  if (settings_.limit.count() <= 0) return;
  strand_ = settings_.surroundings.make_strand();
  look_again();
}

void Watchdog::look_again() {
  strand_->post_at(settings_.surroundings.now() + tick_, [this] { look(); });
}

const std::string& Watchdog::name(int rank) const {
  return settings_.names.at(static_cast<std::size_t>(rank));
}

void Watchdog::alive(const std::vector<int>& ranks) {
  const std::lock_guard lock(mutex_);
  for (const int rank : ranks) alive_.at(static_cast<std::size_t>(rank)) = true;
}

void Watchdog::give_up(const std::string& reason) {
  end_(fmt::format("{}: the job ends; {}", reason, settings_.advice));
}

void Watchdog::end_process(const std::string& text) {
  say(stderr, fmt::format("widepipe: {}\n", text));
  _exit(kStopped);
}

void Watchdog::look() {
  const TimePoint now = settings_.surroundings.now();
  const auto passed =
      std::min(std::chrono::duration_cast<Milliseconds>(now - last_look_), 2 * tick_);
  last_look_ = now;
  const auto add = [passed](std::uint64_t seen, std::uint64_t& before, Milliseconds& without) {
    without = seen == before ? without + passed : Milliseconds(0);
    before = seen;
  };
  add(rounds_.load(std::memory_order_relaxed), rounds_seen_, without_round_);
  add(turns_.load(std::memory_order_relaxed), turns_seen_, without_turn_);
  const bool uneasy = without_round_ >= settings_.limit / 2;
  if (uneasy && !uneasy_) {
    const std::lock_guard lock(mutex_);
    std::fill(alive_.begin(), alive_.end(), false);
  }
  uneasy_.store(uneasy, std::memory_order_relaxed);
  if (without_round_ < patience_) return look_again();
  give_up(reason(without_turn_ >= patience_ / 2));
}

std::string Watchdog::reason(bool thread_is_stuck) {
  const std::string time = duration_text(std::chrono::duration<double>(settings_.limit).count());
  if (thread_is_stuck) {
    return fmt::format(
        "rank {} has not got on for {} (a file system or a terminal that does not "
        "answer?)",
        name(settings_.rank), time);
  }
  if (settings_.rank != 0) {
    return fmt::format("rank {} hears nothing from rank {} for {}", name(settings_.rank), name(0),
                       time);
  }
  const std::lock_guard lock(mutex_);
  std::vector<std::string> silent;
  for (std::size_t rank = 1; rank < alive_.size(); ++rank) {
    if (!alive_[rank]) silent.push_back(settings_.names[rank]);
  }
  if (silent.empty())
    return fmt::format("no round came to its end for {}, though all ranks answer", time);
  const std::size_t more = silent.size() > kMostNames ? silent.size() - kMostNames : 0;
  silent.resize(silent.size() - more);
  return fmt::format("rank{} {}{} {} not answered for {} (stopped, or its network is gone)",
                     silent.size() > 1 ? "s" : "", fmt::join(silent, ", "),
                     more > 0 ? fmt::format(" and {} more", more) : "",
                     silent.size() > 1 ? "have" : "has", time);
}

}  // namespace widepipe::mpi_runtime
