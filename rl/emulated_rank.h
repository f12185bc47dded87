#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "rl/emulated_fleet.h"
#include "schedule/order_executor.h"
#include "schedule/timeline.h"

namespace widepipe::rl {

/// What emulated devices answer: a function of the model and of the row that was asked for, and of
/// nothing else, so that an answer which got lost, doubled or mixed up shows.
std::uint64_t emulated_answer(schedule::ModelId model, std::uint64_t row);
/// What a device answers that computes wrong.
std::uint64_t emulated_wrong_answer(schedule::ModelId model, std::uint64_t row);

/// The emulated devices of one rank: [first, first + how many the rank has), of a fleet. What
/// befalls them does so at its time, unannounced. All times are computed; they do not depend on how
/// often it is called.
class EmulatedRank final : public schedule::OrderExecutor {
 public:
  /// `fleet` is the whole one; profile and cluster outlive this.
  EmulatedRank(const npu_model::Profile& profile, const npu_model::Fleet& fleet,
               const schedule::Cluster& cluster, std::vector<int> network_of_model,
               schedule::DeviceId first, std::size_t count, std::uint64_t seed);

  void equip(schedule::DeviceId device, schedule::InstanceId instance,
             const schedule::InstanceSpec& spec) override;
  void accept(const schedule::Order& order, std::span<const std::uint64_t> rows,
              Seconds now) override;
  std::optional<schedule::DeviceNews> take_news(Seconds now) override;

  void take_status(Seconds now, std::vector<schedule::DeviceStatus>& all) override;

  /// Batches and loads that end are recorded from now on; `timeline` outlives this.
  void record(schedule::Timeline* timeline) { timeline_ = timeline; }
  /// Until the last call, of all its devices.
  EmulatedFleet::Use use() const { return devices_.use(time_); }

 private:
  /// A batch that a device has.
  struct Batch {
    schedule::DeviceId device = 0;
    schedule::ModelId model = 0;
    std::vector<std::uint64_t> rows;
  };

  void advance(Seconds now);
  void change(const npu_model::DeviceChange& change);
  schedule::DeviceNews told(const EmulatedFleet::News& news, Seconds at);

  const schedule::DeviceId first_;
  const npu_model::Fleet own_;  ///< devices and changes of this rank, numbered from 0
  EmulatedFleet devices_;
  std::size_t next_change_ = 0;
  Seconds time_ = 0;
  std::map<schedule::BatchId, Batch> batches_;
  std::deque<schedule::DeviceNews> news_;  ///< that nobody has taken yet
  std::vector<EmulatedFleet::Use> known_;  ///< as of the last status, at:
  Seconds known_at_ = 0;
  schedule::Timeline* timeline_ = nullptr;
};

}  // namespace widepipe::rl
