#include "device/core_gate.h"

#include <algorithm>

namespace widepipe::device {

std::uint64_t CoreGate::take_ticket() {
  const std::lock_guard lock(mutex_);
  return next_ticket_++;
}

bool CoreGate::enter(std::uint64_t ticket, int cores, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  waiting_[ticket] = std::min(cores, cores_);
  const bool entered = changed_.wait(lock, stop, [&] { return is_next(ticket); });
  if (entered) free_ -= waiting_[ticket];
  waiting_.erase(ticket);
  lock.unlock();
  changed_.notify_all();  // there may be room for another beside it
  return entered;
}

void CoreGate::leave(int cores) {
  {
    const std::lock_guard lock(mutex_);
    free_ += std::min(cores, cores_);
  }
  changed_.notify_all();
}

std::size_t CoreGate::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

bool CoreGate::is_next(std::uint64_t ticket) const {
  const auto first = std::find_if(waiting_.begin(), waiting_.end(),
                                  [this](const auto& batch) { return batch.second <= free_; });
  return first != waiting_.end() && first->first == ticket;
}

}  // namespace widepipe::device
