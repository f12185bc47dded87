#!/usr/bin/env python3
"""Compares `widepipe score` with the script that users write today (score_peer.py), on ONNX Runtime
and, if asked, on OpenVINO.

Same ranks, same data, interleaved runs; whole-process time and time without start-up. Each peer's
best batch is found first. Prints CSV rows, one a run, then a table of medians and ratios.

    score_bench.py                                   60,000 rows of Fashion-MNIST, 2 ranks
    score_bench.py --rows 60000 2000000 --repeats 5
    score_bench.py --load conv                       compute-bound: also the devices' busy share
    score_bench.py --load efficientnet_lite0         a model of scripts/models/fetch.py; or
                                                     light_resnet50
    score_bench.py --peers onnxruntime openvino

Needs mpi4py (built for the launcher's MPI), h5py, onnx, onnxruntime, openvino, numpy.
"""

import argparse
import csv
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LENET = ROOT / "jobs/examples/fashion_lenet"
BATCHES = (16, 32, 64, 128, 256, 512, 1024)
PHOTO_BATCHES = (1, 2, 4, 8, 16, 32)
PHOTO_ROWS = {"efficientnet_lite0": 400, "light_resnet50": 100}
AGREEMENT = 1e-5  # of the largest value
FIELDS = ["load", "rows", "ranks", "program", "batch", "repeat", "wall_seconds", "seconds",
          "rows_per_second", "busy_share"]


@dataclass
class Load:
    name: str
    model: Path
    source: str  # FILE:/path
    rows: int
    batches: tuple = BATCHES  # of the peer, to try


def run(command, timeout):
    """(wall seconds, stdout); stops the benchmark if the command fails."""
    start = time.perf_counter()
    done = subprocess.run(["timeout", "-k", "10", str(timeout), *map(str, command)],
                          capture_output=True, text=True, check=False,
                          env={**os.environ, "OMP_NUM_THREADS": "1",
                               "OMPI_ALLOW_RUN_AS_ROOT": "1",
                               "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                               "OMPI_MCA_rmaps_base_oversubscribe": "1"})
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{shlex.join(map(str, command))}\nended with {done.returncode}:\n"
                 f"{done.stdout}{done.stderr}")
    return seconds, done.stdout


class Programs:
    """The programs, each as a function from a load to one CSV row."""

    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.launcher = [*shlex.split(options.mpiexec), "-n", options.ranks]

    def row(self, program, load, batch, repeat, wall, seconds, busy=""):
        return {"load": load.name, "rows": load.rows, "ranks": self.options.ranks,
                "program": program, "batch": batch, "repeat": repeat,
                "wall_seconds": round(wall, 4), "seconds": round(seconds, 4),
                "rows_per_second": round(load.rows / seconds), "busy_share": busy}

    def peer(self, runtime, load, repeat, batch):
        wall, text = run([*self.launcher, sys.executable, HERE / "score_peer.py", load.model,
                          load.source, f"{self.folder}/{runtime}.h5:/scores", "--batch", batch,
                          "--runtime", runtime], self.options.timeout)
        return self.row(runtime, load, batch, repeat, wall, json.loads(text)["seconds"])

    def widepipe(self, load, repeat):
        for name in ("widepipe.h5", "widepipe.h5.journal"):
            (self.folder / name).unlink(missing_ok=True)
        report_file = self.folder / "report.json"
        wall, _ = run([*self.launcher, self.options.widepipe, "score", "--model", load.model,
                       "--input", load.source, "--output", f"{self.folder}/widepipe.h5:/scores",
                       "--report", report_file, *shlex.split(self.options.widepipe_options)],
                      self.options.timeout)
        report = json.loads(report_file.read_text())
        busy = statistics.mean(device["busy_share"] for device in report["devices"])
        batch = report["streams"][0]["batch_rows"]["p50"]
        return self.row("widepipe", load, int(batch), repeat, wall, report["seconds"],
                        round(busy, 4))


def lenet_load(rows, folder):
    path = folder / f"fashion_{rows}.h5"
    if not path.exists():
        subprocess.run([sys.executable, LENET / "make_dataset.py", "--rows", str(rows), path],
                       check=True, stdout=subprocess.DEVNULL)
    return Load("lenet", LENET / "fashion_lenet.onnx", f"{path}:/images", rows)


def conv_model(path):
    """Six convolutions 64 -> 64, 3x3, on 32x32: 230 million multiply-adds a row."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    rng = np.random.default_rng(1)
    nodes, weights = [], []

    def weight(name, *shape):
        scale = np.sqrt(2 / np.prod(shape[1:]))
        values = (rng.standard_normal(shape) * scale).astype(np.float32)
        weights.append(numpy_helper.from_array(values, name))
        return name

    x, channels = "image", 3
    for layer in range(7):
        nodes.append(helper.make_node(
            "Conv", [x, weight(f"w{layer}", 64, channels, 3, 3), weight(f"b{layer}", 64)],
            [f"c{layer}"], f"conv{layer}", kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"], f"relu{layer}"))
        x, channels = f"r{layer}", 64
    nodes += [helper.make_node("GlobalAveragePool", [x], ["pooled"], "pool"),
              helper.make_node("Flatten", ["pooled"], ["flat"], "flatten"),
              helper.make_node("Gemm", ["flat", weight("wf", 64, 10), weight("bf", 10)],
                               ["scores"], "fc")]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
             for name, shape in (("image", (3, 32, 32)), ("scores", (10,)))]
    graph = helper.make_graph(nodes, "conv", ports[:1], ports[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)],
                                ir_version=7), path)


def conv_load(rows, folder):
    model, path = folder / "conv.onnx", folder / f"conv_{rows}.h5"
    conv_model(model)
    with h5py.File(path, "w") as file:
        file["images"] = np.random.default_rng(2).integers(0, 256, (rows, 3, 32, 32), np.uint8)
    return Load("conv", model, f"{path}:/images", rows)


def photo_load(name, rows, folder):
    """Bytes as photos have them; the values do not matter to the time."""
    models, path = ROOT / "build/models", folder / f"photos_{rows}.h5"
    subprocess.run([sys.executable, ROOT / "scripts/models/fetch.py", "--folder", models, name],
                   check=True)
    with h5py.File(path, "w") as file:
        file["images"] = np.random.default_rng(3).integers(0, 256, (rows, 3, 224, 224), np.uint8)
    return Load(name, models / f"{name}.onnx", f"{path}:/images", rows, PHOTO_BATCHES)


def make_load(name, rows, folder):
    if name in PHOTO_ROWS:
        return photo_load(name, rows or PHOTO_ROWS[name], folder)
    return conv_load(rows or 3000, folder) if name == "conv" else lenet_load(rows or 60_000, folder)


def best_batch(programs, runtime, load, out):
    """A peer's, by its own clock; the better of two runs each."""
    best = {}
    for batch in load.batches:
        if batch * programs.options.ranks > load.rows:
            break
        best[batch] = min(programs.peer(runtime, load, "search", batch)["seconds"]
                          for _ in range(2))
        print(f"# {runtime}, batch {batch}: {best[batch]:.3f} s", file=out, flush=True)
    return min(best, key=best.get)


def check_agreement(folder, runtime, load):
    """Different results would make the comparison worthless."""
    worst, largest = 0.0, 0.0
    with h5py.File(folder / f"{runtime}.h5") as peer, h5py.File(folder / "widepipe.h5") as ours:
        for first in range(0, load.rows, 100_000):
            piece = slice(first, first + 100_000)
            expected, found = peer["scores"][piece], ours["scores"][piece]
            worst = max(worst, float(np.abs(expected - found).max()))
            largest = max(largest, float(np.abs(expected).max()))
    share = worst / largest
    if not share < AGREEMENT:
        sys.exit(f"the outputs differ from {runtime}'s by {share:.3g} of the largest value")
    return share


def median(rows, program, field):
    return statistics.median(row[field] for row in rows if row["program"] == program)


def summary(load, runtime, rows, batch, difference):
    """A markdown table row: medians, ratios (above 1: widepipe is faster)."""
    cells = [load.name, f"{load.rows:,}", str(rows[0]["ranks"]), runtime, str(batch)]
    for field in ("wall_seconds", "seconds"):
        peer, ours = median(rows, runtime, field), median(rows, "widepipe", field)
        cells += [f"{peer:.2f}", f"{ours:.2f}", f"{peer / ours:.2f}x"]
    cells += [f"{100 * median(rows, 'widepipe', 'busy_share'):.0f} %", f"{difference:.1g}"]
    return "| " + " | ".join(cells) + " |"


HEADER = """| load | rows | ranks | peer | its batch | peer, whole s | widepipe, whole s | ratio \
| peer, run s | widepipe, run s | ratio | devices busy | difference |
|---|---|---|---|---|---|---|---|---|---|---|---|---|"""


def measure(programs, load, folder, writer, out):
    """The lines of the table, one a peer."""
    peers = programs.options.peers
    batches = {runtime: programs.options.peer_batch or best_batch(programs, runtime, load, out)
               for runtime in peers}
    programs.widepipe(load, "warm-up")
    rows = []
    for repeat in range(programs.options.repeats):
        runs = [programs.peer(runtime, load, repeat, batches[runtime]) for runtime in peers]
        for row in (*runs, programs.widepipe(load, repeat)):
            rows.append(row)
            writer.writerow(row)
            out.flush()
    return [summary(load, runtime, rows, batches[runtime], check_agreement(folder, runtime, load))
            for runtime in peers]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--load", choices=["lenet", "conv", *PHOTO_ROWS], default="lenet")
    parser.add_argument("--rows", type=int, nargs="+",
                        help="default: 60000 for lenet, 3000 for conv, 400 and 100 for photos")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peers", nargs="+", choices=["onnxruntime", "openvino"],
                        default=["onnxruntime"], help="on what the script runs")
    parser.add_argument("--peer-batch", type=int, help="instead of searching for the best")
    parser.add_argument("--widepipe", default=str(ROOT / "build/release/widepipe"))
    parser.add_argument("--widepipe-options", default="", metavar="'--batch 64 ...'")
    parser.add_argument("--mpiexec", default=shutil.which("mpirun.openmpi") or "mpirun")
    parser.add_argument("--timeout", type=int, default=600, help="seconds a run")
    parser.add_argument("--work", type=Path, help="folder for data, kept; default: temporary")
    return parser.parse_args()


def main():
    options = parse()
    with tempfile.TemporaryDirectory(prefix="score_bench.") as temporary:
        folder = options.work or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        programs = Programs(options, folder)
        writer = csv.DictWriter(sys.stdout, FIELDS)
        writer.writeheader()
        lines = []
        for rows in options.rows or [None]:
            load = make_load(options.load, rows, folder)
            lines += measure(programs, load, folder, writer, sys.stdout)
    print("\n".join(["", HEADER, *lines]))


if __name__ == "__main__":
    main()
