#include "jobs/replay_ledger.h"

#include "rl/emulated_rank.h"

namespace widepipe::jobs {

void ReplayLedger::check(schedule::ModelId model, std::span<const schedule::Request> requests,
                         const std::vector<std::uint64_t>& answers) {
  if (answers.size() != requests.size()) {
    wrong_ += static_cast<std::int64_t>(requests.size());
    return;
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    wrong_ += answers[i] != rl::emulated_answer(model, requests[i].id) ? 1 : 0;
  }
}

void ReplayLedger::end(const schedule::Request& request) {
  if (request.id >= ended_.size() || ended_[request.id]) {
    ++doubled_;
    return;
  }
  ended_[request.id] = true;
  ++ends_;
}

void ReplayLedger::answered(schedule::StreamId id, const schedule::Request& request,
                            schedule::Seconds now) {
  end(request);
  next_.answered(id, request, now);
}

void ReplayLedger::dropped(schedule::StreamId id, const schedule::Request& request,
                           schedule::Seconds now) {
  end(request);
  next_.dropped(id, request, now);
}

}  // namespace widepipe::jobs
