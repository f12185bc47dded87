#!/usr/bin/env python3
"""Denser arrivals by the pattern of some that were seen, as a table that `widepipe trace` reads.

    burst_trace.py azure-llm-code.txt OUT.csv [--requests 1000000] [--functions 10] [--seed 1]

The pattern says in seconds when requests came. Each stands for as many as it takes, which come at random in the tenth
of a second in which it came; the functions that they invoke are popular by Zipf's law.
"""

import argparse
import random

STEP = 0.1  # as fine as the pattern is


def arrivals(pattern, requests, functions, chance):
    shares = [1 / rank for rank in range(1, functions + 1)]
    of_each = requests / len(pattern)
    steps = [round(100 * at) // 10 for at in pattern]  # hundredths are not exact
    for step in sorted(set(steps)):
        count = round(of_each * steps.count(step))
        at = sorted(STEP * (step - steps[0] + chance.random()) for _ in range(count))
        yield from zip(at, chance.choices(range(functions), shares, k=count))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pattern")
    parser.add_argument("table")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--functions", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with open(options.pattern, encoding="ascii") as file:
        pattern = [float(at) for line in file if not line.startswith("#") for at in line.split()]
    if not pattern:
        parser.error(f"{options.pattern}: expected times, found none")
    with open(options.table, "w", encoding="ascii") as file:
        file.write("app,func,end_timestamp,duration\n")
        for at, function in arrivals(pattern, options.requests, options.functions, random.Random(options.seed)):
            file.write(f"bursts,f{function},{at:.6f},0\n")


if __name__ == "__main__":
    main()
