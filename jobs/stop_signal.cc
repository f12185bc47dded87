#include "jobs/stop_signal.h"

#include <array>
#include <csignal>

namespace widepipe::jobs {
namespace {

constexpr std::array<int, 3> kSignals = {SIGTERM, SIGINT, SIGUSR1};

volatile std::sig_atomic_t stop_requested = 0;

void request_stop(int) { stop_requested = 1; }

}  // namespace

StopSignal::StopSignal() {
  stop_requested = 0;
  struct sigaction action = {};
  action.sa_handler = request_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigemptyset(&action.sa_mask);
  for (const int number : kSignals) {
    // Slurm's warning may come more than once: from its timer, from scancel, passed on by a script.
    if (number == SIGUSR1) action.sa_flags = SA_RESTART;
    sigaction(number, &action, nullptr);
  }
}

StopSignal::~StopSignal() {
  for (const int number : kSignals) std::signal(number, SIG_DFL);
}

bool StopSignal::received() const { return stop_requested != 0; }

}  // namespace widepipe::jobs
