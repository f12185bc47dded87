"""What scripts/evidence/tables.py makes of reports of `widepipe evaluate`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TABLES = Path(__file__).parents[2] / "scripts" / "evidence" / "tables.py"
BOUND = 1000
DOCUMENT = "before\n\n<!-- {part} -->\nnothing yet\n<!-- end -->\n\nafter\n\n<!-- other -->\nas it was\n<!-- end -->\n"


def run(policy, workload, seed, share, **more):
    return {"policy": policy, "workload": workload, "seed": seed, "devices": 100, **more,
            "bound_requests_per_second": BOUND, "goodput_requests_per_second": share * BOUND}


def write(folder, report, runs):
    (folder / f"{report}.json").write_text(json.dumps({"runs": runs}))


def tables(folder, *arguments):
    return subprocess.run([sys.executable, TABLES, folder, folder / "d.md", *map(str, arguments)],
                          capture_output=True, text=True, check=False)


def rows_of(folder, part, policy="learned", base=1, seeds=2):
    """Of the part's tables: the cells of each line but the rules."""
    (folder / "d.md").write_text(DOCUMENT.format(part=part))
    done = tables(folder, policy, base, seeds, part)
    assert done.returncode == 0, done.stderr
    text = (folder / "d.md").read_text()
    assert text.startswith(f"before\n\n<!-- {part} -->\n")
    assert text.endswith("<!-- end -->\n\nafter\n\n<!-- other -->\nas it was\n<!-- end -->\n")
    assert "nothing yet" not in text and f"seeds {base} to {base + seeds - 1})" in text
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ") and "---" not in line]


@pytest.mark.parametrize("mine, others, expected", [
    ([0.66, 0.66], [0.6, 0.6], ["1.100 +- 0.000", "yes"]),  # 1.05 asked for
    ([0.63, 0.63], [0.6, 0.6], ["1.050 +- 0.000", "yes"]),
    ([0.612, 0.612], [0.6, 0.6], ["1.020 +- 0.000", "no, 0.030 below"]),
    ([0.66, 0.69], [0.6, 0.6], ["1.125 +- 0.318", "no, 0.243 below"]),  # the mean is, its lower end is not
    ([0.66, 0.55], [0.6, 0.5], ["1.100 +- 0.000", "yes"]),  # seed by seed
    ([0.66, 0.66], [0.6, 0.0], ["-", "-"]),
])
def test_a_target_is_met_by_the_lower_end_paired_by_seed(tmp_path, mine, others, expected):
    write(tmp_path, "targets", [run("learned", "F", 1 + i, share) for i, share in enumerate(mine)] +
          [run("greedy-estimated", "F", 1 + i, share) for i, share in enumerate(others)])
    rows = rows_of(tmp_path, "targets")
    assert ["F", "by greedy-estimated", expected[0], "1.05", expected[1]] in rows
    assert rows[0][1] == "goodput" and rows[2] == ["share of the bound", "learned", "greedy-estimated"]


def test_of_a_bound_and_of_one_seed(tmp_path):
    write(tmp_path, "targets", [run("learned", "A5", 1, 0.8)])
    assert ["A5", "share of the bound", "0.800", "0.78", "-"] in rows_of(tmp_path, "targets", seeds=1)


def test_other_seeds_and_other_policy_files_do_not_count(tmp_path):
    runs = [run(policy, "A5", seed, share) for policy, seed, share in (
        ("greedy-estimated", 1, 0.5), ("p.toml", 1, 0.6), ("p.toml", 7, 0.1), ("q.toml", 1, 0.9))]
    write(tmp_path, "large", runs)
    assert rows_of(tmp_path, "large", "p.toml", seeds=1) == [
        ["workload", "share of the bound", "by greedy-estimated"], ["A5", "0.600", "1.200"]]


def test_what_it_is_worth_without_a_part(tmp_path):
    write(tmp_path, "ablations", [run(policy, "A5", seed, share) for seed in (1, 2) for policy, share in (
        ("learned", 0.8), ("greedy-estimated", 0.72), ("learned-without-speeds", 0.4))])
    assert rows_of(tmp_path, "ablations") == [
        ["by learned", "A5"], ["greedy-estimated", "0.900 +- 0.000"], ["without-speeds", "0.500 +- 0.000"]]


def test_a_policy_beside_greedy_in_each_report(tmp_path):
    for name, workload, share in (("unseen-mix", "even-mix.toml", 0.66), ("unseen-trace", "out/t.h5", 0.0)):
        write(tmp_path, name, [run("greedy-estimated", workload, 1, share), run("learned", workload, 1, share / 2)])
    assert rows_of(tmp_path, "unseen", seeds=1)[1:] == [
        ["mix", "even-mix", "0.660", "0.330", "0.500"], ["trace", "t", "0.000", "0.000", "-"]]


def test_tenants_beside_their_ceiling(tmp_path):
    def of(share):
        write(tmp_path, "tenants", [run("learned", "G", 1, share, devices=32)])
        write(tmp_path, "tenants-ceiling-32", [{"devices": 32, "seed": 1, "ceiling": 0.5}])
    of(0.4)
    rows = rows_of(tmp_path, "tenants", seeds=1)
    assert ["G", "the ceiling, of the bound", "0.500", "-", "-"] in rows
    assert ["G", "by the ceiling", "0.800", "-", "-"] in rows
    of(0.6)
    (tmp_path / "d.md").write_text(DOCUMENT.format(part="tenants"))
    done = tables(tmp_path, "learned", 1, 1, "tenants")
    assert done.returncode != 0 and "more than the ceiling allows" in done.stderr


def test_what_going_on_learning_is_worth(tmp_path):
    for learns, attained in (("no", 0.98), ("yes", 0.99)):
        write(tmp_path, f"learning-{learns}-A5-1",
              [{"policy": "learned", "seed": 1, "share_of_bound": 0.78, "all": {"attainment": attained}}])
    assert rows_of(tmp_path, "learning", seeds=1)[1] == ["A5", "0.78", "2.000", "1.000", "0.500"]


@pytest.mark.parametrize("part, document, expected", [
    ("targets", DOCUMENT.format(part="targets"), "no run of part 'targets'"),
    ("large", "nothing", "expected one part '<!-- large -->' to '<!-- end -->', found 0"),
    ("large", 2 * DOCUMENT.format(part="large"), "expected one part '<!-- large -->' to '<!-- end -->', found 2"),
])
def test_what_is_missing_is_said_and_nothing_is_written(tmp_path, part, document, expected):
    write(tmp_path, "large", [run("learned", "A5", 1, 0.8)])
    (tmp_path / "d.md").write_text(document)
    done = tables(tmp_path, "learned", 1, 1, part)
    assert done.returncode != 0 and expected in done.stderr
    assert (tmp_path / "d.md").read_text() == document
