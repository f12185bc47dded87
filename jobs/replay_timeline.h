#pragma once
// The timeline of a replay: who did what when, in the trace event format that Perfetto and Chrome
// show (https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU).

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "mpi_runtime/collectives.h"
#include "schedule/order_executor.h"
#include "schedule/request_dispatcher.h"
#include "schedule/timeline.h"

namespace widepipe::jobs {

/// Of all ranks together: what a viewer still shows.
inline constexpr std::size_t kMostTimelineEvents = 1'000'000;

/// What rank 0 knows: every batch from its order to its answer with why it left, queues, and what
/// devices say of themselves. All of at most so many events: later ones are counted only.
class ReplayTimeline final : public schedule::RequestEvents {
 public:
  enum class End { kOut, kAnswered, kFailed, kWrong, kLate };
  struct Batch {
    schedule::ClosedBatch closed;
    schedule::Seconds until = 0;
    End end = End::kOut;
  };
  struct Queue {
    schedule::Seconds at;
    schedule::StreamId stream;
    std::size_t waiting;
  };
  struct Care {
    schedule::Seconds at;
    schedule::DeviceId device;
    bool ejected;
  };

  /// Passes everything on. `next` outlives this.
  ReplayTimeline(schedule::RequestEvents& next, std::size_t most) : next_(next), most_(most) {}

  /// A batch came back, or never will.
  void ended(schedule::BatchId batch, schedule::Seconds now, End end);
  void status(const schedule::DeviceStatus& status) {
    if (room()) status_.push_back(status);
  }

  const std::vector<Batch>& batches() const { return batches_; }
  const std::vector<Queue>& queues() const { return queues_; }
  const std::vector<Care>& care() const { return care_; }
  const std::vector<schedule::DeviceStatus>& statuses() const { return status_; }
  std::uint64_t left_out() const { return left_out_; }

  void answered(schedule::StreamId id, const schedule::Request& request,
                schedule::Seconds now) override {
    next_.answered(id, request, now);
  }
  void dropped(schedule::StreamId id, const schedule::Request& request,
               schedule::Seconds now) override {
    next_.dropped(id, request, now);
  }
  void closed(const schedule::ClosedBatch& batch) override;
  void ejected(schedule::DeviceId id, schedule::Seconds now) override;
  void readmitted(schedule::DeviceId id, schedule::Seconds now) override;

 private:
  bool room();

  schedule::RequestEvents& next_;
  const std::size_t most_;
  std::uint64_t left_out_ = 0;
  std::vector<Batch> batches_;
  std::unordered_map<schedule::BatchId, std::size_t> out_;  ///< their places
  std::vector<Queue> queues_;
  std::vector<Care> care_;
  std::vector<schedule::DeviceStatus> status_;
};

/// What the file needs to know besides.
struct TimelineNames {
  std::vector<std::string> ranks;  ///< rank@host
  std::vector<int> rank_of_device;
  std::vector<std::string> streams;
  std::vector<std::string> models;
};

/// A rank's record on its way to rank 0.
std::vector<std::byte> packed(const schedule::Timeline& timeline);

/// Writes the records of all ranks, each packed, and rank 0's own. Throws RunError.
void write_timeline(const std::string& path, const mpi_runtime::Blocks& ranks,
                    const ReplayTimeline& own, const TimelineNames& names, schedule::Seconds ended);

}  // namespace widepipe::jobs
