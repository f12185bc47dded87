#include "schedule/recheck.h"

#include <algorithm>
#include <utility>

namespace widepipe::schedule {
namespace {

bool has_voted(const Rechecks::Case& open, DeviceId device) {
  return std::any_of(open.votes.begin(), open.votes.end(),
                     [&](const Rechecks::Vote& vote) { return vote.device == device; });
}

std::ptrdiff_t votes_for(const Rechecks::Case& open, std::uint64_t digest) {
  return std::count_if(open.votes.begin(), open.votes.end(),
                       [&](const Rechecks::Vote& vote) { return vote.digest == digest; });
}

Rechecks::Verdict undecided(const Rechecks::Case& open) {
  Rechecks::Verdict verdict{
      .wrong = {}, .undecided = true, .stream = open.stream, .rows = open.rows};
  for (const Rechecks::Vote& vote : open.votes) verdict.wrong.push_back(vote.device);
  return verdict;
}

}  // namespace

Rechecks::Rechecks(double share, std::size_t streams, std::size_t devices)
    : share_(share),
      computed_(devices, std::vector<RowSet>(streams)),
      due_(devices, 0),
      retracted_(devices, false) {}

void Rechecks::add(DeviceId device, StreamId stream, RowRange rows, std::uint64_t digest,
                   const MayVote& may_vote) {
  if (share_ <= 0) return;
  computed_[device][stream].add(rows);
  due_[device] += share_ * static_cast<double>(rows.count);
  if (due_[device] < static_cast<double>(rows.count)) return;
  due_[device] -= static_cast<double>(rows.count);
  const Case sampled{.stream = stream, .rows = rows, .votes = {{device, digest}}};
  if (may_be_decided(sampled, may_vote)) open_.push_back(std::make_shared<Case>(sampled));
}

std::shared_ptr<Rechecks::Case> Rechecks::take(DeviceId device) {
  const auto found = std::find_if(open_.begin(), open_.end(),
                                  [&](const auto& open) { return !has_voted(*open, device); });
  if (found == open_.end()) return nullptr;
  std::shared_ptr<Case> open = std::move(*found);
  open_.erase(found);
  return open;
}

Rechecks::Verdict Rechecks::vote(const std::shared_ptr<Case>& open, Vote vote,
                                 const MayVote& may_vote) {
  if (retracted_[open->votes.front().device]) return {};
  std::erase_if(open->votes, [&](const Vote& other) { return retracted_[other.device]; });
  open->votes.push_back(vote);
  const std::ptrdiff_t agree = votes_for(*open, vote.digest);
  if (agree < 2) {
    if (!may_be_decided(*open, may_vote)) return undecided(*open);
    open_.push_front(open);
    return {};
  }
  Verdict verdict{.wrong = {}, .undecided = false, .stream = open->stream, .rows = open->rows};
  for (const Vote& other : open->votes) {
    if (other.digest != vote.digest) verdict.wrong.push_back(other.device);
  }
  return verdict;
}

bool Rechecks::may_be_decided(const Case& open, const MayVote& may_vote) const {
  for (DeviceId device = 0; device < computed_.size(); ++device) {
    if (may_vote(device) && !has_voted(open, device)) return true;
  }
  return false;
}

Rechecks::Verdict Rechecks::prune(const MayVote& may_vote) {
  Verdict verdict;
  std::erase_if(open_, [&](const std::shared_ptr<Case>& open) {
    if (may_be_decided(*open, may_vote)) return false;
    if (open->votes.size() > 1 && verdict.wrong.empty()) verdict = undecided(*open);
    return true;
  });
  return verdict;
}

std::vector<Rechecks::StreamRows> Rechecks::retract(DeviceId device) {
  retracted_[device] = true;
  std::vector<StreamRows> rows;
  for (StreamId stream = 0; stream < computed_[device].size(); ++stream) {
    RowSet& computed = computed_[device][stream];
    if (!computed.empty()) rows.push_back({stream, computed.ranges()});
    computed.clear();
  }
  std::erase_if(open_, [&](const auto& open) { return open->votes.front().device == device; });
  for (const auto& open : open_) {
    std::erase_if(open->votes, [&](const Vote& vote) { return vote.device == device; });
  }
  return rows;
}

}  // namespace widepipe::schedule
