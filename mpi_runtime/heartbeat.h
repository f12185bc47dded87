#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/surroundings.h"
#include "mpi_runtime/collectives.h"
#include "mpi_runtime/watchdog.h"

namespace widepipe::mpi_runtime {

/// Stands in for the rounds where there are none: before the first, while ranks import models and
/// open files, and behind the last. Rank 0 asks, the others answer; when all have, that is a round
/// to the watchdogs. All on the MPI thread, while it waits (Collectives::while_waiting).
class Heartbeat {
 public:
  /// [collective]
  explicit Heartbeat(Collectives& collectives);
  ~Heartbeat() { stop(); }
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  /// [collective] From now on a rank that does not answer for `limit` ends the job; zero: none
  /// does.
  void start(std::chrono::milliseconds limit);
  void stop();

 private:
  void turn();
  void ask();
  void answer();

  Collectives& collectives_;
  std::vector<std::string> names_;  ///< of all ranks, "2@node3"
  std::optional<Watchdog> watchdog_;
  std::vector<bool> heard_;  ///< rank 0: since it last asked
  bool asks_ = false;        ///< rank 0: not all have answered
  TimePoint last_{};         ///< when it asked; when this rank last answered
};

}  // namespace widepipe::mpi_runtime
