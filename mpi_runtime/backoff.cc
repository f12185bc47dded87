#include "mpi_runtime/backoff.h"

#include <algorithm>
#include <thread>

namespace widepipe::mpi_runtime {
namespace {

constexpr int kSpins = 8;
constexpr int kYields = 4;
constexpr std::chrono::microseconds kFirstSleep{25};

}  // namespace

void Backoff::pause(bool moved) {
  if (moved) {
    idle_turns_ = 0;
    return;
  }
  const int turn = idle_turns_++;
  if (crowded_) {  // what has been begun may need some more looks of MPI's
    turn < 2 * kYields ? std::this_thread::yield() : wakeup_.wait_for(longest_);
    return;
  }
  if (turn < kSpins) return;
  if (turn < kSpins + kYields) {
    std::this_thread::yield();
    return;
  }
  const int doublings = std::min(turn - kSpins - kYields, 8);
  wakeup_.wait_for(std::min(longest_, kFirstSleep * (1 << doublings)));
}

}  // namespace widepipe::mpi_runtime
