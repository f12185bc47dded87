#include "mpi_runtime/session.h"

#include <mpi.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>

#include "core/error.h"
#include "mpi_runtime/mpi_call.h"
#include "mpi_runtime/mpi_collectives.h"
#include "mpi_runtime/serial_collectives.h"

namespace widepipe::mpi_runtime {
namespace {

int number_or(const char* text, int absent) {
  return text == nullptr || *text == '\0' ? absent : std::atoi(text);
}

}  // namespace

Environment process_environment() {
  return [](const char* name) { return std::getenv(name); };
}

Launch detect_launch(const Environment& environment) {
  Launch launch;
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "PALS_RANKID"}) {
    if (const char* rank = environment(name)) {
      launch.launched = true;
      launch.rank = number_or(rank, 0);
      break;
    }
  }
  // Slurm sets SLURM_STEP_NUM_TASKS in a step only, not in the batch script; under mpirun it
  // counts Open MPI's daemons instead of ranks.
  const bool mpirun = environment("OMPI_MCA_orte_ess_num_procs") != nullptr ||
                      environment("OMPI_COMM_WORLD_SIZE") != nullptr;
  if (environment("SLURM_STEP_NUM_TASKS") != nullptr && !mpirun) {
    launch.slurm_step_tasks = number_or(environment("SLURM_STEP_NUM_TASKS"), 1);
    if (!launch.launched && launch.slurm_step_tasks > 1) {
      launch.launched = true;
      launch.rank = number_or(environment("SLURM_PROCID"), 0);
    }
  }
  return launch;
}

Session::Session(const Launch& launch) : mpi_(launch.launched) {
  // srun without an MPI plug-in starts every task as a job of one rank, each of which would
  // score the whole data set; some MPI libraries would even refuse to start.
  const bool bare_srun = launch.slurm_step_tasks > 1;
  const auto refuse = [&](int ranks) {
    throw_input_error(
        "Slurm started {} tasks, but MPI sees {} rank{}; use `srun --mpi=pmix` (or mpirun)",
        launch.slurm_step_tasks, ranks, ranks == 1 ? "" : "s");
  };
  const bool pmi = std::getenv("PMIX_RANK") != nullptr || std::getenv("PMI_RANK") != nullptr;
  if (bare_srun && !pmi) refuse(1);
  if (!mpi_) {
    collectives_ = make_serial_collectives();
    return;
  }
  int provided = MPI_THREAD_SINGLE;
  WIDEPIPE_MPI(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided));
  collectives_ = make_mpi_collectives();
  if (bare_srun && collectives_->size() < launch.slurm_step_tasks) {
    const int ranks = collectives_->size();
    collectives_.reset();
    MPI_Finalize();
    refuse(ranks);
  }
}

Session::~Session() {
  if (!mpi_) return;
  collectives_.reset();
  // The first rank that is gone with a code other than 0 has the launcher end the others, which
  // would then be told as killed, and its code be lost.
  std::signal(SIGTERM, SIG_IGN);
  MPI_Finalize();
}

void Session::abort(int exit_code) {
  int initialized = 0;
  MPI_Initialized(&initialized);
  if (initialized != 0) MPI_Abort(MPI_COMM_WORLD, exit_code);
  _exit(exit_code);
}

std::string mpi_library() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  const std::string all(text.data(), static_cast<std::size_t>(length));
  return all.substr(0, all.find_first_of(",\n\t"));
}

}  // namespace widepipe::mpi_runtime
