#!/usr/bin/env python3
"""Real models under an SLO on the `cpu` device: policies, a grid of fixed settings, and simulation.

    serve_bench.py
    serve_bench.py --seconds 10 --repeats 3 --loads .4 .5 .6 .7 --keep build/serve
    serve_bench.py --dedicated --workloads steady
    serve_bench.py --agreement                        only how simulation and reality agree

Four networks (efficientnet_lite0, ocr_cls, ocr_det of scripts/models/fetch.py, and fashion_lenet) are
profiled, then served by two ranks of one core each (with --dedicated by the second of them): with
steady popularity, and with popularity that moves by two places halfway. A grid of fixed settings, the
same for all models, is tried on the steady mix; the best of them, static-central (settings of each
model, tuned by simulation), greedy-estimated and learned then take turns at each load. Loads are shares of the
fluid bound of the profile. Prints the attainment of each (medians), the highest load that passes, and
how near simulations with the rounds of the live runs come: of the devices as they were profiled, and
as fast as they were in the run (static-central is tuned in each of them anew, for such devices).
--agreement: only that, for greedy-estimated, at 0.95 and 1.05 of the goodput that is simulated.
"""

import argparse
import itertools
import re
import statistics
import tempfile
from pathlib import Path

import h5py
import numpy as np

from live_rounds import rounds_of, widepipe

ROOT = Path(__file__).resolve().parents[2]
MODELS = {  # the most popular first: its file, the shape of a row, rows
    "fashion_lenet": (ROOT / "jobs/examples/fashion_lenet/fashion_lenet.onnx", (1, 28, 28), 500),
    "ocr_cls": (ROOT / "build/models/ocr_cls.onnx", (3, 48, 192), 100),
    "efficientnet_lite0": (ROOT / "build/models/efficientnet_lite0.onnx", (3, 224, 224), 60),
    "ocr_det": (ROOT / "build/models/ocr_det.onnx", (3, 160, 320), 40),
}
SHIFT = "\n[[rotation]]\nat = 0.5\nplaces = 2\n"
POLICIES = {"static-central": ["--policy", "static-central"],
            "greedy-estimated": ["--policy", "greedy-estimated"],
            "learned": ["--policy", "learned"]}
PASS = (0.99, 0.97)  # of all requests, of each model's


def command_of(setting):
    cores, batch, timeout, instances = setting
    return ["--policy", "fixed", "--set", f"cores={cores}", "--set", f"batch={batch}", "--set",
            f"timeout_ms={timeout}", "--set", f"instances={instances}"]


def write_inputs(options):
    """Data, a job, a profile whose SLO bases are no shorter than asked, workloads, a fleet."""
    random = np.random.default_rng(1)
    job = ""
    for name, (model, shape, rows) in MODELS.items():
        with h5py.File(options.folder / f"{name}.h5", "w") as file:
            file["x"] = random.random((rows, *shape), np.float32)
        job += (f'[[stream]]\nname = "{name}"\nmodel = "{model}"\n'
                f'input = "{name}.h5:/x"\noutput = "out_{name}.h5:/y"\n')
    (options.folder / "job.toml").write_text(job)
    if not (options.folder / "cpu.toml").exists():
        widepipe(options, [], "profile", "job.toml", "--cores", 1, "--seconds", options.profile_seconds,
                 "--max-batch", 16, "--save", "measured.toml")
        text = re.sub(r"(slo_base_ms = )([0-9.e+-]+)",
                      lambda found: found[1] + f"{max(float(found[2]), options.slo_base_ms):.3f}",
                      (options.folder / "measured.toml").read_text())
        (options.folder / "cpu.toml").write_text(text)
    networks = ", ".join(f'"{name}"' for name in MODELS)
    for name, more in (("steady", ""), ("shift", SHIFT)):
        (options.folder / f"{name}.toml").write_text(
            f'name = "{name}"\nnetworks = [{networks}]\nslo_factor = {options.slo_factor}\n{more}'
            f"\n[pass]\nall = {PASS[0]}\neach = {PASS[1]}\n")


def common(options, workload, load, policy):
    return ["--profile", "cpu.toml", "--workload", f"{workload}.toml", *load, "--seconds",
            options.seconds, "--evaluations", options.evaluations, *policy]


def live(options, workload, load, policy):
    own = ["--dedicated-scheduler"] if options.dedicated else []
    return widepipe(options, [*options.mpiexec.split(), "-n", str(options.ranks)], "replay", "--job",
                    "job.toml", *own, *common(options, workload, ["--load", load], policy))


def write_fleet(options, speed):
    (options.folder / "fleet.toml").write_text(
        f'name = "one core each"\n\n[[class]]\nname = "core"\nshare = 1.0\ncores = 1\n'
        f"speed = {speed}\n")


def stretch(report):
    return report["runs"][0]["stretch"]


def simulate(options, workload, load, policy, rounds):
    period, delay = rounds
    return widepipe(options, [], "simulate", "--devices", options.devices, "--fleet", "fleet.toml",
                    "--round-period", 1e3 * period, "--round-delay", 1e3 * delay,
                    *common(options, workload, load, policy))


def rate_of(report):
    return ["--rate", report["runs"][0]["requests_per_second"]]


def rounds_in(options, workload, policy, real):
    return rounds_of(real, lambda *rounds: simulate(options, workload, rate_of(real), policy, rounds))


def simulated(options, workload, policy, real):
    """With the rounds of this live run; then with the speed that its devices had, too."""
    write_fleet(options, 1.0)
    rounds = rounds_in(options, workload, policy, real)
    as_profiled = simulate(options, workload, rate_of(real), policy, rounds)
    speed = stretch(as_profiled) / stretch(real)
    write_fleet(options, speed)
    return as_profiled, simulate(options, workload, rate_of(real), policy, rounds), speed


def figures(report):
    [run] = report["runs"]
    worst = min(stream["attainment"] for stream in run["streams"])
    everything = run["all"]
    answered = (everything["in_time"] + everything["late"]) / report["seconds"]
    return (everything["attainment"], worst, answered, 1e3 * everything["latency_seconds"]["p99"])


def goodput(options, workload, policy):
    """A share of the bound, simulated with the rounds of a light load."""
    write_fleet(options, 1.0)
    rounds = rounds_in(options, workload, policy, live(options, workload, options.loads[0], policy))
    [found] = simulate(options, workload, ["--find-goodput"], policy, rounds)["runs"]
    return found["share_of_bound"]


def print_agreement(options):
    name, policy = "greedy-estimated", POLICIES["greedy-estimated"]
    print(f"{name}: simulated / live, medians of {options.repeats}\n"
          "| workload | load | answered/s | ratio | p99 ms | ratio | speed | ratio with it | p99 | in SLO "
          "simulated | live |\n|" + " --- |" * 11)
    for workload in options.workloads:
        best = goodput(options, workload, policy)
        for factor in (0.95, 1.05):
            rows = []
            for _ in range(options.repeats):
                report = live(options, workload, factor * best, policy)
                as_profiled, at_speed, speed = simulated(options, workload, policy, report)
                real, profiled, fast = map(figures, (report, as_profiled, at_speed))
                rows.append((real[2], profiled[2] / real[2], real[3], profiled[3] / real[3], speed,
                             fast[2] / real[2], fast[3] / real[3], profiled[0], real[0]))
            answered, rate, p99, ratio, speed, rate_with, p99_with, expected, attained = map(
                statistics.median, zip(*rows))
            print(f"| {workload} | {factor:g} x {best:.3f} | {answered:.0f} | {rate:.3f} | {p99:.1f} "
                  f"| {ratio:.3f} | {speed:.2f} | {rate_with:.3f} | {p99_with:.3f} | {expected:.4f} "
                  f"| {attained:.4f} |", flush=True)


def best_of_grid(options):
    grid = list(itertools.product([1], options.grid_batch, options.grid_timeout_ms, [1]))
    print(f"fixed settings on the steady mix, at {options.grid_load:g} of the bound: attainment")
    found = {}
    for setting in grid:
        runs = [figures(live(options, "steady", options.grid_load, command_of(setting)))[0]
                for _ in range(options.grid_repeats)]
        found[setting] = statistics.median(runs)
        print(f"  batch {setting[1]:3}, timeout {setting[2]:g} ms: {found[setting]:.4f}", flush=True)
    return max(found, key=found.get)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workloads", nargs="+", default=["steady", "shift"])
    parser.add_argument("--loads", type=float, nargs="+", default=[0.3, 0.4, 0.5, 0.6, 0.7])
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--agreement", action="store_true", help="see above")
    parser.add_argument("--dedicated", action="store_true", help="rank 0 has no device")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--profile-seconds", type=float, default=40)
    parser.add_argument("--slo-base-ms", type=float, default=10, help="of a network, at least")
    parser.add_argument("--slo-factor", type=float, default=5)
    parser.add_argument("--grid-load", type=float, default=0.6)
    parser.add_argument("--grid-batch", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--grid-timeout-ms", type=float, nargs="+", default=[0, 5, 15])
    parser.add_argument("--grid-repeats", type=int, default=1)
    parser.add_argument("--evaluations", type=int, default=200)
    parser.add_argument("--keep", type=Path, help="a folder for job and profile, used again")
    parser.add_argument("--widepipe", default=ROOT / "build/release/widepipe", type=Path)
    parser.add_argument("--mpiexec", default="mpiexec --bind-to none")
    parser.add_argument("--timeout", type=int, default=900)
    parser.add_argument("--learned", type=Path, help="the file of another policy for `learned`")
    options = parser.parse_args()
    if options.learned:
        POLICIES["learned"][1] = str(options.learned.resolve())
    options.devices = options.ranks - (1 if options.dedicated else 0)
    with tempfile.TemporaryDirectory() as name:
        options.folder = (options.keep or Path(name)).resolve()
        options.folder.mkdir(parents=True, exist_ok=True)
        write_inputs(options)
        if options.agreement:
            print_agreement(options)
            return
        best = best_of_grid(options)
        policies = {**POLICIES, f"fixed (batch {best[1]}, timeout {best[2]:g} ms)": command_of(best)}
        print("\n| workload | load | policy | in SLO | worst model | answered/s | simulated / live | "
              "p99 ms | simulated / live | speed | answered/s with it | p99 |\n|" + " --- |" * 12)
        passed = {}
        for workload, load in itertools.product(options.workloads, options.loads):
            runs = {policy: [] for policy in policies}
            for _ in range(options.repeats):
                for policy, words in policies.items():
                    report = live(options, workload, load, words)
                    as_profiled, at_speed, speed = simulated(options, workload, words, report)
                    real = figures(report)
                    ratios = [figures(one)[at] / real[at]
                              for one, at in itertools.product((as_profiled, at_speed), (2, 3))]
                    runs[policy].append((*real, *ratios, speed))
            for policy, all_runs in runs.items():
                [attained, worst, answered, p99, rate_ratio, p99_ratio, rate_at_speed, p99_at_speed,
                 speed] = map(statistics.median, zip(*all_runs))
                if attained >= PASS[0] and worst >= PASS[1]:
                    passed[workload, policy] = load
                print(f"| {workload} | {load:g} | {policy} | {attained:.4f} | {worst:.4f} "
                      f"| {answered:.0f} | {rate_ratio:.3f} | {p99:.1f} | {p99_ratio:.3f} "
                      f"| {speed:.2f} | {rate_at_speed:.3f} | {p99_at_speed:.3f} |", flush=True)
        print("\nhighest load that passes:")
        for workload, policy in itertools.product(options.workloads, policies):
            print(f"  {workload:7} {policy:40} {passed.get((workload, policy), 0):g}")


if __name__ == "__main__":
    main()
