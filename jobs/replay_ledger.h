#pragma once
// Whether every request that was handed in came to one end, with an answer of its own.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "jobs/request_rows.h"
#include "rl/request_counter.h"
#include "schedule/order_executor.h"

namespace widepipe::jobs {

/// What answers must be.
class AnswerRule {
 public:
  enum class Verdict {
    kRight,
    kWrong,   ///< not that of its request: mixed up on its way
    kRefused  ///< what a device answers that computes wrong
  };
  virtual ~AnswerRule() = default;
  virtual Verdict judge(schedule::ModelId model, schedule::RequestId request,
                        std::uint64_t answer) = 0;
};

/// Of emulated devices: each answer is known.
class EmulatedAnswers final : public AnswerRule {
 public:
  Verdict judge(schedule::ModelId model, schedule::RequestId request,
                std::uint64_t answer) override;
};

/// Of real ones, digests of results: those of a row are always the same, whoever computes it.
class SameAnswers final : public AnswerRule {
 public:
  /// `rows` outlives it.
  explicit SameAnswers(const RequestRows& rows) : rows_(rows) {}
  Verdict judge(schedule::ModelId model, schedule::RequestId request,
                std::uint64_t answer) override;

 private:
  const RequestRows& rows_;
  std::vector<std::vector<std::optional<std::uint64_t>>> known_;  ///< by data and row
};

class ReplayLedger final : public schedule::RequestEvents {
 public:
  /// Passes everything on. Both outlive this.
  ReplayLedger(schedule::RequestEvents& next, AnswerRule& rule) : next_(next), rule_(rule) {}

  /// A request has been handed in; ids count from 0.
  void handed_in() { ended_.push_back(false); }
  /// The answers to a batch's requests, for a model. False if they are what a device answers that
  /// computes wrong: then they do not count. All else that is wrong is a fault of widepipe's own.
  bool check(schedule::ModelId model, std::span<const schedule::Request> requests,
             std::span<const std::uint64_t> answers);

  std::int64_t wrong() const { return wrong_; }      ///< answers that are not those of their rows
  std::int64_t refused() const { return refused_; }  ///< of devices that compute wrong
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
  AnswerRule& rule_;
  std::vector<bool> ended_;  ///< by id
  std::int64_t ends_ = 0;
  std::int64_t wrong_ = 0;
  std::int64_t refused_ = 0;
  std::int64_t doubled_ = 0;
};

}  // namespace widepipe::jobs
