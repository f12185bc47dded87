#pragma once

#include <CLI/CLI.hpp>

namespace widepipe::cli {

/// What `simulate` and `evaluate` have in common.
template <typename Command>
void add_simulation_options(CLI::App& verb, Command& command) {
  verb.add_option("--profile", command.profile, "The kind of NPU, or a file [npu]")
      ->type_name("NAME|FILE.toml");
  verb.add_option("--seconds", command.seconds, "How long requests arrive; not of traces [10]")
      ->check(CLI::Range(0.01, 1e6))
      ->type_name("S");
  verb.add_option("--round-period", command.round_period_ms,
                  "Rank 0 acts every so many milliseconds; 0: at once [0]")
      ->check(CLI::Range(0.0, 1e4))
      ->type_name("MS");
  verb.add_option("--round-delay", command.round_delay_ms,
                  "Orders and news are on their way for so long [0]")
      ->check(CLI::Range(0.0, 1e4))
      ->type_name("MS");
  verb.add_option("--evaluations", command.evaluations, "Simulations to tune a policy with [400]")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
}

}  // namespace widepipe::cli
