"""`widepipe simulate` and `evaluate` of data sets: no deadlines, how long does it take?"""

import csv
import json

import pytest

from runner import check_refused

SMALL = ["--devices", "8", "--seconds", "2"]


def report_of(widepipe, folder, *options, size=SMALL):
    widepipe.run("simulate", "--workload", "bulk", *size, *options, "--report", "r.json",
                 cwd=folder).expect(0)
    return json.loads((folder / "r.json").read_text())


def test_all_rows_are_done_in_about_the_time_of_the_bound(widepipe, tmp_path):
    [run] = report_of(widepipe, tmp_path, "--log", "l.csv")["runs"]
    rows = run["all"]["requests"]
    assert rows == pytest.approx(2 * run["bound_requests_per_second"], rel=1e-3)
    assert run["all"]["in_time"] == rows and run["all"]["attainment"] == 1
    assert run["requests_per_second"] == pytest.approx(rows / run["makespan_seconds"])
    assert 0.85 < run["share_of_bound"] < 1
    assert run["share_of_bound"] == pytest.approx(2 / run["makespan_seconds"], rel=1e-3)
    assert run["mlperf"] == {"scenario": "Offline", "result": "VALID",
                             "samples_per_second": run["requests_per_second"]}
    assert 0.8 < run["busy_core_share"] <= 1 and 0.5 < run["bandwidth_share"] < 1
    with open(tmp_path / "l.csv", newline="") as file:
        batches = list(csv.DictReader(file))
    assert sum(int(batch["size"]) for batch in batches) == rows
    assert {batch["reason"] for batch in batches} == {"full", "drain"}
    assert {batch["head_slack_ms"] for batch in batches} == {"inf"}


@pytest.mark.parametrize("options, rows", [(["--rate", "1000"], 2000), (["--load", "0.5"], None)],
                         ids=["rate", "load"])
def test_how_many_rows_can_be_said(widepipe, tmp_path, options, rows):
    [run] = report_of(widepipe, tmp_path, *options)["runs"]
    wanted = rows or run["bound_requests_per_second"]
    assert run["all"]["requests"] == pytest.approx(wanted, abs=1)
    assert run["all"]["in_time"] == run["all"]["requests"]


@pytest.mark.parametrize("options, rows", [
    (["--devices", "1", "--load", "0.001", "--seconds", "0.01"], r"0\.02\d+"),
    (["--rate", "1e9", "--seconds", "1e6"], r"1e\+15"),
    (["--devices", "32", "--seconds", "1e6"], r"8\.\d+e\+10"),
], ids=["none", "too many", "too many by the bound"])
def test_a_data_set_without_rows_or_too_large_is_refused(widepipe, tmp_path, options, rows):
    result = widepipe.run("simulate", "--workload", "bulk", *options, "--report", "r.json",
                          cwd=tmp_path, timeout=20)
    check_refused(result, [f"the data set of workload 'bulk' has {rows} rows, "
                           "expected 1 to 1000000000"])
    assert list(tmp_path.iterdir()) == []


def test_the_text_speaks_of_rows(widepipe, tmp_path):
    text = widepipe.run("simulate", "--workload", "bulk", *SMALL, "--rate", "1000",
                        cwd=tmp_path).expect(0).stdout
    assert "policy greedy-estimated, 2,000 rows\n" in text
    assert "arrivals" not in text


def test_faults_lose_no_row(widepipe, tmp_path):
    size = ["--devices", "20", "--seconds", "2"]
    [run] = report_of(widepipe, tmp_path, "--fleet", "troubled", size=size)["runs"]
    assert run["devices_ejected"] > 0 and run["requests_dispatched_again"] > 0
    assert run["all"]["in_time"] == run["all"]["requests"]


@pytest.mark.parametrize("rate, delay", [(50, 30), (8, 10), (3000, 10)])
def test_rows_on_their_way_for_long_are_not_thrown_away(widepipe, tmp_path, rate, delay):
    [run] = report_of(widepipe, tmp_path, "--rate", rate, "--round-delay", delay)["runs"]
    assert run["all"]["in_time"] == run["all"]["requests"] == pytest.approx(2 * rate, abs=1)
    assert run["devices_ejected"] <= 8


def test_policies_are_compared_and_tuned_by_their_time(widepipe, tmp_path):
    policies = ["greedy-estimated", "static-central", "clockwork"]
    result = widepipe.run("evaluate", "--workloads", "bulk", "--policies", ",".join(policies),
                          "--devices", "8", "--seconds", "2", "--seeds", "2", "--evaluations", "30",
                          "--report", "e.json", cwd=tmp_path).expect(0)
    assert "bulk" in result.stdout
    report = json.loads((tmp_path / "e.json").read_text())
    shares = {one["policy"]: one["share_of_bound"] for one in report["results"]}
    assert sorted(shares) == sorted(policies)
    assert all(0.1 < share < 1 for share in shares.values()), shares
    assert shares["greedy-estimated"] > shares["clockwork"]
    [central] = [one for one in report["tunings"] if one["policy"] == "static-central"]
    assert central["evaluations"] == 30
    assert 0.5 < central["share_of_bound"] < 1
