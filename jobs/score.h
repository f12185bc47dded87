#pragma once
// `widepipe score`: the rows of HDF5 data sets through ONNX models, on one rank or many.

#include "jobs/job_spec.h"
#include "mpi_runtime/collectives.h"

namespace widepipe::jobs {

/// [collective] Runs the job; every rank returns the exit code, rank 0 prints. Throws InputError
/// on all ranks when the input is bad (nothing is written), RunError when the run failed in a
/// way that a later run can resume.
int run_score(const ScoreCommand& command, mpi_runtime::Collectives& collectives);

}  // namespace widepipe::jobs
