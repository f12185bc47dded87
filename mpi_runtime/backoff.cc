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
  if (crowded_) {
    wakeup_.wait_for(longest_);
    return;
  }
  const int turn = idle_turns_++;
  if (turn < kSpins) return;
  if (turn < kSpins + kYields) {
    std::this_thread::yield();
    return;
  }
  const int doublings = std::min(turn - kSpins - kYields, 8);
  wakeup_.wait_for(std::min(longest_, kFirstSleep * (1 << doublings)));
}

}  // namespace widepipe::mpi_runtime
