#include "mpi_runtime/serve_leader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/units.h"
#include "mpi_runtime/follower.h"

namespace widepipe::mpi_runtime {
namespace {

using Real = std::chrono::steady_clock;

constexpr int kPartOfTheLimit = 10;  ///< of the watchdog: turns are never so far apart

/// A round that takes so many times as long as others, and this much longer, waits for a rank.
constexpr double kManyRounds = 10;
constexpr double kMoment = 0.01;

}  // namespace

ServeLeader::ServeLeader(Collectives& collectives, schedule::RequestDispatcher& dispatcher,
                         std::vector<int> rank_of_device, schedule::OrderExecutor* own,
                         ServeClock& clock, const ServeSettings& settings, ServeHooks hooks)
    : collectives_(collectives),
      dispatcher_(dispatcher),
      rank_of_device_(std::move(rank_of_device)),
      clock_(clock),
      settings_(settings),
      hooks_(std::move(hooks)),
      outbox_(static_cast<std::size_t>(collectives.size())) {
  if (own != nullptr) own_.emplace(*own, settings.status_period, settings.most_payload);
}

ServeResult ServeLeader::run(Wakeup& wakeup) {
  Backoff backoff(wakeup, settings_.longest_pause, settings_.crowded);
  equip();
  while (queued_ > 0 || !rounds_.empty()) backoff.pause(turn());
  result_ = {};
  result_.started = Real::now();
  clock_.start();
  last_look_ = last_answer_ = had_room_ = Real::now();
  const double before = thread_cpu_seconds();
  sections_.start();
  while (last_round_ == 0 || next_round_ <= last_round_ || !rounds_.empty() || !sends_.empty()) {
    backoff.pause(turn());
  }
  result_.cpu_seconds = thread_cpu_seconds() - before;
  sections_.enter(Section::kRest);
  result_.cpu_by_section = sections_.seconds();
  if (result_.rounds > 0) result_.mean_round_seconds /= result_.rounds;
  return result_;
}

/// Every device gets the instances of the first plan.
void ServeLeader::equip() {
  for (schedule::DeviceId device = 0; device < rank_of_device_.size(); ++device) {
    for (const auto& instance : dispatcher_.device(device).instances()) {
      outbox_[static_cast<std::size_t>(rank_of_device_[device])].add(
          {.kind = OrderWire::kEquip,
           .device = device,
           .instance = instance.id,
           .model = instance.spec.model,
           .choice = instance.spec.choice,
           .max_batch = instance.spec.max_batch});
      ++queued_;
    }
  }
}

bool ServeLeader::turn() {
  bool moved = false;
  look_for_delays();
  if (settings_.watchdog != nullptr) look_after(*settings_.watchdog);
  if (clock_.running() && !ending_) serve();
  // What has been announced is still gathered.
  if (ending_ && last_round_ == 0 && results_.empty()) {
    last_round_ = next_round_ + kRoundsInFlight - 1;
  }
  moved |= collect();
  moved |= collect_results();
  sections_.enter(Section::kMpi);
  if (last_round_ != 0) finish_sends();
  if (may_post()) {
    post_round();
    moved = true;
  }
  sections_.enter(Section::kRest);
  return moved;
}

/// Hands in what has arrived, and dispatches.
void ServeLeader::serve() {
  const schedule::Seconds now = clock_.now();
  sections_.enter(Section::kArrivals);
  const bool due = hooks_.arrive(now);
  sections_.enter(Section::kDecisions);
  if (due || now >= dispatcher_.next_time()) {
    dispatcher_.dispatch(now, orders_);
    sections_.enter(Section::kOrders);
    queue_orders();
  }
  sections_.enter(Section::kRest);
  result_.stopped |= hooks_.stop_requested();
  if (result_.stopped || hooks_.over(now)) {
    result_.ended = now;
    ending_ = true;
    for (ServeOutbox& outbox : outbox_) outbox.clear();
    queued_ = 0;
  }
}

/// Once a turn. That orders are held back, or that rounds wait for a rank, is not the fault of all
/// devices, which cannot answer then.
void ServeLeader::look_for_delays() {
  held_back_ = hooks_.has_room && !hooks_.has_room();
  if (!clock_.running()) return;
  const schedule::Seconds now = clock_.now();
  if (held_back_ || round_stands_still()) dispatcher_.excuse(now - last_turn_);
  last_turn_ = now;
}

bool ServeLeader::round_stands_still() const {
  if (rounds_.empty() || result_.rounds == 0) return false;
  const std::chrono::duration<double> under_way = Real::now() - rounds_.front().posted;
  const double usual = result_.mean_round_seconds / static_cast<double>(result_.rounds);
  return under_way.count() > kManyRounds * usual + kMoment;
}

void ServeLeader::look_after(Watchdog& watchdog) {
  watchdog.turn();
  if (watchdog.uneasy()) {
    // What was on its way before may be from an earlier silence.
    const std::vector<int> heard = collectives_.heard_alive();
    if (asks_) watchdog.alive(heard);
  }
  asks_ = watchdog.uneasy();
  if (clock_.running() && !ending_) look_for_silence(watchdog);
}

/// What does not go on while rounds do.
void ServeLeader::look_for_silence(Watchdog& watchdog) {
  if (watchdog.limit().count() == 0) return;
  const auto now = Real::now();
  const auto passed = now - std::exchange(last_look_, now);
  // Turns are never so far apart: this process was suspended, and perhaps all.
  const bool suspended = passed > watchdog.limit() / kPartOfTheLimit;
  if (suspended) had_room_ += passed;
  // While rounds stand still, it is the watchdog that says for whom they wait.
  if (suspended || watchdog.uneasy()) last_answer_ += passed;
  if (!held_back_) had_room_ = now;
  if (held_back_ || dispatcher_.drained()) last_answer_ = std::max(last_answer_, now);
  const std::chrono::duration<double> limit = watchdog.limit();
  const std::chrono::duration<double> full = now - had_room_;
  if (full > limit) {
    watchdog.give_up(fmt::format("rank {}: the file system of the outputs takes nothing for {}",
                                 watchdog.name(0), duration_text(full.count())));
  }
  const std::chrono::duration<double> silent = now - last_answer_;
  if (silent > limit * clock_.scale()) {
    watchdog.give_up(fmt::format(
        "no device has answered any request for {}, and requests wait; either all hang, "
        "or none has a model that they ask for",
        duration_text(silent.count())));
  }
}

void ServeLeader::queue_orders() {
  if (ending_) orders_.clear();
  for (const schedule::Order& order : orders_) {
    std::span<const schedule::Request> requests;
    if (order.kind == schedule::Order::Kind::kRun) {
      requests = dispatcher_.requests_of(order.batch);
      // Taken back before it left: its device was ejected.
      if (requests.empty()) continue;
    }
    ServeOutbox& outbox = outbox_[static_cast<std::size_t>(rank_of_device_[order.device])];
    outbox.add({.kind = static_cast<std::uint32_t>(order.kind),
                .device = order.device,
                .instance = order.instance,
                .model = order.spec.model,
                .choice = order.spec.choice,
                .max_batch = order.spec.max_batch,
                .stream = order.stream,
                .size = static_cast<std::uint32_t>(requests.size()),
                .batch = order.batch});
    for (const schedule::Request& request : requests) {
      outbox.add_row(hooks_.row_of ? hooks_.row_of(request.id) : request.id);
    }
    ++queued_;
  }
  orders_.clear();
}

/// Before the dispatcher hears of the batch and forgets its requests.
BatchResults ServeLeader::expected_results(int rank, const NewsWire& news) const {
  BatchResults results{.rank = rank, .requests = {}, .bytes = {}, .owner = nullptr};
  if (news.result_bytes == 0) return results;
  for (const schedule::Request& request : dispatcher_.requests_of(news.batch)) {
    results.requests.push_back(request.id);
  }
  return results;
}

bool ServeLeader::collect() {
  sections_.enter(Section::kMpi);
  if (rounds_.empty() || !rounds_.front().slots->test()) return false;
  sections_.enter(Section::kNews);
  const Round round = std::move(rounds_.front());
  rounds_.pop_front();
  if (settings_.watchdog != nullptr) settings_.watchdog->round_done();
  const double took = std::chrono::duration<double>(Real::now() - round.posted).count();
  ++result_.rounds;
  result_.mean_round_seconds += took;
  result_.longest_round_seconds = std::max(result_.longest_round_seconds, took);
  if (settings_.timeline != nullptr && round.from >= 0) {
    settings_.timeline->add({.from = round.from, .until = clock_.now(), .number = round.number});
  }
  const std::shared_ptr<const Blocks> slots = round.slots->gathered();
  const schedule::Seconds now = clock_.now();
  std::vector<std::uint64_t> answers;
  Results results{
      .round = round.number, .batches = {}, .bytes = {}, .sizes = {}, .payload = nullptr};
  for (int rank = 0; rank < collectives_.size(); ++rank) {
    SlotReader slot(slots->block(rank));
    result_.stopped |= slot.header().stop_requested != 0;
    results.sizes.push_back(slot.header().payload_bytes);
    for (std::uint32_t i = 0; i < slot.header().entries; ++i) {
      const auto news = slot.next<NewsWire>(answers);
      BatchResults expected = expected_results(rank, news);
      const bool good = tell(news, answers, now);
      if (news.result_bytes == 0) continue;
      if (!good) expected.requests.clear();
      results.batches.push_back(std::move(expected));
      results.bytes.push_back(news.result_bytes);
    }
  }
  // Once it is over nobody waits for them.
  if (!results.batches.empty() && last_round_ == 0) results_.push_back(std::move(results));
  sections_.enter(Section::kOrders);
  queue_orders();
  return true;
}

bool ServeLeader::collect_results() {
  if (results_.empty() || !results_.front().payload) return false;
  sections_.enter(Section::kMpi);
  if (!results_.front().payload->test()) return false;
  sections_.enter(Section::kNews);
  Results results = std::move(results_.front());
  results_.pop_front();
  const std::shared_ptr<const Blocks> payload = results.payload->gathered();
  std::vector<std::size_t> taken(results.sizes.size(), 0);
  for (std::size_t i = 0; i < results.batches.size(); ++i) {
    BatchResults& batch = results.batches[i];
    std::size_t& at = taken[static_cast<std::size_t>(batch.rank)];
    batch.bytes = payload->block(batch.rank).subspan(at, results.bytes[i]);
    batch.owner = payload;
    at += results.bytes[i];
    // Those of requests that are elsewhere by now will come from there.
    if (!batch.requests.empty()) hooks_.results(std::move(batch));
  }
  return true;
}

bool ServeLeader::tell(const NewsWire& wire, std::span<const std::uint64_t> answers,
                       schedule::Seconds now) {
  if (last_round_ != 0) return false;
  if (wire.kind == NewsWire::kStatus) {
    if (hooks_.status) hooks_.status(status_of(wire, answers));
    return false;
  }
  const auto kind = static_cast<schedule::DeviceNews::Kind>(wire.kind);
  if (kind == schedule::DeviceNews::Kind::kLoaded) {
    dispatcher_.loaded(wire.device, wire.instance, now, orders_);
    return false;
  }
  const BatchNews news{.failed = kind == schedule::DeviceNews::Kind::kFailed,
                       .device = wire.device,
                       .instance = wire.instance,
                       .batch = wire.batch,
                       .answers = answers};
  const bool done = hooks_.done(news, dispatcher_.requests_of(wire.batch));
  if (done) last_answer_ = Real::now();
  dispatcher_.complete(wire.batch, done, wire.busy, now, orders_);
  return done;
}

ServeLeader::Results* ServeLeader::to_gather() {
  const auto found = std::find_if(results_.begin(), results_.end(),
                                  [](const Results& one) { return one.payload == nullptr; });
  return found == results_.end() ? nullptr : &*found;
}

bool ServeLeader::may_post() {
  // Where ranks take turns on the cores, a second round only makes the first one slower.
  if (rounds_.size() >= (settings_.crowded ? 1 : kRoundsInFlight)) return false;
  if (last_round_ != 0) return next_round_ <= last_round_;
  if (to_gather() != nullptr || (queued_ > 0 && !held_back_)) return true;
  return clock_.running() && Real::now() - last_post_ >= settings_.round_period;
}

/// Any test of MPI's makes all progress; of these only the memory is wanted.
void ServeLeader::finish_sends() {
  std::erase_if(sends_, [](const auto& send) { return send->test(); });
}

void ServeLeader::post_round() {
  sections_.enter(Section::kOrders);
  last_post_ = Real::now();
  const auto ranks = static_cast<std::size_t>(collectives_.size());
  const std::vector<std::size_t> sizes(ranks, settings_.slot_bytes);
  Results* const gathered = to_gather();
  const ServeHeader header{.round = next_round_++,
                           .last_round = last_round_,
                           .now = clock_.now(),
                           .gather_round = gathered == nullptr ? 0 : gathered->round};
  Blocks slots = Blocks::of_sizes(sizes);
  fill_slots(slots, header);
  sections_.enter(Section::kMpi);
  finish_sends();
  sends_.push_back(collectives_.scatter_from_root(Lane::kSlotsDown, std::move(slots)));
  if (gathered != nullptr) {
    AlignedBuffer mine = own_ ? own_->take_payload(gathered->round) : AlignedBuffer{};
    gathered->payload =
        collectives_.gather_to_root(Lane::kPayloadUp, std::move(mine), gathered->sizes);
  }
  sections_.enter(Section::kOrders);
  AlignedBuffer mine(settings_.slot_bytes);
  SlotWriter up(mine.span());
  const std::uint64_t results = own_ ? own_->report(header.round, up, clock_.now()) : 0;
  up.finish({.round = header.round, .payload_bytes = results});
  sections_.enter(Section::kMpi);
  rounds_.push_back({header.round, header.now, last_post_,
                     collectives_.gather_to_root(Lane::kSlotsUp, std::move(mine), sizes)});
}

void ServeLeader::fill_slots(Blocks& slots, const ServeHeader& header) {
  queued_ = 0;
  for (std::size_t rank = 0; rank < outbox_.size(); ++rank) {
    SlotWriter slot(slots.block(static_cast<int>(rank)));
    if (rank == 0 && own_ && !held_back_) {  // they need no way over MPI
      outbox_[0].drain([this](const OrderWire& order, std::span<const std::uint64_t> rows) {
        own_->accept(order, rows, clock_.now());
      });
      own_->accepted();
    }
    if (!held_back_) outbox_[rank].fill(slot);
    slot.finish(header);
    queued_ += outbox_[rank].entries();
  }
}

}  // namespace widepipe::mpi_runtime
