#include "mpi_runtime/leader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/units.h"
#include "mpi_runtime/watchdog.h"

namespace widepipe::mpi_runtime {
namespace {

/// Part of the watchdog's time, that nothing usual takes.
constexpr double kPartOfTheLimit = 10;
/// A round that takes so many times as long as those before it did is no usual one.
constexpr double kTimesTheUsual = 4;
/// By which a round counts less when the next one is done.
constexpr double kForgetting = 0.9;

std::size_t bytes_of(const std::vector<AlignedBuffer>& buffers) {
  std::size_t total = 0;
  for (const AlignedBuffer& buffer : buffers) total += buffer.size();
  return total;
}

schedule::BatchEnd end_of(ResultState state) {
  switch (state) {
    case ResultState::kDone:
      return schedule::BatchEnd::kDone;
    case ResultState::kNoMemory:
      return schedule::BatchEnd::kNoMemory;
    default:
      return schedule::BatchEnd::kFailed;
  }
}

}  // namespace

Leader::Leader(Collectives& collectives, schedule::Scheduler& scheduler,
               std::vector<int> device_ranks, Worker* own, Wakeup& wakeup, ResultSink& sink,
               schedule::RunStats& stats, LeaderSettings settings, LeaderHooks hooks)
    : collectives_(collectives),
      scheduler_(scheduler),
      device_ranks_(std::move(device_ranks)),
      own_(own),
      wakeup_(wakeup),
      sink_(sink),
      stats_(stats),
      settings_(std::move(settings)),
      hooks_(std::move(hooks)),
      start_(clock()),
      rows_read_(wakeup),
      outbox_(static_cast<std::size_t>(collectives.size())),
      last_errors_(device_ranks_.size()) {
  if (!settings_.scatter_sources.empty()) {
    reader_.emplace(
        settings_.scatter_sources, [this](RowsRead rows) { rows_read_.push(std::move(rows)); },
        settings_.surroundings);
  }
}

Leader::~Leader() = default;

schedule::Seconds Leader::now() const {
  return std::chrono::duration<double>(clock() - start_).count();
}

LeaderResult Leader::run() {
  Backoff backoff(wakeup_, settings_.longest_pause);
  while (!finished()) backoff.pause(turn());
  return result();
}

bool Leader::finished() const {
  return last_round_ != 0 && next_round_ > last_round_ && rounds_.empty() && sends_.empty();
}

LeaderResult Leader::result() const {
  if (failure_) std::rethrow_exception(failure_);
  LeaderResult result = outcome_;
  result.rounds = next_round_ - 1;
  result.mean_round_seconds = round_seconds_ / result.rounds;
  return result;
}

bool Leader::turn() {
  bool moved = own_ != nullptr && own_->pump();
  moved |= collect_slots();
  moved |= std::erase_if(sends_, [](const auto& send) { return send->test(); }) > 0;
  try {
    if (settings_.watchdog != nullptr) look_after(*settings_.watchdog);
    moved |= collect_payloads();
    if (!failure_) hooks_.tick(now());
    dispatch();
  } catch (const RunError&) {
    fail();
  }
  if (!outcome_.stopped && hooks_.stop_requested()) {
    outcome_.stopped = true;
    scheduler_.stop();
  }
  if (last_round_ == 0 && nothing_left()) last_round_ = next_round_ + kRoundsInFlight - 1;
  if (may_post()) {
    post_round();
    moved = true;
  }
  return moved;
}

void Leader::look_after(Watchdog& watchdog) {
  watchdog.turn();
  if (watchdog.uneasy()) {
    // What was on its way before may be from an earlier silence.
    const std::vector<int> heard = collectives_.heard_alive();
    if (asks_) watchdog.alive(heard);
  }
  asks_ = watchdog.uneasy();
  const schedule::Seconds limit = std::chrono::duration<double>(watchdog.limit()).count();
  if (limit <= 0) return;
  // While rounds stand still, or this process did, devices cannot be blamed for being late.
  // One look at the clock for all of it: a process that is suspended between two of them would
  // count the time as a device's.
  const schedule::Seconds at = now();
  const schedule::Seconds passed = at - last_look_;
  last_look_ = at;
  const bool suspended = passed > limit / kPartOfTheLimit;
  const double round_takes =
      rounds_.empty() ? 0 : std::chrono::duration<double>(clock() - rounds_.front().posted).count();
  const bool stalled =
      round_takes > std::max(limit / kPartOfTheLimit, usual_round_seconds_ * kTimesTheUsual);
  if (suspended || stalled) {
    scheduler_.excuse(passed);
    had_room_ += passed;
  }
  // At every turn: a slow disk has some now and then.
  if (failure_ || sink_.has_room()) had_room_ = at;
  if (at < next_check_) return;
  next_check_ = at + limit / kPartOfTheLimit;
  look_for_overdue(watchdog, at, limit);
}

/// What does not come back, or is not taken, while rounds go on.
void Leader::look_for_overdue(Watchdog& watchdog, schedule::Seconds at, schedule::Seconds limit) {
  const schedule::Seconds full = at - had_room_;
  if (full > limit) {
    watchdog.give_up(fmt::format("rank {}: the file system of the output takes nothing for {}",
                                 watchdog.name(0), duration_text(full)));
  }
  const std::optional<schedule::Overdue> overdue = scheduler_.overdue(at, limit);
  if (!overdue) return;
  const schedule::Dispatch& batch = overdue->dispatch;
  watchdog.give_up(fmt::format(
      "rank {}: rows {} to {} have been out for {}{}; its device, or the file system that it reads "
      "from, does not answer",
      watchdog.name(device_ranks_.at(batch.device)), batch.rows.first, batch.rows.end() - 1,
      duration_text(overdue->waited),
      overdue->expected > 0
          ? fmt::format(", where {} was expected", duration_text(overdue->expected))
          : ""));
}

void Leader::dispatch() {
  if (credit_changed_ && !failure_ && sink_.has_room()) {
    for (const schedule::Dispatch& made : scheduler_.dispatch(now())) send(made);
    credit_changed_ = false;
  }
  for (RowsRead& rows : rows_read_.drain()) {
    const auto rank = rank_of_reading_.extract(rows.dispatch.batch).mapped();
    if (rows.error.empty()) {
      outbox_[static_cast<std::size_t>(rank)].push_back({rows.dispatch, std::move(rows.inputs)});
      continue;
    }
    schedule::Outcome outcome =
        scheduler_.complete({.batch = rows.dispatch.batch, .end = schedule::BatchEnd::kUnread});
    sent_at_.erase(rows.dispatch.batch);
    credit_changed_ = true;
    if (failure_) continue;
    try {
      if (outcome.kind == schedule::Outcome::Kind::kFailed) {
        sink_.reject(
            {outcome.dispatch.stream, outcome.dispatch.rows, rows.error, false, name_of(0)});
      }
      if (results_.empty()) {
        take_back(outcome);
      } else {
        results_.back().then.push_back(outcome);
      }
    } catch (const RunError&) {
      fail();  // here, so that the rest of what was read is not forgotten
    }
  }
}

/// The other ranks wait in collectives: bring everything home first, then report.
void Leader::fail() {
  failure_ = std::current_exception();
  scheduler_.stop();
}

void Leader::send(const schedule::Dispatch& dispatch) {
  const DispatchWire wire{.batch = dispatch.batch,
                          .stream = dispatch.stream,
                          .check = dispatch.check ? 1U : 0U,
                          .first_row = dispatch.rows.first,
                          .row_count = dispatch.rows.count};
  const int rank = device_ranks_.at(dispatch.device);
  sent_at_.emplace(dispatch.batch, now());
  if (reader_) {
    rank_of_reading_.emplace(dispatch.batch, rank);
    reader_->request(wire);
  } else {
    outbox_[static_cast<std::size_t>(rank)].push_back({wire, {}});
  }
}

bool Leader::collect_slots() {
  if (rounds_.empty() || !rounds_.front().slots->test()) return false;
  const double took = std::chrono::duration<double>(clock() - rounds_.front().posted).count();
  round_seconds_ += took;
  usual_round_seconds_ = std::max(took, usual_round_seconds_ * kForgetting);
  if (settings_.watchdog != nullptr) settings_.watchdog->round_done();
  take_slots(rounds_.front());
  rounds_.pop_front();
  return true;
}

void Leader::take_slots(const Round& round) {
  const std::shared_ptr<const Blocks> slots = round.slots->gathered();
  Results results{
      .round = round.number, .by_rank = {}, .sizes = {}, .payload = nullptr, .then = {}};
  bool any = false;
  for (int rank = 0; rank < collectives_.size(); ++rank) {
    const auto slot = from_bytes<UpSlot>(slots->block(rank));
    if (slot.stop_requested != 0 && !outcome_.stopped) {
      outcome_.stopped = true;
      scheduler_.stop();
    }
    std::vector<Announced>& announced = results.by_rank.emplace_back();
    results.sizes.push_back(slot.payload_bytes);
    for (std::size_t i = 0; i < slot.result_count; ++i) {
      const ResultWire& result = slot.results[i];
      const schedule::BatchEnd end = end_of(result.state);
      const bool failed = end != schedule::BatchEnd::kDone;
      const schedule::Outcome outcome = scheduler_.complete({.batch = result.batch,
                                                             .end = end,
                                                             .busy = result.busy_seconds,
                                                             .digest = result.digest});
      const double sent_at = sent_at_.extract(result.batch).mapped();
      stats_.add({outcome.dispatch, failed, result.busy_seconds, result.finished_at_seconds,
                  now() - sent_at});
      announced.push_back({outcome, result});
      if (outcome.quarantined) to_be_told_.push_back(*outcome.quarantined);
      any = true;
    }
  }
  if (!any) return;
  credit_changed_ = true;
  results_.push_back(std::move(results));
}

bool Leader::collect_payloads() {
  if (results_.empty() || !results_.front().payload || !results_.front().payload->test()) {
    return false;
  }
  if (failure_) {
    take_back_all(results_.front());
  } else {
    take_payload(results_.front());
  }
  results_.pop_front();
  tell_quarantined();
  credit_changed_ = true;  // the sink's room may have been what was missing
  return true;
}

void Leader::take_payload(Results& results) {
  const std::shared_ptr<const Blocks> payload = results.payload->gathered();
  for (int rank = 0; rank < collectives_.size(); ++rank) {
    std::span<const std::byte> rest = payload->block(rank);
    const auto take = [&rest](std::size_t bytes) {
      const std::span<const std::byte> front = rest.first(bytes);
      rest = rest.subspan(bytes);
      return front;
    };
    for (auto& [outcome, result] : results.by_rank[static_cast<std::size_t>(rank)]) {
      const std::span<const std::byte> columns = take(result.output_bytes);
      const std::span<const std::byte> bytes = take(result.error_bytes);
      const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      if (result.state == ResultState::kBroken) {
        throw_run_error("rank {}: {}; {}", name_of(rank), text, kGoOn);
      }
      if (result.state != ResultState::kDone) last_errors_[outcome.dispatch.device] = text;
      if (outcome.kind == schedule::Outcome::Kind::kDone) {
        take_rows(rank, outcome.dispatch, columns, unpack_failures(text), payload);
      } else if (outcome.kind == schedule::Outcome::Kind::kFailed) {
        sink_.reject({outcome.dispatch.stream, outcome.dispatch.rows, text, false, name_of(rank)});
      }
      take_back(outcome);
    }
  }
  for (schedule::Outcome& outcome : results.then) take_back(outcome);
}

/// Of a job that has failed: nothing more is recorded, but devices may still be found wrong.
void Leader::take_back_all(Results& results) {
  try {
    for (std::vector<Announced>& announced : results.by_rank) {
      for (Announced& one : announced) take_back(one.outcome);
    }
    for (schedule::Outcome& outcome : results.then) take_back(outcome);
  } catch (const RunError&) {
    // The first failure is the one to tell.
  }
}

/// Now that all results of these devices that came before the verdict are with the sink, and before
/// any of those rows comes again. Once, whatever fails behind it.
void Leader::take_back(schedule::Outcome& outcome) {
  for (const auto& [stream, rows] : std::exchange(outcome.redone, {})) {
    sink_.take_back(stream, rows);
  }
  for (const schedule::Rechecks::Verdict& verdict : std::exchange(outcome.verdicts, {})) {
    if (hooks_.judged) hooks_.judged(verdict);
    if (!verdict.undecided) continue;
    throw_run_error(
        "devices disagree on rows {} to {}, and none is left to tell which is right; their rows of "
        "this run are not recorded any more: run the same command again with more devices, or "
        "without one of these",
        verdict.rows.first, verdict.rows.end() - 1);
  }
}

void Leader::tell_quarantined() {
  std::erase_if(to_be_told_, [this](schedule::DeviceId device) {
    if (last_errors_[device].empty()) return false;
    if (hooks_.quarantined) hooks_.quarantined(device, last_errors_[device]);
    return true;
  });
}

/// Gives the sink the rows of a batch; `bytes` are its columns one after the other.
void Leader::take_rows(int rank, const schedule::Dispatch& dispatch,
                       std::span<const std::byte> bytes, std::vector<RowFailure> failures,
                       const std::shared_ptr<const Blocks>& owner) {
  for (const RowRange& rows : rows_between(dispatch.rows, failures)) {
    FinishedRows finished{.stream = dispatch.stream, .rows = rows, .columns = {}, .owner = owner};
    std::size_t column = 0;
    for (const std::size_t per_row : settings_.column_bytes.at(dispatch.stream)) {
      const auto skipped = static_cast<std::size_t>(rows.first - dispatch.rows.first);
      finished.columns.push_back(bytes.subspan(column + skipped * per_row,
                                               static_cast<std::size_t>(rows.count) * per_row));
      column += static_cast<std::size_t>(dispatch.rows.count) * per_row;
    }
    sink_.accept(std::move(finished));
  }
  for (RowFailure& failure : failures) {
    sink_.reject({dispatch.stream, failure.rows, std::move(failure.reason), true, name_of(rank)});
  }
}

/// For people: "2@node3".
std::string Leader::name_of(int rank) const {
  return settings_.watchdog != nullptr ? settings_.watchdog->name(rank) : std::to_string(rank);
}

bool Leader::nothing_left() const {
  const bool outbox_empty =
      std::all_of(outbox_.begin(), outbox_.end(), [](const auto& queue) { return queue.empty(); });
  return scheduler_.drained() && outbox_empty && results_.empty() && rank_of_reading_.empty();
}

bool Leader::may_post() const {
  if (rounds_.size() >= kRoundsInFlight) return false;
  if (last_round_ != 0) return next_round_ <= last_round_;
  const bool to_send =
      std::any_of(outbox_.begin(), outbox_.end(), [](const auto& queue) { return !queue.empty(); });
  const bool to_gather = std::any_of(results_.begin(), results_.end(),
                                     [](const Results& r) { return r.payload == nullptr; });
  const bool to_report = own_ != nullptr && own_->has_results();
  return to_send || to_gather || to_report || clock() - last_post_ >= settings_.round_period;
}

std::vector<std::vector<Leader::Outgoing>> Leader::take_outbox() {
  std::vector<std::vector<Outgoing>> leaving(outbox_.size());
  std::size_t bytes = 0;
  for (std::size_t rank = 0; rank < outbox_.size(); ++rank) {
    std::deque<Outgoing>& queue = outbox_[rank];
    while (!queue.empty() && leaving[rank].size() < kDispatchesPerSlot) {
      const std::size_t more = bytes_of(queue.front().rows);
      if (bytes + more > kMaxPayloadBytes) break;
      bytes += more;
      leaving[rank].push_back(std::move(queue.front()));
      queue.pop_front();
    }
  }
  return leaving;
}

void Leader::post_round() {
  last_post_ = clock();
  const std::uint32_t number = next_round_++;
  std::vector<std::vector<Outgoing>> leaving = take_outbox();
  const auto to_gather = std::find_if(results_.begin(), results_.end(),
                                      [](const Results& r) { return r.payload == nullptr; });
  const bool scatters_rows =
      reader_ && std::any_of(leaving.begin() + 1, leaving.end(),
                             [](const auto& batches) { return !batches.empty(); });
  send_slots({.round = number,
              .last_round = last_round_,
              .gather_round = to_gather == results_.end() ? 0 : to_gather->round,
              .payload_follows = scatters_rows ? 1U : 0U,
              .dispatches = {}},
             leaving);
  if (scatters_rows) send_rows(leaving);
  for (Outgoing& batch : leaving[0]) {  // rank 0's own need no way over MPI
    if (reader_) {
      own_->accept(batch.dispatch, std::move(batch.rows));
    } else {
      own_->accept(batch.dispatch);
    }
  }
  if (to_gather != results_.end()) gather_payload(*to_gather);

  const UpSlot mine = own_ != nullptr ? own_->make_slot(number) : UpSlot{.round = number};
  const std::vector<std::size_t> sizes(outbox_.size(), sizeof(UpSlot));
  rounds_.push_back(
      {number, last_post_, collectives_.gather_to_root(Lane::kSlotsUp, to_bytes(mine), sizes)});
}

void Leader::send_slots(DownSlot common, const std::vector<std::vector<Outgoing>>& leaving) {
  Blocks slots = Blocks::of_sizes(std::vector<std::size_t>(leaving.size(), sizeof(DownSlot)));
  for (std::size_t rank = 0; rank < leaving.size(); ++rank) {
    DownSlot slot = common;
    slot.dispatch_count = leaving[rank].size();
    for (std::size_t i = 0; i < leaving[rank].size(); ++i) {
      slot.dispatches[i] = leaving[rank][i].dispatch;
      slot.payload_bytes += rank == 0 ? 0 : bytes_of(leaving[rank][i].rows);
    }
    std::memcpy(slots.block(static_cast<int>(rank)).data(), &slot, sizeof(slot));
  }
  sends_.push_back(collectives_.scatter_from_root(Lane::kSlotsDown, std::move(slots)));
}

void Leader::send_rows(const std::vector<std::vector<Outgoing>>& leaving) {
  std::vector<std::size_t> sizes(leaving.size(), 0);
  for (std::size_t rank = 1; rank < leaving.size(); ++rank) {
    for (const Outgoing& batch : leaving[rank]) sizes[rank] += bytes_of(batch.rows);
  }
  Blocks payload = Blocks::of_sizes(sizes);
  for (std::size_t rank = 1; rank < leaving.size(); ++rank) {
    std::byte* to = payload.block(static_cast<int>(rank)).data();
    for (const Outgoing& batch : leaving[rank]) {
      for (const AlignedBuffer& input : batch.rows) {
        std::memcpy(to, input.data(), input.size());
        to += input.size();
      }
    }
  }
  sends_.push_back(collectives_.scatter_from_root(Lane::kPayloadDown, std::move(payload)));
}

void Leader::gather_payload(Results& results) {
  AlignedBuffer mine = own_ != nullptr ? own_->take_payload(results.round) : AlignedBuffer{};
  results.payload = collectives_.gather_to_root(Lane::kPayloadUp, std::move(mine), results.sizes);
}

}  // namespace widepipe::mpi_runtime
