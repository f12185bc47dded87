"""`widepipe replay`: workloads served live by emulated NPUs, on any number of ranks."""

import csv
import json
import os
import re
import signal
import time

import pytest

from runner import check_refused

# Emulated time passes slowly enough for machines that have other things to do.
SLOW = ["--time-scale", "5", "--devices-per-rank", "4", "--seconds", "0.5"]


def replay(widepipe, folder, *options, ranks=None, size=SLOW):
    result = widepipe.run("replay", *size, *options, "--report", "r.json", ranks=ranks,
                          timeout=100, cwd=folder).expect(0)
    return result, json.loads((folder / "r.json").read_text())


def check_answers(report):
    live = report["live"]
    assert live["answers_wrong"] == live["answers_doubled"] == 0
    [run] = report["runs"]
    everything = run["all"]
    ends = [everything[end] for end in ("in_time", "late", "dropped", "unfinished")]
    assert sum(ends) == everything["requests"] > 0
    assert everything["in_time"] > 0
    return run, live


@pytest.mark.parametrize("ranks", [None, 1, 2, 3, 4])
def test_every_answer_is_that_of_its_request(widepipe, tmp_path, ranks):
    result, report = replay(widepipe, tmp_path, "--load", "0.2", "--log", "l.csv", ranks=ranks)
    run, live = check_answers(report)
    assert (report["devices"], live["ranks"]) == (4 * (ranks or 1), ranks or 1)
    assert live["requests_open"] == 0 and not live["stopped"]
    assert live["rounds"] > 0 and live["ended_seconds"] >= 0.5
    assert run["busy_core_share"] > 0 and run["bandwidth_share"] > 0
    assert "all are those of their requests, none is there twice" in result.stdout
    with open(tmp_path / "l.csv", newline="") as file:
        batches = list(csv.DictReader(file))
    assert len(batches) == live["batches"] == sum(run["batches_closed"].values())
    assert {int(batch["device"]) for batch in batches} <= set(range(report["devices"]))
    if ranks == 4:
        assert len({int(batch["device"]) // 4 for batch in batches}) == 4, "all ranks had work"


def test_a_scheduler_of_its_own(widepipe, tmp_path):
    _, report = replay(widepipe, tmp_path, "--dedicated-scheduler", "--load", "0.2", ranks=3)
    run, _ = check_answers(report)
    assert report["devices"] == 8
    assert run["all"]["attainment"] > 0


@pytest.mark.parametrize("workload", ["bulk", "D", "F"])
def test_workloads(widepipe, tmp_path, workload):
    _, report = replay(widepipe, tmp_path, "--workload", workload, "--load", "0.3", ranks=2)
    run, _ = check_answers(report)
    if workload == "bulk":
        assert run["all"]["in_time"] == run["all"]["requests"]


FAILING = """\
name = "failing"
[[class]]
name = "all"
share = 1.0
[[event]]
at = 0.3
kind = "fail"
share = 0.25
[[event]]
at = 0.6
kind = "recover"
share = 1.0
"""


def test_devices_that_fail_lose_nothing(widepipe, tmp_path):
    (tmp_path / "failing.toml").write_text(FAILING)
    size = ["--time-scale", "5", "--devices-per-rank", "4", "--seconds", "2"]
    _, report = replay(widepipe, tmp_path, "--fleet", "failing.toml", "--workload", "bulk",
                       "--load", "0.5", ranks=2, size=size)
    run, live = check_answers(report)
    assert run["all"]["in_time"] == run["all"]["requests"]
    assert run["devices_ejected"] > 0 and run["requests_dispatched_again"] > 0
    assert live["requests_open"] == 0


@pytest.mark.parametrize("policy", ["static-lb", "nexus", "qlearning"])
def test_policies_that_are_tuned_first(widepipe, tmp_path, policy):
    _, report = replay(widepipe, tmp_path, "--policy", policy, "--evaluations", "3", "--load", "0.1",
                       ranks=2)
    check_answers(report)
    assert report["policy"] == policy


def start(widepipe, folder, *options):
    job = widepipe.start("replay", "--time-scale", "20", "--seconds", "60", "--load", "0.1",
                         "--log", "l.csv", "--report", "r.json", *options, ranks=3, cwd=folder)
    deadline = time.monotonic() + 60
    while not (folder / "l.csv").exists() or (folder / "l.csv").stat().st_size < 5000:
        assert job.running() and time.monotonic() < deadline, job.finish(10).story()
        time.sleep(0.05)
    return job


def test_a_signal_ends_it_early(widepipe, tmp_path):
    job = start(widepipe, tmp_path)
    assert job.signal(signal.SIGTERM, widepipe.program)
    result = job.finish(60).expect(3)
    assert "stopped: what had not been answered stays so" in result.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    _, live = check_answers(report)
    assert live["stopped"] and live["ended_seconds"] < 60


@pytest.mark.parametrize("victim", [0, -1], ids=["first", "last"])
def test_a_rank_that_stands_still_ends_it_and_is_named(widepipe, tmp_path, victim):
    job = start(widepipe, tmp_path, "--watchdog", "5")
    ranks = job.processes(widepipe.program)
    assert len(ranks) == 3
    stopped = ranks[victim]
    os.kill(stopped, signal.SIGSTOP)
    try:
        result = job.finish(60)
    finally:
        job.kill()
    assert result.code not in (0, 1, 2), result.story()
    wanted = r"hears nothing from rank 0@" if victim == 0 else r"rank 2@\S+ has not answered"
    assert re.search(wanted, result.stderr), result.story()


BAD = [
    (["--time-scale", "0.5"], "--time-scale: Value 0.5 not in range"),
    (["--time-scale", "fast"], "--time-scale: Value fast not in range"),
    (["--devices-per-rank", "0"], "--devices-per-rank: Value 0 not in range"),
    (["--workload", "Z"], "workload 'Z' is not known: expected"),
    (["--policy", "best"], "policy 'best' is not known: expected"),
    (["--policy", "greedy"],
     "policy 'greedy' is told how fast devices are, which nobody knows live"),
    (["--profile", "none.toml"], "profile 'none.toml': no such file"),
    (["--load", "0.5", "--rate", "3"], "--load excludes --rate"),
    (["--log", "no/such/folder.csv"], "--log no/such/folder.csv"),
    (["--report", "no/such/folder.json"], "--report no/such/folder.json"),
]


@pytest.mark.parametrize("ranks", [None, 2])
@pytest.mark.parametrize("arguments, message", BAD, ids=[" ".join(words) for words, _ in BAD])
def test_bad_input_is_named_on_any_number_of_ranks(widepipe, tmp_path, ranks, arguments, message):
    result = widepipe.run("replay", *SLOW[2:], *arguments, ranks=ranks, cwd=tmp_path)
    check_refused(result, [message])
    assert list(tmp_path.iterdir()) == []


def test_a_scheduler_without_devices(widepipe, tmp_path):
    result = widepipe.run("replay", "--dedicated-scheduler", cwd=tmp_path)
    check_refused(result, ["--dedicated-scheduler: needs another rank for the devices, found 1 rank"])
