#pragma once

#include <chrono>
#include <functional>

#include "mpi_runtime/backoff.h"
#include "mpi_runtime/collectives.h"
#include "mpi_runtime/watchdog.h"
#include "mpi_runtime/worker.h"

namespace widepipe::mpi_runtime {

/// Down slots that every rank has posted a receive for, and so rounds that may be under way.
inline constexpr std::uint32_t kRoundsInFlight = 2;

/// [collective, ranks other than 0] Takes part in rounds until rank 0 announces the last one.
/// `stop_requested` is asked once a round and its answer carried to rank 0.
/// `worker` is null on a rank that gets no dispatches; `watchdog` may be null.
void follow(Collectives& collectives, Worker* worker, Wakeup& wakeup,
            std::chrono::microseconds longest_pause, const std::function<bool()>& stop_requested,
            Watchdog* watchdog = nullptr);

}  // namespace widepipe::mpi_runtime
