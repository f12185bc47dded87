#pragma once
// `widepipe score`: every row of an HDF5 data set through an ONNX model, on one rank or many.

#include <cstdint>
#include <string>
#include <vector>

#include "dataset/source_spec.h"
#include "mpi_runtime/collectives.h"

namespace widepipe::jobs {

/// What the command line says. Zero means "choose".
struct ScoreOptions {
  std::string model;
  std::vector<std::string> inputs;  ///< FILE:/path, or NAME=FILE:/path for each model input
  dataset::RowWindow window;        ///< which rows of them
  std::string output;               ///< FILE:/path
  std::string device = "cpu";
  std::string isa;  ///< instruction set to pin; empty for the processor's best
  std::int64_t batch_rows = 0;
  int instances = 0;
  int cores = 0;  ///< cores an instance
  bool scatter_rows = false;
  bool dedicated_scheduler = false;
  bool restart = false;
  bool allow_mixed = false;
  bool quiet = false;
  std::string report_file;
  double round_period_ms = 2.0;
};

/// [collective] Runs the job; every rank returns the exit code, rank 0 prints. Throws InputError
/// on all ranks when the input is bad (nothing is written), RunError when the run failed in a
/// way that a later run can resume.
int run_score(const ScoreOptions& options, mpi_runtime::Collectives& collectives);

}  // namespace widepipe::jobs
