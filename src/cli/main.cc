// The widepipe command: parses the command line and starts a job. Exit codes: 0 done, 1 finished
// with failed rows, 2 bad usage or input, 3 stopped early but resumable, 4 failed but resumable.

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <exception>

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

/// Only rank 0 speaks and only rank 0 ends with a code other than 0: launchers pass that one on.
int run(const widepipe::cli::CommandLine& command, const widepipe::mpi_runtime::Launch& launch) {
  const bool speaks = launch.rank == 0;
  try {
    if (command.verb == "inspect") {
      std::signal(SIGPIPE, SIG_DFL);  // `widepipe inspect ... | head` ends quietly
      return speaks ? widepipe::jobs::run_inspect(command.inspect) : 0;
    }
    if (command.verb == "merge") return speaks ? widepipe::jobs::run_merge(command.merge) : 0;
    if (command.verb == "plan") return speaks ? widepipe::jobs::run_plan(command.plan) : 0;
    if (command.verb == "submit") return speaks ? widepipe::jobs::run_submit(command.submit) : 0;
    widepipe::mpi_runtime::Session session(launch);
    try {
      const int code = widepipe::jobs::run_score(command.score, session.collectives());
      return speaks ? code : 0;
    } catch (const InputError&) {
      throw;
    } catch (const RunError&) {
      throw;
    } catch (const std::exception& error) {
      // One rank alone is here: the others wait in a collective and must be ended.
      say_error(fmt::format("rank {}: internal error: {}", launch.rank, error.what()).c_str());
      widepipe::mpi_runtime::Session::abort(kBroken);
    }
  } catch (const InputError& error) {
    if (speaks) say_error(error.what());
    return speaks ? kBadInput : 0;
  } catch (const RunError& error) {
    if (speaks) say_error(error.what());
    return speaks ? kRunFailed : 0;
  }
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
      return speaks ? parsed.exit_code : 0;
    }
    return run(parsed.command, launch);
  } catch (const std::exception& error) {
    say_error(error.what());
    return kBroken;
  }
}
