#!/usr/bin/env python3
"""What no scheduler of one-core devices can exceed, with all that comes known in advance.

    serve_ceiling.py PROFILE.toml WORKLOAD.toml --devices 2 --seconds 8 --seeds 8
    (of serve_bench.py --keep DIR: DIR/cpu.toml, DIR/steady.toml and DIR/shift.toml)

The highest load at which as many requests can be in time as the workload's rule asks for. All devices are one that is
so many times as fast, and that may interrupt a request for another at no cost; a request costs what it does in its
cheapest batch, jitter being always the mean. As all have the same deadline, first come, first served is best for
those that are served, and of the others fewest are dropped by leaving out, whenever one would be late, the one
without which all that are left end first (Kise, Ibaraki and Mine, Operations Research 26(1), 1978). The rule for each
model is left out. Real schedulers know no future, cannot interrupt, and have rounds to wait for.
"""

import argparse
import random
import statistics
import tomllib

from emulated import Device, popularity


def costs_of(profile, names):
    """Seconds of a core that a request takes at least, by model."""
    if profile["device"]["cores"] != 1:
        raise SystemExit(f"{profile['name']}: expected devices of 1 core, found {profile['device']['cores']}")
    device = Device(profile)
    jitter = 1 + profile["device"]["jitter"]
    batches = range(1, profile["device"]["max_batch"] + 1)
    return [jitter * min(device.solo_seconds(name, 1, batch) / batch for batch in batches) for name in names]


def arrivals(workload, costs, rate, seconds, seed):
    """Times and seconds of work of Poisson arrivals, as the workload's popularity changes."""
    chance = random.Random(seed)
    begin, drawn = 0.0, []
    for part, shares in popularity(workload, len(costs)):
        end = begin + part * seconds
        now = begin
        while (now := now + chance.expovariate(rate)) < end:
            drawn.append((now, chance.choices(costs, shares)[0]))
        begin = end
    return drawn


def fewest_dropped(requests, slo):
    """Of requests in the order in which they come, on one device that does a second of work in a second."""
    queue, dropped = [], 0  # of a busy period: arrival, work, begin
    for at, work in requests:
        end = queue[-1][2] + queue[-1][1] if queue else 0.0
        if at >= end:
            queue = []
            end = at
        queue.append((at, work, max(end, at)))
        if end + work - at <= slo:
            continue
        dropped += 1
        slack, best, gain = float("inf"), len(queue) - 1, -1.0
        for i in range(len(queue) - 1, -1, -1):
            gained = min(queue[i][1], slack)
            if gained > gain:
                best, gain = i, gained
            slack = min(slack, queue[i][2] - queue[i][0])
        begin = queue[best][2]
        later = queue[best + 1:]
        del queue[best:]
        for came, took, _ in later:
            begin = max(begin, came)
            queue.append((came, took, begin))
            begin += took
    return dropped


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profile")
    parser.add_argument("workload")
    parser.add_argument("--devices", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--seeds", type=int, default=8)
    options = parser.parse_args()
    with open(options.profile, "rb") as file:
        profile = tomllib.load(file)
    with open(options.workload, "rb") as file:
        workload = tomllib.load(file)
    unknown = sorted(set(workload) - {"name", "networks", "zipf", "slo_factor", "rotation", "pass"})
    if unknown:
        raise SystemExit(f"{options.workload}: expected Poisson arrivals of networks whose popularity rotates, "
                         f"found {', '.join(unknown)}")
    names = workload["networks"]
    bases = {network["slo_base_ms"] for network in profile["network"] if network["name"] in names}
    if len(bases) != 1:
        raise SystemExit(f"{options.profile}: expected the same slo_base_ms for all networks, found {sorted(bases)}")
    slo = workload["slo_factor"] * bases.pop() / 1e3
    costs = costs_of(profile, names)

    def passes(rate, seed):
        drawn = arrivals(workload, costs, rate, options.seconds, seed)
        pooled = [(at, work / options.devices) for at, work in drawn]
        return fewest_dropped(pooled, slo) <= (1 - workload["pass"]["all"]) * len(drawn)

    highest = []
    for seed in range(1, options.seeds + 1):
        low, high = 0.0, options.devices / (sum(costs) / len(costs)) / 8
        while passes(high, seed):
            low, high = high, 1.5 * high
        while high - low > 0.005 * low:
            middle = (low + high) / 2
            low, high = (middle, high) if passes(middle, seed) else (low, middle)
        highest.append(high / options.devices)
    spread = statistics.stdev(highest) / len(highest) ** 0.5 if len(highest) > 1 else 0
    print(f"{workload['name']}: {statistics.mean(highest):.1f} requests/s a device at most "
          f"(standard error {spread:.1f}, {options.seeds} seeds)")


if __name__ == "__main__":
    main()
