#!/usr/bin/env python3
"""Draws what a policy did over time, from the log of `widepipe simulate --log`.

    plot_log.py LOG.csv OUT.png [TITLE [SECONDS=TEXT ...]]

From top to bottom, by stream: requests in a batch, requests that waited when a batch was closed, and
how the cores that batches took were shared. SECONDS=TEXT marks a time, such as a change of the mix.
"""

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from logs import read

BINS = 100
SHOWN = 10  # streams with a colour of their own; the others are one


def main(log, picture, title="", *marks):
    data = read(log)
    data["work"] = data["cores"] * data["expected_ms"] / 1000
    edges = np.linspace(0, data["at_s"].max(), BINS + 1)
    middle = (edges[:-1] + edges[1:]) / 2
    names = np.unique(data["stream"])
    work = {name: data["work"][data["stream"] == name].sum() for name in names}
    shown = sorted(names, key=lambda name: -work[name])[:SHOWN]
    series = [(name, data["stream"] == name) for name in shown]
    if len(names) > SHOWN:
        series.append((f"{len(names) - SHOWN} others", ~np.isin(data["stream"], shown)))
    figure, panels = plt.subplots(3, 1, figsize=(9, 8), sharex=True)
    colors = plt.get_cmap("tab20" if len(series) > 10 else "tab10")
    shares = []
    for number, (name, mine) in enumerate(series):
        batches, _ = np.histogram(data["at_s"][mine], edges)
        some = np.where(batches > 0, batches, np.nan)
        for panel, what in ((panels[0], "size"), (panels[1], "waiting")):
            sums, _ = np.histogram(data["at_s"][mine], edges, weights=data[what][mine])
            panel.plot(middle, sums / some, color=colors(number), label=name, linewidth=1.2)
        took, _ = np.histogram(data["at_s"][mine], edges, weights=data["work"][mine])
        shares.append(took)
    total = np.maximum(np.sum(shares, axis=0), 1e-12)
    panels[2].stackplot(middle, [share / total for share in shares],
                        colors=[colors(number) for number in range(len(series))])
    panels[0].set_ylabel("requests in a batch")
    panels[1].set_ylabel("waiting at closing")
    panels[2].set_ylabel("share of core time")
    panels[2].set_ylim(0, 1)
    panels[2].set_xlabel("seconds")
    panels[2].set_xlim(0, edges[-1])
    for mark in marks:
        at, _, text = mark.partition("=")
        for panel in panels:
            panel.axvline(float(at), color="black", linewidth=0.8, linestyle="--")
        panels[0].annotate(text, (float(at), 1), xycoords=("data", "axes fraction"), fontsize=8,
                           xytext=(4, -11), textcoords="offset points",
                           bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
    panels[0].legend(fontsize=7, ncols=6, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.suptitle(title, y=0.99, fontsize=11)
    figure.savefig(picture, dpi=110, bbox_inches="tight")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
