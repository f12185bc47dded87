#!/usr/bin/env python3
"""How well simulation and reality agree: `simulate` against `replay`, around the goodput.

    agreement_bench.py                                           A5 and F, 16 ranks x 4
    agreement_bench.py --ranks 250 --time-scale 20 --group-size 32 --seconds 3
    agreement_bench.py --ranks 250 --time-scale 20 --group-size 32 --seconds 3 --loads 2 --zero-delay

For each workload: a replay measures its rounds; `simulate --find-goodput` with rounds of that period,
in which batches are on their way for as long, gives the goodput; then at each factor of it a replay
runs, and a simulation with the rounds that this very replay had. Prints a table: what was answered a
second and the 99th percentile of latency, both ways, all in emulated time. With --loads, shares of
the bound instead of factors of the goodput; with --zero-delay, against a simulation in which orders
and news take no time.
"""

import argparse
import tempfile
from pathlib import Path

from live_rounds import rounds_of, travel, widepipe

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ("workload", "load", "round ms", "on the way ms", "answered/s sim", "live", "ratio", "p99 ms sim",
           "live", "ratio", "in SLO sim", "live", "rank 0 us a batch")


def common(options, workload):
    return ["--workload", workload, "--policy", options.policy, "--seconds", options.seconds,
            "--seed", options.seed, "--evaluations", options.evaluations]


def replay(options, workload, load):
    return widepipe(options, [*options.mpiexec.split(), "-n", str(options.ranks)], "replay",
                    *common(options, workload), "--devices-per-rank", options.devices_per_rank,
                    "--time-scale", options.time_scale, "--group-size", options.group_size,
                    "--load", load)


def simulate(options, workload, rounds, *load):
    period, delay = rounds
    return widepipe(options, [], "simulate", *common(options, workload), "--devices",
                    options.ranks * options.devices_per_rank, "--round-period", 1e3 * period,
                    "--round-delay", 1e3 * delay, *load)


def live_rounds(options, workload, real):
    load = real["runs"][0]["share_of_bound"]
    return rounds_of(real, lambda *rounds: simulate(options, workload, rounds, "--load", load))


def loads_of(options, workload):
    """What they are called, and shares of the bound."""
    if options.loads:
        return [(f"{load:g}", load) for load in options.loads]
    rounds = live_rounds(options, workload, replay(options, workload, options.first_load))
    [found] = simulate(options, workload, rounds, "--find-goodput")["runs"]
    goodput = found["share_of_bound"]
    return [(f"{factor:g} x {goodput:.3f}", factor * goodput) for factor in options.factors]


def figures(report):
    [run] = report["runs"]
    everything = run["all"]
    answered = (everything["in_time"] + everything["late"]) / report["seconds"]
    return answered, 1e3 * everything["latency_seconds"]["p99"], everything["attainment"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workloads", nargs="+", default=["A5", "F"])
    parser.add_argument("--policy", default="greedy-estimated")
    parser.add_argument("--ranks", type=int, default=16)
    parser.add_argument("--devices-per-rank", type=int, default=4)
    parser.add_argument("--time-scale", type=float, default=8)
    parser.add_argument("--group-size", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--factors", type=float, nargs="+", default=[0.95, 1.05])
    parser.add_argument("--loads", type=float, nargs="+")
    parser.add_argument("--zero-delay", action="store_true")
    parser.add_argument("--first-load", type=float, default=0.6,
                        help="of the replay that measures rounds")
    parser.add_argument("--evaluations", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--widepipe", default=ROOT / "build/release/widepipe", type=Path)
    parser.add_argument("--mpiexec", default="mpiexec --bind-to none")
    parser.add_argument("--timeout", type=int, default=3600)
    options = parser.parse_args()
    print(f"{options.ranks} ranks x {options.devices_per_rank}, an emulated second in "
          f"{options.time_scale:g} real ones, groups of {options.group_size}")
    print("| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS))
    with tempfile.TemporaryDirectory() as name:
        options.folder = Path(name)
        for workload in options.workloads:
            for name_of_load, load in loads_of(options, workload):
                real = replay(options, workload, load)
                live = real["live"]
                answered, p99, attained = figures(real)
                rounds = (0, 0) if options.zero_delay else live_rounds(options, workload, real)
                sim_answered, sim_p99, sim_attained = figures(
                    simulate(options, workload, rounds, "--load", load))
                print(f"| {workload} | {name_of_load} "
                      f"| {1e3 * live['round_emulated_seconds']:.3f} | {1e3 * travel(real):.3f} "
                      f"| {sim_answered:.0f} | {answered:.0f} | {answered / sim_answered:.3f} "
                      f"| {sim_p99:.2f} | {p99:.2f} | {p99 / sim_p99:.3f} "
                      f"| {sim_attained:.4f} | {attained:.4f} "
                      f"| {1e6 * live['rank_0_cpu_seconds_per_batch']:.1f} |", flush=True)


if __name__ == "__main__":
    main()
