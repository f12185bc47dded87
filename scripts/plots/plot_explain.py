#!/usr/bin/env python3
"""Draws what a policy does, beside another one on the same run, and where the two differ.

    plot_explain.py OUT.png TITLE NAME BATCHES.csv PLANS.csv NAME BATCHES.csv PLANS.csv

The files are those of `widepipe simulate --log BATCHES.csv --plans PLANS.csv`. From top to bottom:
requests in a batch by how many wait and how much time the first one has left; how models share the
cores' time; what arrives, and what misses; full batches and hold-back of each model, the first
policy's as a multiple of the other's.
"""

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from logs import read

BINS = 80
SHOWN = 10  # models with a colour of their own; the others are one


class Run:
    def __init__(self, name, batches, plans):
        self.name = name
        self.batches = read(batches)
        self.plans = read(plans)
        self.times = np.unique(self.plans["at_s"])

    def of(self, stream, column):
        """By plan."""
        return self.plans[column][self.plans["stream"] == stream]

    def core_time(self, streams, edges):
        """By stream; the last row is of all others."""
        batches = self.batches
        work = batches["cores"] * batches["expected_ms"]
        parts = [batches["stream"] == one for one in streams] + [~np.isin(batches["stream"], streams)]
        return np.array([np.histogram(batches["at_s"][mine], edges, weights=work[mine])[0]
                         for mine in parts])

    def asked(self, streams):
        """Requests a second, likewise."""
        rows = [self.of(one, "arrivals_per_s") for one in streams]
        all_streams = np.array([self.of(one, "arrivals_per_s")
                                for one in np.unique(self.plans["stream"])]).sum(axis=0)
        return np.array(rows + [all_streams - np.sum(rows, axis=0)])

    def missed(self):
        """The share of requests, by plan, in the second around it."""
        around = np.abs(self.plans["at_s"] - self.times[:, np.newaxis]) <= 0.5
        missed, in_time = (np.where(around, self.plans[what], 0).sum(axis=1) for what in ("missed", "in_time"))
        return missed / np.maximum(missed + in_time, 1)

    def fallbacks(self):
        """Spans of time in which another policy decided."""
        seconds = np.array([self.plans["fallback_s"][self.plans["at_s"] == at].max()
                            for at in self.times])
        return [(a, b) for a, b, more in zip(self.times, self.times[1:], np.diff(seconds))
                if more > 0]


def batch_sizes(panel, run, queues, slacks, most):
    batches = run.batches
    where = (batches["waiting"], np.maximum(batches["head_slack_ms"], slacks[0]))
    count, _, _ = np.histogram2d(*where, (queues, slacks))
    total, _, _ = np.histogram2d(*where, (queues, slacks), weights=batches["size"])
    mean = np.where(count > 2, total / np.maximum(count, 1), np.nan)
    drawn = panel.pcolormesh(queues, slacks, mean.T, vmin=1, vmax=most, cmap="viridis")
    panel.set_xscale("log")
    panel.set_xlabel("requests that wait")
    panel.set_title(f"{run.name}: requests in a batch", fontsize=10)
    return drawn


def stacked(panel, times, rows, colors, title):
    total = np.maximum(rows.sum(axis=0), 1e-12)
    panel.stackplot(times, rows / total, colors=[*colors, "lightgray"])
    panel.set(ylim=(0, 1), xlim=(times[0], times[-1]))
    panel.set_title(title, fontsize=10)


def multiples(panel, first, second, streams, colors, column, title):
    for stream, color in zip(streams, colors):
        then = np.maximum(np.searchsorted(second.times, first.times, side="right") - 1, 0)
        other = second.of(stream, column)[then]  # the plan that is in force
        panel.plot(first.times, first.of(stream, column) / np.maximum(other, 1e-3), color=color, linewidth=1.1)
    panel.axhline(1, color="black", linewidth=0.8, linestyle="--")
    panel.set(yscale="log", ylim=(0.18, 5.5), xlabel="seconds")
    ticks = [0.25, 0.5, 1, 2, 4]
    panel.set_yticks(ticks, [f"{tick:g}x" for tick in ticks])
    panel.set_yticks([], minor=True)
    panel.set_title(title, fontsize=10)


def main(picture, title, *runs):
    first, second = Run(*runs[:3]), Run(*runs[3:])
    work = first.core_time(np.unique(first.plans["stream"]), [0, 1e9])[:-1, 0]
    names = np.unique(first.plans["stream"])
    streams = [names[i] for i in np.argsort(-work)[:SHOWN]]
    colors = [plt.get_cmap("tab10")(number) for number in range(len(streams))]
    figure, panels = plt.subplots(4, 2, figsize=(11, 13), constrained_layout=True)

    both = [run.batches for run in (first, second)]
    longest = max(batches["waiting"].max() for batches in both)
    queues = np.geomspace(1, longest + 1, 30)
    slacks = np.linspace(0, np.quantile(both[0]["head_slack_ms"], 0.995), 30)
    most = max(np.quantile(batches["size"], 0.99) for batches in both)
    for panel, run in zip(panels[0], (first, second)):
        drawn = batch_sizes(panel, run, queues, slacks, most)
    panels[0][0].set_ylabel("ms that the first has left")
    figure.colorbar(drawn, ax=panels[0], label="mean")

    edges = np.linspace(0, first.times[-1], BINS + 1)
    for panel, run in zip(panels[1], (first, second)):
        stacked(panel, edges[:-1], run.core_time(streams, edges), colors,
                f"{run.name}: shares of core time")
    stacked(panels[2][0], first.times, first.asked(streams), colors, "shares of what arrives")
    handles = [plt.Line2D([], [], color=color, linewidth=5) for color in colors]
    panels[2][0].legend(handles, streams, fontsize=7, ncols=2, loc="lower right")

    for run, color in ((first, "tab:blue"), (second, "tab:orange")):
        panels[2][1].plot(run.times, 100 * run.missed(), label=run.name, color=color)
    for number, span in enumerate(first.fallbacks()):
        panels[2][1].axvspan(*span, color="tab:red", alpha=0.2, linewidth=0,
                             label=None if number else "its guard lets the other decide")
    panels[2][1].set(ylim=(0, None), xlim=(0, first.times[-1]))
    panels[2][1].set_title("% of requests that miss", fontsize=10)
    panels[2][1].legend(fontsize=8)

    multiples(panels[3][0], first, second, streams, colors, "full",
              f"full batches: {first.name} by {second.name}")
    multiples(panels[3][1], first, second, streams, colors, "hold_ms",
              f"hold-back: {first.name} by {second.name}")
    figure.suptitle(title, fontsize=12)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    if len(sys.argv) != 9:
        sys.exit(__doc__)
    main(*sys.argv[1:])
