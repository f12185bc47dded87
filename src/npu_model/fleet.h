#pragma once
// Many devices, not all alike, and what befalls them: the truth that no scheduler is told.

#include <cstdint>
#include <string>
#include <vector>

#include "npu_model/profile.h"

namespace widepipe::npu_model {

/// Devices of one kind in a fleet. What is 0 is as in the profile.
struct DeviceClass {
  std::string name;
  double share = 0;  ///< of the fleet; shares add up to 1
  double speed = 1;
  int cores = 0;
  Bytes memory = 0;

  bool operator==(const DeviceClass&) const = default;
};

/// How a device does not work.
enum class Trouble {
  kGone,   ///< what runs is lost, nothing comes back
  kHangs,  ///< nothing comes back; when it works again it goes on with what it had
  kFails,  ///< all batches come back at once, not computed
  kWrong   ///< batches come back in time, with wrong answers
};

/// Something that befalls some devices at a time, until they recover.
struct FleetEvent {
  enum class Kind {
    kTrouble,
    kSlow,    ///< speed becomes `speed` times that of its class
    kRecover  ///< works again, at the speed of its class
  } kind = Kind::kTrouble;
  Trouble trouble = Trouble::kGone;
  double at = 0;  ///< a share of the run, 0 to 1
  /// Which: a share of the fleet, drawn at random among those that nothing befell so far (kRecover:
  /// of those that something did); or these.
  double share = 0;
  std::vector<int> devices;
  double speed = 1;

  bool operator==(const FleetEvent&) const = default;
};

/// Faults that come at random, device by device, each on its own: times between them, and until
/// they are over, are exponential.
struct RandomFaults {
  Seconds mean_between = 0;  ///< of one device; 0: none
  Seconds mean_until_over = 1;
  double fail_share = 0.5;  ///< of them are failures; the others make it slow
  double slow_speed = 0.4;

  bool operator==(const RandomFaults&) const = default;
};

struct FleetSpec {
  std::string name;
  std::vector<DeviceClass> classes;
  std::vector<FleetEvent> events;  ///< in the order of their times
  RandomFaults random;

  bool operator==(const FleetSpec&) const = default;
};

/// What is impossible about the fleet, for the profile; empty if nothing is.
std::string problem_of(const FleetSpec& spec, const Profile& profile);

/// Likewise, for a fleet of so many devices: events of devices that it does not have.
std::string problem_of(const FleetSpec& spec, int devices);

/// One device as it is at the start.
struct FleetDevice {
  int device_class = 0;
  int cores = 0;
  Bytes memory = 0;
  double speed = 1;
};

/// What a device is like from then on.
struct DeviceChange {
  Seconds at = 0;
  int device = 0;
  double speed = 1;                  ///< 0: it does not work
  Trouble trouble = Trouble::kGone;  ///< then: how
};

struct Fleet {
  std::vector<FleetDevice> devices;
  std::vector<DeviceChange> changes;  ///< in the order of their times
};

/// The same seed, the same fleet; throws std::out_of_range if an event names a device that it
/// lacks. Numbers of devices follow the shares by largest remainder; which device is of which class
/// is random. `duration` is of the run, for events and random faults.
Fleet make_fleet(const FleetSpec& spec, const Profile& profile, int devices, Seconds duration,
                 std::uint64_t seed);

}  // namespace widepipe::npu_model
