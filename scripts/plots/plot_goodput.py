#!/usr/bin/env python3
"""Draws the goodput of policies, as shares of the bound, from reports of `widepipe evaluate`.

    plot_goodput.py REPORT.json OUT.png

A group of bars for each workload and number of devices, a bar for each policy; whiskers are 95 %
confidence intervals over seeds. A bar that is missing: no load passed.
"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np


def main(report, picture):
    with open(report) as file:
        results = json.load(file)["results"]
    groups = list(dict.fromkeys((one["devices"], one["workload"]) for one in results))
    policies = list(dict.fromkeys(one["policy"] for one in results))
    figure, axes = plt.subplots(figsize=(max(6, 1.2 + 1.5 * len(groups)), 4.2))
    width = 0.85 / len(policies)
    colors = plt.get_cmap("tab10" if len(policies) <= 10 else "tab20")
    for number, policy in enumerate(policies):
        places, shares, errors = [], [], []
        for one in results:
            if one["policy"] != policy:
                continue
            group = groups.index((one["devices"], one["workload"]))
            places.append(group + (number - (len(policies) - 1) / 2) * width)
            shares.append(one["share_of_bound"])
            interval = one["share_of_bound_ci95"]
            errors.append((interval[1] - interval[0]) / 2 if interval else 0)
        axes.bar(places, shares, width, yerr=errors if any(errors) else None, label=policy,
                 color=colors(number), error_kw={"linewidth": 0.8})
    axes.axhline(1, color="black", linewidth=0.8)
    axes.text(len(groups) - 0.5, 1.01, "fluid bound", ha="right", va="bottom", fontsize=8)
    several = len({devices for devices, _ in groups}) > 1
    axes.set_xticks(np.arange(len(groups)),
                    [f"{name}\n{devices} devices" if several else name for devices, name in groups])
    axes.set_xlim(-0.55, len(groups) - 0.45)
    axes.set_ylim(0, 1.08)
    axes.set_ylabel("goodput, as a share of the bound")
    title = "" if several else f" on {groups[0][0]} devices"
    axes.set_title(f"The highest load that passes{title}, by workload and policy", fontsize=10)
    axes.legend(fontsize=8, ncols=min(4, len(policies)), loc="upper center",
                bbox_to_anchor=(0.5, -0.12))
    figure.savefig(picture, dpi=110, bbox_inches="tight")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
