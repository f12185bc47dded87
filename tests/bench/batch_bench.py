#!/usr/bin/env python3
"""`widepipe score --batch auto` beside fixed batch sizes, on real models.

    batch_bench.py
    batch_bench.py --models ocr_det --batches 1 4 16 --seconds 10 --repeats 5

Each model scores a data set of its own, as large as takes about `--seconds` with `--batch auto`, on two ranks of one
core each. All settings take turns, in another order each time. Prints rows a second (medians), and auto by the best of
the fixed sizes: the median of the ratios within a turn, to the size whose median is best (which, of so many, is a little
lucky).
"""

import argparse
import random
import statistics
import tempfile
from pathlib import Path

import h5py
import numpy as np

from live_rounds import widepipe
from serve_bench import MODELS, ROOT


def write_rows(options, name, rows):
    shape = MODELS[name][1]
    some = np.random.default_rng(1).random((16, *shape), np.float32)
    with h5py.File(options.folder / f"{name}.h5", "w") as file:
        data = file.create_dataset("x", (rows, *shape), np.float32)
        for begin in range(0, rows, len(some)):
            data[begin:begin + len(some)] = some[:min(len(some), rows - begin)]


def rows_per_second(options, name, batch):
    for left in options.folder.glob(f"out_{name}*"):
        left.unlink()
    report = widepipe(options, [*options.mpiexec.split(), "-n", str(options.ranks)], "score", "--model", MODELS[name][0],
                      "--input", f"{name}.h5:/x", "--output", f"out_{name}.h5:/y", "--batch", batch, "--instances", 1, "--cores", 1)
    return report["rows_per_second"], report["streams"][0]["batch_rows"]["p50"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--widepipe", default=ROOT / "build/release/widepipe", type=Path)
    parser.add_argument("--mpiexec", default="mpiexec --bind-to none")
    parser.add_argument("--timeout", type=int, default=900)
    options = parser.parse_args()
    columns = ["auto", *options.batches]
    settings = columns.copy()
    print("| model | rows | " + " | ".join(map(str, columns)) + " | auto's batch | auto by the best |")
    print("|" + " --- |" * (len(columns) + 4))
    with tempfile.TemporaryDirectory() as folder:
        options.folder = Path(folder)
        for name in options.models:
            rows = 256
            for _ in range(2):  # the first is short
                write_rows(options, name, rows)
                rows = int(options.seconds * rows_per_second(options, name, "auto")[0])
            write_rows(options, name, rows)
            turns = []
            for _ in range(options.repeats):
                random.shuffle(settings)
                turns.append({setting: rows_per_second(options, name, setting) for setting in settings})
            median = {setting: statistics.median(turn[setting][0] for turn in turns) for setting in settings}
            best = max(options.batches, key=median.get)
            ratio = statistics.median(turn["auto"][0] / turn[best][0] for turn in turns)
            usual = statistics.median(turn["auto"][1] for turn in turns)
            print(f"| {name} | {rows} | " + " | ".join(f"{median[setting]:.4g}" for setting in columns)
                  + f" | {usual:g} | {ratio:.3f} ({best}) |", flush=True)


if __name__ == "__main__":
    main()
