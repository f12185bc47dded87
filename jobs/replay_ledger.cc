#include "jobs/replay_ledger.h"

#include "rl/emulated_rank.h"

namespace widepipe::jobs {

AnswerRule::Verdict EmulatedAnswers::judge(schedule::ModelId model, schedule::RequestId request,
                                           std::uint64_t answer) {
  if (answer == rl::emulated_answer(model, request)) return Verdict::kRight;
  return answer == rl::emulated_wrong_answer(model, request) ? Verdict::kRefused : Verdict::kWrong;
}

AnswerRule::Verdict SameAnswers::judge(schedule::ModelId /*model*/, schedule::RequestId request,
                                       std::uint64_t answer) {
  const std::size_t data = rows_.data_of(request);
  const auto row = static_cast<std::size_t>(rows_.row_of(request));
  if (known_.size() <= data) known_.resize(data + 1);
  if (known_[data].size() <= row) known_[data].resize(row + 1);
  std::optional<std::uint64_t>& known = known_[data][row];
  if (!known) known = answer;
  return known == answer ? Verdict::kRight : Verdict::kWrong;
}

bool ReplayLedger::check(schedule::ModelId model, std::span<const schedule::Request> requests,
                         std::span<const std::uint64_t> answers) {
  if (answers.size() != requests.size()) {
    wrong_ += static_cast<std::int64_t>(requests.size());
    return true;
  }
  const std::int64_t refused = refused_;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const AnswerRule::Verdict verdict = rule_.judge(model, requests[i].id, answers[i]);
    if (verdict == AnswerRule::Verdict::kWrong) ++wrong_;
    if (verdict == AnswerRule::Verdict::kRefused) ++refused_;
  }
  return refused_ == refused;
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
