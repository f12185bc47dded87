#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/number_range.h"
#include "jobs/simulated_policies.h"

namespace widepipe::cli {

/// What arrives, where, and who decides: of verbs that serve one workload. `live`: without the
/// policies that only a simulation can have.
template <typename Command>
void add_workload_options(CLI::App& verb, Command& command, bool live) {
  verb.add_option("--workload", command.workload,
                  "What arrives: A3, A5, A10, D, E, F, G, bulk, a file, or a trace [A5]")
      ->type_name("NAME|FILE.toml|TRACE.h5");
  verb.add_option("--fleet", command.fleet,
                  "The devices: nominal, mixed, troubled, small, or a file [the workload's]")
      ->type_name("NAME|FILE.toml");
  std::string policies;
  for (const jobs::SimulatedPolicy& policy : jobs::simulated_policies()) {
    if (live && policy.told_speeds) continue;
    policies += (policies.empty() ? "" : ", ") + std::string(policy.name);
  }
  verb.add_option("--policy", command.policy,
                  "Who decides: " + policies + ", or the file of a learned one [greedy-estimated]")
      ->type_name("NAME|FILE.toml");
  CLI::Option* set =
      verb.add_option("--set", command.set, "A parameter of the policy; may be repeated")
          ->allow_extra_args(false)
          ->type_name("NAME=VALUE");
  verb.add_option("--learn", command.learn,
                  "A learned policy goes on learning; what it comes to goes into this file")
      ->excludes(set)
      ->type_name("FILE.toml");
}

struct LoadOptions {
  CLI::Option* load;
  CLI::Option* rate;
};

/// How much of it.
template <typename Command>
LoadOptions add_load_options(CLI::App& verb, Command& command) {
  CLI::Option* load =
      verb.add_option("--load", command.load,
                      "Requests, as a share of the fluid bound [0.6; a trace as it is]")
          ->check(number_from(0.001, 100.0))
          ->type_name("SHARE");
  CLI::Option* rate = verb.add_option("--rate", command.rate, "Requests a second, instead")
                          ->check(number_from(0.001, 1e9))
                          ->type_name("N")
                          ->excludes(load);
  return {load, rate};
}

/// What all that simulate or emulate have in common.
template <typename Command>
void add_emulation_options(CLI::App& verb, Command& command) {
  verb.add_option("--profile", command.profile, "The kind of NPU, or a file [npu]")
      ->type_name("NAME|FILE.toml");
  verb.add_option("--seconds", command.seconds, "How long requests arrive; not of traces [10]")
      ->check(number_from(0.01, 1e6))
      ->type_name("S");
  verb.add_option("--evaluations", command.evaluations, "Simulations to tune a policy with [400]")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
}

/// What `simulate` and `evaluate` have in common.
template <typename Command>
void add_simulation_options(CLI::App& verb, Command& command) {
  add_emulation_options(verb, command);
  verb.add_option("--round-period", command.round_period_ms,
                  "Rank 0 acts every so many milliseconds; 0: at once [0]")
      ->check(number_from(0.0, 1e4))
      ->type_name("MS");
  verb.add_option("--round-delay", command.round_delay_ms,
                  "Orders and news are on their way for so long [0]")
      ->check(number_from(0.0, 1e4))
      ->type_name("MS");
}

}  // namespace widepipe::cli
