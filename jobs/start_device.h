#pragma once
// The devices of a job: made, and shown to be sound before they get work.

#include <memory>

#include "jobs/ready_job.h"
#include "mpi_runtime/collectives.h"
#include "mpi_runtime/wakeup.h"
#include "mpi_runtime/worker.h"

namespace widepipe::jobs {

/// [collective] Makes this rank's device and, but for JobSettings::trust_devices, lets it run a row
/// of each model whose result rank 0 has computed with the built-in kernels. Where that goes wrong,
/// or takes longer than the watchdog's limit, all ranks note so in job.fleet().left_out. Null on a
/// rank without a device, or without a sound one. Throws InputError on all ranks: no device is
/// sound, or fewer than JobSettings::min_devices, or JobSettings::recheck_share asks for results to
/// be compared and they cannot be.
std::unique_ptr<mpi_runtime::Worker> start_device(ReadyJob& job,
                                                  mpi_runtime::Collectives& collectives,
                                                  mpi_runtime::Wakeup& wakeup);

}  // namespace widepipe::jobs
