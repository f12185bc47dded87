#include "npu_model/running_set.h"

#include <algorithm>
#include <limits>

#include "npu_model/equations.h"

namespace widepipe::npu_model {

void RunningSet::set_rate() { rate_ = progress_rate(speed_, demand_); }

void RunningSet::advance(Seconds now) {
  bandwidth_seconds_ = bandwidth_seconds(now);
  if (now > at_) work_ += (now - at_) * rate_;
  at_ = now;
}

void RunningSet::start(const Started& batch, Seconds now) {
  advance(now);
  heap_.push_back({work_ + batch.work, batch.key, batch.demand});
  std::push_heap(heap_.begin(), heap_.end());
  demand_ += batch.demand;
  set_rate();
}

void RunningSet::set_speed(double speed, Seconds now) {
  advance(now);
  speed_ = speed;
  set_rate();
}

Seconds RunningSet::next_end() const {
  if (heap_.empty() || rate_ <= 0) return std::numeric_limits<Seconds>::infinity();
  return at_ + std::max(heap_.front().done_at - work_, 0.0) / rate_;
}

std::uint32_t RunningSet::finish(Seconds now) {
  advance(now);
  std::pop_heap(heap_.begin(), heap_.end());
  const Running done = heap_.back();
  heap_.pop_back();
  // An empty device starts from scratch, so that rounding errors do not pile up.
  demand_ = heap_.empty() ? 0 : demand_ - done.demand;
  if (heap_.empty()) work_ = 0;
  set_rate();
  return done.key;
}

std::vector<std::uint32_t> RunningSet::abandon(Seconds now) {
  advance(now);
  std::vector<std::uint32_t> keys;
  for (const Running& running : heap_) keys.push_back(running.key);
  heap_.clear();
  demand_ = 0;
  work_ = 0;
  set_rate();
  return keys;
}

}  // namespace widepipe::npu_model
