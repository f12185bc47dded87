#!/usr/bin/env python3
"""How close `widepipe plan` comes: estimates against real runs of the same job, in turn.

    plan_bench.py                           2,000,000 rows of Fashion-MNIST
    plan_bench.py --load efficientnet_lite0 --rows 2000 --ranks 1 2

A real run on one rank is what the plan timed; on two ranks of this machine each has half its cores.
Prints CSV rows, one a pair, then medians of estimate / real. Needs what score_bench.py needs.
"""

import argparse
import csv
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import score_bench
from score_bench import ROOT, run

FIELDS = ["load", "rows", "ranks", "repeat", "estimate", "least", "most", "real", "ratio"]


def estimate(options, job, folder):
    report = folder / "plan.json"
    run([options.widepipe, "plan", *job, "--nodes", "1", "--seconds", options.seconds, "--report",
         report], options.timeout)
    return json.loads(report.read_text())["estimates"][0]


def real(options, job, folder, ranks):
    for name in ("out.h5", "out.h5.journal"):
        (folder / name).unlink(missing_ok=True)
    launcher = [] if ranks == 1 else [*options.mpiexec.split(), "-n", ranks]
    start = time.perf_counter()
    run([*launcher, options.widepipe, "score", *job], options.timeout)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--load", default="lenet", choices=["lenet", *score_bench.PHOTO_ROWS])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--widepipe", default=ROOT / "build/release/widepipe")
    parser.add_argument("--mpiexec", default="mpiexec --bind-to none")
    parser.add_argument("--timeout", type=int, default=900)
    options = parser.parse_args()
    writer = csv.DictWriter(sys.stdout, FIELDS)
    writer.writeheader()
    ratios = {ranks: [] for ranks in options.ranks}
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as name:
        folder = Path(name)
        load = (score_bench.lenet_load(options.rows, folder) if options.load == "lenet"
                else score_bench.photo_load(options.load, options.rows, folder))
        job = ["--model", load.model, "--input", load.source, "--output",
               f"{folder}/out.h5:/scores"]
        for repeat in range(options.repeats):
            for ranks in options.ranks:
                guess = estimate(options, job, folder)
                seconds = real(options, job, folder, ranks)
                ratios[ranks].append(guess["seconds"] / seconds)
                writer.writerow({"load": load.name, "rows": load.rows, "ranks": ranks,
                                 "repeat": repeat, "estimate": round(guess["seconds"], 2),
                                 "least": round(guess["seconds_least"], 2),
                                 "most": round(guess["seconds_most"], 2),
                                 "real": round(seconds, 2),
                                 "ratio": round(ratios[ranks][-1], 3)})
                sys.stdout.flush()
    for ranks, found in ratios.items():
        print(f"{ranks} rank{'s' if ranks > 1 else ''}: estimate / real {min(found):.3f} to "
              f"{max(found):.3f}, median {statistics.median(found):.3f}")


if __name__ == "__main__":
    main()
