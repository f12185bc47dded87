#pragma once

#include <functional>

#include "rl/measures.h"
#include "schedule/request_dispatcher.h"

namespace widepipe::rl {

/// Called at each closed batch.
using BatchLog = std::function<void(const schedule::ClosedBatch&)>;

/// Counts what becomes of requests.
class RequestCounter final : public schedule::RequestEvents {
 public:
  /// All outlive it.
  RequestCounter(const schedule::Cluster& cluster, Measures& measures, const BatchLog& log);

  /// The run ends: what is dropped from now on had only waited, and counts as unfinished.
  void end() { ended_ = true; }

  void answered(schedule::StreamId id, const schedule::Request& request, Seconds now) override;
  void dropped(schedule::StreamId id, const schedule::Request& request, Seconds now) override;
  void closed(const schedule::ClosedBatch& batch) override;
  void ejected(schedule::DeviceId, Seconds) override {}
  void readmitted(schedule::DeviceId, Seconds) override {}

 private:
  const schedule::Cluster& cluster_;
  Measures& measures_;
  const BatchLog& log_;
  bool ended_ = false;
};

/// At the end of a run: what the dispatcher counted, and those that nothing became of.
void take_counts(const schedule::RequestCounts& counts, Measures& measures);

}  // namespace widepipe::rl
