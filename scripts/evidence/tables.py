#!/usr/bin/env python3
"""Writes what reports of `widepipe evaluate` come to into a document, part by part.

    tables.py REPORTS DOCUMENT.md POLICY SEED_BASE SEEDS PART ...

Of the runs in the reports those of these seeds count, and of policy files POLICY alone. A part of the document is what stands between `<!-- NAME -->` and `<!-- end -->`; the others stay as they are.
"""

import datetime
import json
import pathlib
import re
import statistics
import sys

# Student's t, two-sided 95 %, by degrees of freedom.
STUDENT = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
           2.120, 2.110, 2.101, 2.093]

# Policy, what it is compared with (none: the bound), workload, target.
TARGETS = [
    ("static-lb", "A5", 2.11), ("static-central", "A3", 1.0), ("static-central", "A5", 1.0),
    ("static-central", "A10", 1.0), ("static-hindsight", "F", 1.4), ("greedy-estimated", "F", 1.05),
    ("greedy-estimated", "A5", 1.02), (None, "bulk", 0.95), (None, "A10", 0.85), (None, "A5", 0.78),
    (None, "A3", 0.62)]
TENANT_TARGETS = [("static-central", "G", 2.0), ("static-hindsight", "G", 1.15), ("greedy-estimated", "G", 1.03)]


class Reports:
    def __init__(self, folder, pattern, policy, seeds):
        self.runs = []
        self.ceilings = []
        for path in sorted(folder.glob(pattern)):
            for run in json.loads(path.read_text())["runs"]:
                other = run.get("policy", "").endswith(".toml") and run["policy"] != policy
                if "ceiling" in run:
                    self.ceilings.append(run)
                elif run["seed"] in seeds and not other:
                    self.runs.append({**run, "report": path.stem})

    def shares(self, policy, workload, **where):
        """Goodput as a share of the bound, by seed."""
        return {run["seed"]: run["goodput_requests_per_second"] / run["bound_requests_per_second"]
                for run in self.runs
                if run["policy"] == policy and run["workload"] == workload
                and all(run[name] == value for name, value in where.items())}

    def workloads(self, **where):
        return list(dict.fromkeys(run["workload"] for run in self.runs
                                  if all(run[name] == value for name, value in where.items())))

    def policies(self):
        return list(dict.fromkeys(run["policy"] for run in self.runs))


def estimate(values):
    """The mean, and half of its 95 % confidence interval; no interval of one value."""
    if not values:
        return None
    if len(values) == 1:
        return values[0], None
    quantile = STUDENT[min(len(values) - 1, len(STUDENT)) - 1]
    return statistics.fmean(values), quantile * statistics.stdev(values) / len(values) ** 0.5


def text(estimated):
    if estimated is None:
        return "-"
    mean, half = estimated
    return f"{mean:.3f}" if half is None else f"{mean:.3f} +- {half:.3f}"


def ratio(reports, policy, other, workload, **where):
    """Paired by seed."""
    mine = reports.shares(policy, workload, **where)
    others = reports.shares(other, workload, **where)
    seeds = sorted(set(mine) & set(others))
    if not all(others[seed] for seed in seeds):
        return None  # there is no multiple of nothing
    return estimate([mine[seed] / others[seed] for seed in seeds])


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def target_rows(reports, policy, targets, **where):
    rows = []
    for other, workload, target in targets:
        mine = reports.shares(policy, workload, **where)
        if not mine or other and not reports.shares(other, workload, **where):
            continue
        found = ratio(reports, policy, other, workload, **where) if other else estimate(list(mine.values()))
        met = "-"
        if found and found[1] is not None:
            lower = found[0] - found[1]
            met = "yes" if lower >= target else f"no, {target - lower:.3f} below"
        rows.append([workload, f"by {other}" if other else "share of the bound", text(found), f"{target:g}", met])
    return rows


def share_table(reports, **where):
    """All policies on all workloads."""
    rows = []
    for workload in reports.workloads(**where):
        rows.append([workload, *(text(estimate(list(reports.shares(one, workload, **where).values())))
                                 for one in reports.policies())])
    return table(["share of the bound", *reports.policies()], rows)


def goals(targets):
    """A part that says which targets are met, and what all policies bear."""
    def draw(reports, policy):
        return (table(["workload", "goodput", "mean, 95 %", "target", "met"], target_rows(reports, policy, targets)) +
                "\n\n" + share_table(reports))
    return draw


def tenants(reports, policy):
    """By the number of devices: goals, and how near they are to what ceiling.py has found."""
    parts = []
    for devices in sorted({run["devices"] for run in reports.runs}):
        rows = target_rows(reports, policy, TENANT_TARGETS, devices=devices)
        ceilings = {run["seed"]: run["ceiling"] for run in reports.ceilings if run["devices"] == devices}
        mine = reports.shares(policy, "G", devices=devices)
        both = sorted(set(ceilings) & set(mine))
        if any(mine[seed] > ceilings[seed] for seed in both):
            sys.exit(f"tables.py: more than the ceiling allows: {mine}, {ceilings}")
        if both:
            rows.append(["G", "the ceiling, of the bound", text(estimate([ceilings[seed] for seed in both])), "-", "-"])
            rows.append(["G", "by the ceiling", text(estimate([mine[seed] / ceilings[seed] for seed in both])), "-", "-"])
        parts.append(f"{devices} devices:\n\n" + table(["workload", "goodput", "mean, 95 %", "target", "met"], rows) +
                     "\n\n" + share_table(reports, devices=devices))
    return "\n\n".join(parts)


def large(reports, policy):
    rows = []
    for workload in reports.workloads():
        rows.append([workload, text(estimate(list(reports.shares(policy, workload).values()))),
                     *(text(ratio(reports, policy, one, workload)) for one in reports.policies() if one != policy)])
    return table(["workload", "share of the bound", *(f"by {one}" for one in reports.policies() if one != policy)],
                 rows)


def ablations(reports, policy):
    rows = []
    for one in reports.policies():
        if one != policy:
            rows.append([one.replace(f"{policy}-", ""),
                         *(text(ratio(reports, one, policy, workload)) for workload in reports.workloads())])
    return table([f"by {policy}", *reports.workloads()], rows)


def beside_greedy(reports, policy):
    rows = []
    for report in sorted({run["report"] for run in reports.runs}):
        for workload in reports.workloads(report=report):
            rows.append([report.partition("-")[2], pathlib.Path(workload).stem,
                         *(text(estimate(list(reports.shares(one, workload, report=report).values())))
                           for one in ("greedy-estimated", policy)),
                         text(ratio(reports, policy, "greedy-estimated", workload, report=report))])
    return table(["what", "workload", "greedy-estimated", policy, "ratio"], rows)


def learning(reports, _policy):
    """What is missed over the whole of long runs, by whether the policy goes on learning."""
    missed, loads = {}, {}
    for run in reports.runs:
        _, learns, workload, seed = run["report"].split("-")
        missed[workload, learns, seed] = 1 - run["all"]["attainment"]
        loads[workload] = run["share_of_bound"]
    rows = []
    for workload, load in loads.items():
        seeds = [seed for one, learns, seed in missed if (one, learns) == (workload, "no")]
        without, using = ([100 * missed[workload, learns, seed] for seed in seeds] for learns in ("no", "yes"))
        rows.append([workload, f"{load:.2f}", text(estimate(without)), text(estimate(using)),
                     text(estimate([b / a for a, b in zip(without, using)]))])
    return table(["workload", "load, of the bound", "% that miss", "with `--learn`", "ratio"], rows)


PARTS = {"targets": goals(TARGETS), "large": large, "tenants": tenants, "ablations": ablations,
         "unseen": beside_greedy, "robust": beside_greedy, "learning": learning}


def main(folder, document, policy, base, count, *parts):
    seeds = range(int(base), int(base) + int(count))
    path = pathlib.Path(document)
    content = path.read_text()
    for name in parts:
        reports = Reports(pathlib.Path(folder), f"{name}*.json", policy, seeds)
        if not reports.runs:
            sys.exit(f"{folder}: no run of part '{name}'")
        written = (f"<!-- {name} -->\n{PARTS[name](reports, policy)}\n\n"
                   f"({datetime.date.today()}, seeds {seeds[0]} to {seeds[-1]})\n<!-- end -->")
        content, found = re.subn(rf"<!-- {name} -->.*?<!-- end -->", lambda _: written, content, flags=re.DOTALL)
        if found != 1:
            sys.exit(f"{document}: expected one part '<!-- {name} -->' to '<!-- end -->', found {found}")
    path.write_text(content)


if __name__ == "__main__":
    if len(sys.argv) < 7:
        sys.exit(__doc__)
    main(*sys.argv[1:])
