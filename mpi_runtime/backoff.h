#pragma once

#include <chrono>

#include "mpi_runtime/wakeup.h"

namespace widepipe::mpi_runtime {

/// The pause in which news may go unnoticed. 200 us every turn leave 97 % of a shared core.
inline constexpr std::chrono::microseconds kLongestPause{200};

/// How the MPI thread waits: it shares its core with compute threads, so a thread that finds
/// nothing to do gives way, the longer the more; busy polling would take half of a shared core.
class Backoff {
 public:
  /// `crowded`: the core is shared with other ranks too, which find nothing while this one spins.
  Backoff(Wakeup& wakeup, std::chrono::microseconds longest, bool crowded = false)
      : wakeup_(wakeup), longest_(longest), crowded_(crowded) {}

  /// Call once a turn of the loop; `moved` says whether the turn found anything to do.
  void pause(bool moved);

 private:
  Wakeup& wakeup_;
  const std::chrono::microseconds longest_;
  const bool crowded_;
  int idle_turns_ = 0;
};

}  // namespace widepipe::mpi_runtime
