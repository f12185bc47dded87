#!/usr/bin/env python3
"""What rounds cost on many ranks: straight to each rank, and through groups of them.

    rounds_bench.py
    rounds_bench.py --ranks 251 --groups 1 8 16 32 --seconds 3

Replays a light load, in turn over the sizes of groups, and prints a table of medians: the time of a
round (from the scatter to the last rank's answer), rank 0's CPU time for one, the time until the
first request could come, and memory a rank. 0 stands for the square root of the ranks.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def replay(options, ranks, group, report):
    command = [*options.mpiexec.split(), "-n", str(ranks), str(options.widepipe), "replay", "--rate",
               str(options.rate), "--devices-per-rank", "1", "--time-scale", str(options.time_scale),
               "--seconds", str(options.seconds / options.time_scale), "--group-size", str(group),
               "--report", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=options.timeout)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(report.read_text())["live"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, nargs="+", default=[16, 64, 128, 251])
    parser.add_argument("--groups", type=int, nargs="+", default=[1, 0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rate", type=float, default=20, help="requests an emulated second")
    parser.add_argument("--seconds", type=float, default=6, help="real ones, of each replay")
    parser.add_argument("--time-scale", type=float, default=20)
    parser.add_argument("--widepipe", default=ROOT / "build/release/widepipe")
    parser.add_argument("--mpiexec", default="mpiexec --bind-to none")
    parser.add_argument("--timeout", type=int, default=900)
    options = parser.parse_args()
    print("| ranks | group | round ms | longest | rank 0's CPU a round us | start s | MB a rank | most |")
    print("|" + " --- |" * 8)
    with tempfile.TemporaryDirectory() as name:
        for ranks in options.ranks:
            groups = [group or round(math.sqrt(ranks)) for group in options.groups]
            found = {group: [] for group in groups}
            for _ in range(options.repeats):
                for group in groups:
                    found[group].append(replay(options, ranks, group, Path(name) / "r.json"))
            for group, runs in found.items():
                def median(field):
                    return statistics.median(run[field] for run in runs)

                cpu = statistics.median(run["rank_0_cpu_seconds"] / run["rounds"] for run in runs)
                print(f"| {ranks} | {group} | {1e3 * median('round_seconds'):.2f} "
                      f"| {1e3 * median('longest_round_seconds'):.0f} | {1e6 * cpu:.0f} "
                      f"| {median('start_seconds'):.2f} "
                      f"| {median('memory_bytes_per_rank') / 1e6:.0f} "
                      f"| {median('most_memory_bytes_of_a_rank') / 1e6:.0f} |", flush=True)


if __name__ == "__main__":
    main()
