#pragma once
// Whether every request that was handed in came to one end, with an answer of its own.

#include <cstdint>
#include <span>
#include <vector>

#include "rl/request_counter.h"
#include "schedule/order_executor.h"

namespace widepipe::jobs {

class ReplayLedger final : public schedule::RequestEvents {
 public:
  /// Passes everything on. `next` outlives this.
  explicit ReplayLedger(schedule::RequestEvents& next) : next_(next) {}

  /// A request has been handed in; ids count from 0.
  void handed_in() { ended_.push_back(false); }
  /// The answers to a batch's requests, for a model.
  void check(schedule::ModelId model, std::span<const schedule::Request> requests,
             const std::vector<std::uint64_t>& answers);

  std::int64_t wrong() const { return wrong_; }      ///< answers that are not those of their rows
  std::int64_t doubled() const { return doubled_; }  ///< ends of requests that had ended
  std::int64_t open() const { return static_cast<std::int64_t>(ended_.size()) - ends_; }

  void answered(schedule::StreamId id, const schedule::Request& request,
                schedule::Seconds now) override;
  void dropped(schedule::StreamId id, const schedule::Request& request,
               schedule::Seconds now) override;
  void closed(const schedule::ClosedBatch& batch) override { next_.closed(batch); }
  void ejected(schedule::DeviceId id, schedule::Seconds now) override { next_.ejected(id, now); }
  void readmitted(schedule::DeviceId id, schedule::Seconds now) override {
    next_.readmitted(id, now);
  }

 private:
  void end(const schedule::Request& request);

  schedule::RequestEvents& next_;
  std::vector<bool> ended_;  ///< by id
  std::int64_t ends_ = 0;
  std::int64_t wrong_ = 0;
  std::int64_t doubled_ = 0;
};

}  // namespace widepipe::jobs
