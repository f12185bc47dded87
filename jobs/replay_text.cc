#include "jobs/replay_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/units.h"

namespace widepipe::jobs {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMilli = 1e-3;
constexpr double kMicro = 1e-6;

double cpu_a_batch(const Replayed& replayed) {
  return replayed.batches == 0
             ? 0
             : replayed.rounds.cpu_seconds / static_cast<double>(replayed.batches);
}

}  // namespace

std::string replayed_text(const Replayed& replayed) {
  const mpi_runtime::ServeResult& rounds = replayed.rounds;
  std::string text = simulated_text(replayed.as_simulated);
  text += fmt::format("\nlive on {} rank{}, an emulated second in {:g} real one{}\n",
                      replayed.ranks, replayed.ranks == 1 ? "" : "s", replayed.time_scale,
                      replayed.time_scale == 1 ? "" : "s");
  text +=
      fmt::format("  rounds        {}, {:.2f} ms each ({:.3f} emulated), the longest {:.1f} ms\n",
                  grouped(rounds.rounds), rounds.mean_round_seconds / kMilli,
                  rounds.mean_round_seconds / replayed.time_scale / kMilli,
                  rounds.longest_round_seconds / kMilli);
  text += fmt::format("  rank 0        {:.1f} us of its thread a batch, {} batches\n",
                      cpu_a_batch(replayed) / kMicro, grouped(replayed.batches));
  text += fmt::format("  handed in     {:.3f} ms late, emulated, the latest {:.2f} ms\n",
                      replayed.mean_lateness / kMilli, replayed.longest_lateness / kMilli);
  text += fmt::format("  answers       {}\n",
                      replayed.wrong == 0 && replayed.doubled == 0
                          ? "all are those of their requests, none is there twice"
                          : fmt::format("{} are WRONG, {} are there TWICE", grouped(replayed.wrong),
                                        grouped(replayed.doubled)));
  return text;
}

std::string replayed_json(const Replayed& replayed) {
  const mpi_runtime::ServeResult& rounds = replayed.rounds;
  Json json = Json::parse(simulated_json(replayed.as_simulated));
  json["live"] = {{"ranks", replayed.ranks},
                  {"time_scale", replayed.time_scale},
                  {"stopped", rounds.stopped},
                  {"ended_seconds", rounds.ended},
                  {"rounds", rounds.rounds},
                  {"round_seconds", rounds.mean_round_seconds},
                  {"round_emulated_seconds", rounds.mean_round_seconds / replayed.time_scale},
                  {"longest_round_seconds", rounds.longest_round_seconds},
                  {"batches", replayed.batches},
                  {"rank_0_cpu_seconds", rounds.cpu_seconds},
                  {"rank_0_cpu_seconds_per_batch", cpu_a_batch(replayed)},
                  {"mean_lateness_seconds", replayed.mean_lateness},
                  {"longest_lateness_seconds", replayed.longest_lateness},
                  {"answers_wrong", replayed.wrong},
                  {"answers_doubled", replayed.doubled},
                  {"requests_open", replayed.open}};
  return json.dump(2) + "\n";
}

}  // namespace widepipe::jobs
