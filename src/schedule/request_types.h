#pragma once
// The words of a request scheduler: requests that come one by one, each with a deadline. Plain
// values: no MPI, no clock.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "schedule/cost_table.h"
#include "schedule/types.h"

namespace widepipe::schedule {

using RequestId = std::uint64_t;
using InstanceId = std::uint32_t;  ///< unique on its device, never used again

/// Requests for one model, all with the same time to answer.
struct RequestStream {
  std::string name;
  ModelId model = 0;
  Seconds slo = 0;  ///< from a request's arrival to its answer; infinity: none
  /// Of a data set: so many requests are there from the start, and no others come.
  std::size_t rows = 0;
};

/// Weights of their own, and what running them takes. Several may be of one network.
struct ServedModel {
  std::string name;
  std::shared_ptr<const NetworkCosts> costs;
};

struct ServingDevice {
  int cores = 0;
  double memory = 0;         ///< bytes
  std::uint32_t number = 0;  ///< in the fleet: devices with room for some models have others each
};

/// All that is known before the first request.
struct Cluster {
  std::vector<ServedModel> models;
  std::vector<RequestStream> streams;
  std::vector<ServingDevice> devices;
};

struct Request {
  RequestId id = 0;
  Seconds arrival = 0;  ///< when it was due to arrive: latency counts from here
};

/// An instance of a model that a device should have.
struct InstanceSpec {
  ModelId model = 0;
  std::uint32_t choice = 0;  ///< of cores: index into NetworkCosts::core_choices()
  int max_batch = 1;

  bool operator==(const InstanceSpec&) const = default;
  auto operator<=>(const InstanceSpec&) const = default;
};

/// Why a batch was closed: why it left with no more requests than it had.
enum class CloseReason {
  kFull,      ///< as many as the rule asks for, or as the instance takes
  kTimeout,   ///< the head has waited as long as the rule says
  kDeadline,  ///< more would have made the head late
  kDrain,     ///< no more will come
  kIdle       ///< a device had nothing to do
};

/// What a device is asked to do.
struct Order {
  enum class Kind { kRun, kLoad, kUnload } kind = Kind::kRun;
  DeviceId device = 0;
  InstanceId instance = 0;
  InstanceSpec spec;
  BatchId batch = 0;    ///< kRun
  StreamId stream = 0;  ///< kRun
  int size = 0;         ///< kRun
};

}  // namespace widepipe::schedule
