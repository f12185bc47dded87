#pragma once

namespace widepipe::jobs {

/// Turns SIGTERM, SIGINT and SIGUSR1 into a flag while it lives, so that a job can bring home
/// what is under way. A second SIGTERM or SIGINT acts as it always does. One a
/// process.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool received() const;
};

}  // namespace widepipe::jobs
