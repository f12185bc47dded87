#pragma once

#include <cstdint>
#include <vector>

#include "npu_model/profile.h"

namespace widepipe::npu_model {

/// The batches that run on one device, on its own timeline. All advance at one rate
/// (progress_rate), so each needs only its place on the scale of work done: what is started at work
/// w and takes s seconds solo is done at work w + s, whatever joins or leaves meanwhile. No clock,
/// no chance: the caller says what time it is, and how much work a batch is.
class RunningSet {
 public:
  explicit RunningSet(double speed = 1) : speed_(speed) { set_rate(); }

  struct Started {
    std::uint32_t key = 0;  ///< the caller's name for the batch
    double demand = 0;      ///< of bandwidth, while it runs alone
    Seconds work = 0;       ///< solo, at speed 1
  };

  /// All calls: `now` does not go back.
  void start(const Started& batch, Seconds now);
  /// From now on.
  void set_speed(double speed, Seconds now);
  /// When the first of them will be done if nothing changes; infinity if none runs, or none ever
  /// will (speed 0).
  Seconds next_end() const;
  /// Takes out the one that next_end() is about.
  std::uint32_t finish(Seconds now);
  /// Takes all of them out, unfinished, in no order.
  std::vector<std::uint32_t> abandon(Seconds now);

  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  double demand() const { return demand_; }
  double speed() const { return speed_; }
  /// Seconds of the memory's whole bandwidth that were in use until now.
  Seconds bandwidth_seconds(Seconds now) const {
    return bandwidth_seconds_ + (now > at_ ? (now - at_) * rate_ * demand_ : 0);
  }

 private:
  struct Running {
    Seconds done_at;  ///< on the scale of work
    std::uint32_t key;
    double demand;
    /// std::*_heap keep the greatest in front: the first to end.
    bool operator<(const Running& other) const {
      return done_at != other.done_at ? done_at > other.done_at : key > other.key;
    }
  };

  void advance(Seconds now);
  void set_rate();

  double speed_;
  double demand_ = 0;
  double rate_ = 1;
  Seconds work_ = 0;  ///< done so far, on that scale
  Seconds at_ = 0;    ///< time of it
  Seconds bandwidth_seconds_ = 0;
  std::vector<Running> heap_;
};

}  // namespace widepipe::npu_model
