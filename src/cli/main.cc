// The widepipe command: parses the command line and starts a job. Exit codes: 0 done, 1 finished
// with failed rows, 2 bad usage or input, 3 stopped early but resumable, 4 failed but resumable.

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>

#include "cli/command_line.h"
#include "core/console.h"
#include "core/error.h"
#include "mpi_runtime/session.h"

namespace {

using widepipe::InputError;
using widepipe::RunError;

constexpr int kBadInput = 2;
constexpr int kRunFailed = 4;
constexpr int kBroken = 70;  // EX_SOFTWARE: a bug, or MPI itself failed

void say_error(const char* message) {
  widepipe::say(stderr, fmt::format("widepipe: {}\n", message));
}

/// Where $WIDEPIPE_EXIT_CODE_FILE names a file, it gets rank 0's exit code: a launcher may return
/// the one of a rank that it killed, or that crashed in MPI_Finalize, while all was said and done.
void leave_exit_code(int code) {
  const char* path = std::getenv("WIDEPIPE_EXIT_CODE_FILE");
  if (path == nullptr || *path == '\0') return;
  std::ofstream file(path);
  file << code << '\n';
  if (!file.flush()) say_error(fmt::format("{}: the exit code cannot be written", path).c_str());
}

/// The exit code of `job`, whose errors rank 0 tells.
template <typename Job>
int exit_code(bool speaks, const Job& job) {
  int code = kRunFailed;
  try {
    code = job();
  } catch (const InputError& error) {
    if (speaks) say_error(error.what());
    code = kBadInput;
  } catch (const RunError& error) {
    if (speaks) say_error(error.what());
  }
  if (speaks) leave_exit_code(code);
  return code;
}

/// A verb that all ranks do together.
int with_all_ranks(const widepipe::cli::CommandLine& command,
                   const widepipe::mpi_runtime::Launch& launch) {
  const bool speaks = launch.rank == 0;
  widepipe::mpi_runtime::Session session(launch);
  try {
    return exit_code(speaks, [&] {  // settled before MPI_Finalize
      if (command.verb == "replay") {
        return widepipe::jobs::run_replay(command.replay, session.collectives());
      }
      if (command.verb == "train") {
        return widepipe::jobs::run_train(command.train, session.collectives());
      }
      return widepipe::jobs::run_score(command.score, session.collectives());
    });
  } catch (const std::exception& error) {
    // One rank alone is here: the others wait in a collective and must be ended.
    say_error(fmt::format("rank {}: internal error: {}", launch.rank, error.what()).c_str());
    widepipe::mpi_runtime::Session::abort(kBroken);
  }
}

/// Only rank 0 speaks and only rank 0 ends with a code other than 0: launchers pass that one on.
int run(const widepipe::cli::CommandLine& command, const widepipe::mpi_runtime::Launch& launch) {
  const bool speaks = launch.rank == 0;
  if (command.verb == "score" || command.verb == "replay" || command.verb == "train") {
    const int code = exit_code(speaks, [&] { return with_all_ranks(command, launch); });
    return speaks ? code : 0;
  }
  if (!speaks) return 0;
  return exit_code(speaks, [&] {
    if (command.verb == "merge") return widepipe::jobs::run_merge(command.merge);
    if (command.verb == "plan") return widepipe::jobs::run_plan(command.plan);
    if (command.verb == "profile") return widepipe::jobs::run_profile(command.profile);
    if (command.verb == "simulate") return widepipe::jobs::run_simulate(command.simulate);
    if (command.verb == "evaluate") return widepipe::jobs::run_evaluate(command.evaluate);
    if (command.verb == "trace") return widepipe::jobs::run_trace(command.trace);
    if (command.verb == "submit") return widepipe::jobs::run_submit(command.submit);
    std::signal(SIGPIPE, SIG_DFL);  // `widepipe inspect ... | head` ends quietly
    return widepipe::jobs::run_inspect(command.inspect);
  });
}

}  // namespace

int main(int argc, char** argv) {
  // A closed pipe or a file size limit is an error to report, not a reason to die of a signal.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  const widepipe::mpi_runtime::Launch launch =
      widepipe::mpi_runtime::detect_launch(widepipe::mpi_runtime::process_environment());
  const bool speaks = launch.rank == 0;
  try {
    const widepipe::cli::Parsed parsed = widepipe::cli::parse(argc, argv);
    if (parsed.finished) {
      if (speaks) widepipe::say(parsed.exit_code == 0 ? stdout : stderr, parsed.text);
      if (speaks) leave_exit_code(parsed.exit_code);
      return speaks ? parsed.exit_code : 0;
    }
    return run(parsed.command, launch);
  } catch (const std::exception& error) {
    say_error(error.what());
    return kBroken;
  }
}
