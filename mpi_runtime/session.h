#pragma once
// The life of MPI in a process, and how a process learns whether it was launched by one.

#include <functional>
#include <memory>
#include <string>

#include "mpi_runtime/collectives.h"

namespace widepipe::mpi_runtime {

/// Looks up an environment variable; null if unset. std::getenv in the program, a table in tests.
using Environment = std::function<const char*(const char*)>;
Environment process_environment();

struct Launch {
  bool launched = false;     ///< a launcher (mpirun, mpiexec, srun) started this process
  int rank = 0;              ///< the rank it gave us, known before MPI_Init
  int slurm_step_tasks = 0;  ///< tasks of the Slurm step when srun launched us; else 0
};

/// Reads what Open MPI, PMI, PMIx, MPICH's hydra and Slurm leave in the environment.
Launch detect_launch(const Environment& environment);

/// MPI from start to end, or its serial twin when no launcher was there: then MPI_Init is never
/// called, so that a plain run needs no working MPI. One a process, on the main thread.
class Session {
 public:
  /// [collective] Throws InputError when Slurm started more tasks than MPI sees ranks.
  explicit Session(const Launch& launch);
  /// [collective] MPI_Finalize. From here on SIGTERM is ignored: all is said and done.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Collectives& collectives() { return *collectives_; }

  /// Ends all ranks at once, for a broken invariant or a failed MPI call. Does not return.
  [[noreturn]] static void abort(int exit_code);

 private:
  std::unique_ptr<Collectives> collectives_;
  bool mpi_ = false;
};

/// The MPI library and its version, in one line.
std::string mpi_library();

}  // namespace widepipe::mpi_runtime
