#!/usr/bin/env python3
"""What no scheduler can exceed where memory binds, in the mean: of a workload like G, by seed, as a share of the fluid
bound. It holds for those that do not know what will arrive.

    ceiling.py WIDEPIPE --devices 32 --seeds 901 902 903 904 [--workload G] [--report FILE.json]

A linear program for each load, and the highest load for which it has a solution. In each phase between two changes of
popularity, requests of a tenant are served by batches of some size, on some cores of some kind of device.

- Per kind of device, work and bandwidth stay within the disc of the fluid bound (docs/simulate.md), by tangents.
- While a batch runs there is an instance for it; and as loading takes longer than any deadline, who serves a part of a
  tenant's requests by batches of a size has an instance of that size for that part of the time. All of them fit into all
  of the memory.
- Requests of a batch have come within the SLO, less the time of the batch. Arrivals are Poisson: on average a batch is of
  no more than 1 and what comes in that time. A request that is dropped saves a batch at most.
- As many requests, and as many tenants, are served as the pass rule asks for.

Nothing waits for a device, loading takes no time of one, memory and instances may be split among devices: what is possible
is less than that.
"""

import argparse
import itertools
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import tomllib

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from emulated import Device, popularity

PROFILES = pathlib.Path(__file__).resolve().parents[2] / "jobs/profiles"
ANGLES = np.linspace(0, math.pi / 2, 31)


def apportioned(shares, total):
    counts = [math.floor(share * total + 1e-9) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: counts[i] - shares[i] * total)
    for i in by_remainder[:total - sum(counts)]:
        counts[i] += 1
    return counts


class Rows:
    """Of a linear program: sums of columns that are at most a limit."""

    def __init__(self):
        self.rows, self.columns, self.values, self.limits = [], [], [], []

    def add(self, entries, limit):
        for column, value in entries:
            self.rows.append(len(self.limits))
            self.columns.append(column)
            self.values.append(value)
        self.limits.append(limit)

    def matrix(self, columns):
        return coo_array((self.values, (self.rows, self.columns)), shape=(len(self.limits), columns)).tocsr()


def has_solution(device, kinds, counts, streams, phases, rule, load):
    tenants = len(streams)
    next_column = itertools.count()
    rows = Rows()
    memory = sum(n * kind.get("memory_gb", device.constants["memory_gb"]) for n, kind in zip(counts, kinds))
    ways = {(name, slo, k): device.ways(name, slo, kind) for name, slo in set(streams) for k, kind in enumerate(kinds)}
    served_of = [[] for _ in streams]
    part_of = np.zeros(tenants)
    for part, shares in phases:
        used = [([], []) for _ in kinds]
        held = []
        for tenant, (name, slo) in enumerate(streams):
            rate = load * shares[tenant]
            all_served, busy, resident, batches = [], [], [], []
            for k in range(len(kinds)):
                for cores, bandwidth, gb_seconds, batch in ways[name, slo, k]:
                    column = next(next_column)
                    used[k][0].append((column, cores))
                    used[k][1].append((column, bandwidth))
                    all_served.append((column, 1))
                    busy.append((column, gb_seconds))
                    resident.append((column, device.instance_gb(name, batch) / rate))
                    batches.append((column, 1 - 1 / batch))
            instances = next(next_column)
            held.append((instances, 1))
            rows.add(all_served, rate)
            rows.add(busy + [(instances, -1)], 0)
            rows.add(resident + [(instances, -1)], 0)
            # batches >= those that serve all, less one for each request that is dropped
            rows.add(batches, rate - rate / (1 + rate * max(slo - device.quickest(name), 0)))
            served_of[tenant] += [(column, -part) for column, _ in all_served]
            part_of[tenant] += part * rate
        rows.add(held, memory)
        for k, (of_cores, of_bandwidth) in enumerate(used):
            cores, bandwidth = next(next_column), next(next_column)
            rows.add(of_cores + [(cores, -1)], 0)
            rows.add(of_bandwidth + [(bandwidth, -1)], 0)
            for angle in ANGLES:
                rows.add([(cores, math.cos(angle)), (bandwidth, math.sin(angle))], counts[k])
    passing = [next(next_column) for _ in streams]
    for tenant, passes in enumerate(passing):
        rows.add(served_of[tenant] + [(passes, rule["each"] * part_of[tenant])], 0)
    rows.add(sum(served_of, []), -rule["all"] * load)
    rows.add([(passes, -1) for passes in passing], -rule.get("streams", 1) * tenants)
    columns = next(next_column)
    upper = np.full(columns, np.inf)
    upper[passing] = 1
    found = linprog(np.zeros(columns), A_ub=rows.matrix(columns), b_ub=rows.limits,
                    bounds=np.column_stack([np.zeros(columns), upper]), method="highs-ipm")
    if found.status not in (0, 2):
        sys.exit(f"ceiling.py: the solver gave up: {found.message}")
    return found.status == 0


def run_of(widepipe, workload, devices, seed):
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "r.json"
        subprocess.run([widepipe, "simulate", "--workload", workload, "--devices", str(devices), "--seed", str(seed),
                        "--seconds", "0.01", "--load", "0.01", "--report", report], check=True, stdout=subprocess.DEVNULL)
        return json.loads(report.read_text())["runs"][0]


def check(workload, kinds, constants, longest_slo):
    """Ends the program where the linear program would be no bound."""
    others = sorted({"cv", "redraw_period_s", "diurnal", "bulk"} & set(workload))
    for wrong, what in ((bool(others), f"arrivals that {', '.join(others)} says are not Poisson in phases"),
                        (any(kind.get("speed", 1) > 1 for kind in kinds), "devices faster than the profile's"),
                        (constants["load_s"] <= longest_slo, "instances that load within an SLO")):
        if wrong:
            sys.exit(f"ceiling.py: no ceiling is known for {what}")


def ceiling(widepipe, workload_name, devices, seed):
    """Of the fluid bound, and the bound in requests a second."""
    workload = tomllib.loads((PROFILES / f"workload-{workload_name}.toml").read_text())
    kinds = tomllib.loads((PROFILES / f"fleet-{workload['fleet']}.toml").read_text())["class"]
    device = Device(tomllib.loads((PROFILES / "npu.toml").read_text()))
    run = run_of(widepipe, workload_name, devices, seed)
    streams = [(one["stream"].split("/")[0], one["slo_seconds"]) for one in run["streams"]]
    check(workload, kinds, device.constants, max(slo for _, slo in streams))
    counts = apportioned([kind["share"] for kind in kinds], devices)
    phases = popularity(workload, len(streams))
    bound = run["bound_requests_per_second"]
    low, high = 0.0, 1.1
    while high - low > 0.005:
        middle = (low + high) / 2
        if has_solution(device, kinds, counts, streams, phases, workload["pass"], middle * bound):
            low = middle
        else:
            high = middle
    return high, bound


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("widepipe")
    parser.add_argument("--workload", default="G")
    parser.add_argument("--devices", type=int, default=32)
    parser.add_argument("--seeds", type=int, nargs="+", default=[901, 902, 903, 904])
    parser.add_argument("--report", type=pathlib.Path)
    options = parser.parse_args()
    runs = []
    for seed in options.seeds:
        share, bound = ceiling(options.widepipe, options.workload, options.devices, seed)
        runs.append({"workload": options.workload, "devices": options.devices, "seed": seed, "ceiling": share,
                     "bound_requests_per_second": bound})
        print(f"{options.workload}, {options.devices} devices, seed {seed}: at most {share:.3f} of the bound", flush=True)
    if options.report:
        options.report.write_text(json.dumps({"runs": runs}, indent=2) + "\n")


if __name__ == "__main__":
    main()
