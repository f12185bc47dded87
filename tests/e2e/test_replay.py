"""`widepipe replay`: workloads served live by emulated NPUs, on any number of ranks."""

import csv
import json
import os
import re
import signal
import subprocess
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


@pytest.mark.parametrize("trouble", ["hang", "error", "wrong"])
def test_devices_that_do_not_work_are_left_out_until_they_do(widepipe, tmp_path, trouble):
    (tmp_path / "sick.toml").write_text(FAILING.replace('"fail"', f'"{trouble}"'))
    size = ["--time-scale", "5", "--devices-per-rank", "4", "--seconds", "2"]
    result, report = replay(widepipe, tmp_path, "--fleet", "sick.toml", "--workload", "bulk",
                            "--load", "1.5", "--timeline", "t.json", ranks=2, size=size)
    run, live = check_answers(report)
    assert run["all"]["in_time"] == run["all"]["requests"]
    assert run["requests_dispatched_again"] > 0 and live["requests_open"] == 0
    assert run["devices_ejected"] >= 2 and run["devices_readmitted"] >= 2
    assert (live["answers_refused"] > 0) == (trouble == "wrong")
    assert ("wrong answers of devices, asked for again" in result.stdout) == (trouble == "wrong")
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    ends = {event["id"]: event["ts"] for event in events if event["ph"] == "e"}
    found_out = {}
    for event in events:
        if event["ph"] == "b" and event["args"]["end"] in ("failed", "answered wrong"):
            device = event["args"]["device"]
            found_out[device] = min(found_out.get(device, 1e9), ends[event["id"]])
    assert (len(found_out) == 2) == (trouble != "hang")
    for event in events:
        words = event["name"].split()
        if event["ph"] == "i" and words[2] == "readmitted" and int(words[1]) in found_out:
            at = event["ts"]
            assert at < found_out[int(words[1])] or at > 1.2e6, "it is still sick"


@pytest.mark.parametrize("ranks", [None, 1, 2, 3, 4])
@pytest.mark.parametrize("group", [2, 3])
def test_rounds_through_groups(widepipe, tmp_path, group, ranks):
    _, report = replay(widepipe, tmp_path, "--group-size", str(group), "--load", "0.2",
                       "--log", "l.csv", ranks=ranks)
    run, live = check_answers(report)
    assert live["group_size"] == group and live["requests_open"] == 0
    assert live["rounds"] > 0 and live["start_seconds"] > 0
    with open(tmp_path / "l.csv", newline="") as file:
        devices = {int(batch["device"]) // 4 for batch in csv.DictReader(file)}
    assert devices == set(range(ranks or 1)), "all ranks had work"


def test_devices_report_how_they_are_used(widepipe, tmp_path):
    _, report = replay(widepipe, tmp_path, "--load", "0.4", ranks=2)
    run, live = check_answers(report)
    devices = live["devices"]
    assert [device["device"] for device in devices] == list(range(8))
    assert [device["rank"].split("@")[0] for device in devices] == 4 * ["0"] + 4 * ["1"]
    mean = sum(device["cores_busy_share"] for device in devices) / len(devices)
    assert mean == pytest.approx(run["busy_core_share"], rel=0.5)
    for device in devices:
        assert 0 < device["bandwidth_share"] < 1
        assert 0 < device["memory_bytes"] <= device["most_memory_bytes"] <= 16e9
    sections = live["rank_0_cpu_seconds_by_section"]
    assert set(sections) == {"arrivals", "decisions", "news", "orders", "mpi", "rest"}
    assert sum(sections.values()) == pytest.approx(live["rank_0_cpu_seconds"], rel=0.05)
    assert 1e6 < live["memory_bytes_per_rank"] <= live["most_memory_bytes_of_a_rank"]


@pytest.mark.parametrize("ranks", [None, 3])
def test_the_timeline_shows_who_did_what_when(widepipe, tmp_path, ranks):
    _, report = replay(widepipe, tmp_path, "--load", "0.2", "--timeline", "t.json", "--log",
                       "l.csv", ranks=ranks)
    run, live = check_answers(report)
    timeline = json.loads((tmp_path / "t.json").read_text())
    assert timeline["otherData"]["events_left_out"] == 0
    events = timeline["traceEvents"]
    assert all({"ph", "name", "pid"} <= set(event) for event in events)
    names = {event["pid"]: event["args"]["name"] for event in events
             if event["name"] == "process_name"}
    assert [name.split("@")[0] for _, name in sorted(names.items())] == [
        str(rank) for rank in range(ranks or 1)]
    begun = {event["id"]: event for event in events if event["ph"] == "b"}
    ended = {event["id"]: event for event in events if event["ph"] == "e"}
    assert set(begun) == set(ended) and len(begun) == live["batches"]
    on_devices = [event for event in events if event["ph"] == "X" and "batch" in event["args"]]
    assert len(on_devices) == live["batches"]
    tracks = {}
    for event in on_devices:
        batch = begun[f"{event['args']['batch']:x}"]
        assert batch["args"]["end"] == "answered"
        assert batch["args"]["requests"] == event["args"]["requests"]
        assert batch["args"]["closed because"] in run["batches_closed"]
        # Clocks are aligned: a device begins after the order, and ends before the answer.
        assert batch["ts"] <= event["ts"] + 1e-3
        assert event["ts"] + event["dur"] <= ended[batch["id"]]["ts"] + 1e-3
        tracks.setdefault((event["pid"], event["tid"]), []).append((event["ts"], event["dur"]))
    for spans in tracks.values():
        spans.sort()
        for (at, duration), (after, _) in zip(spans, spans[1:]):
            assert at + duration <= after + 1e-2, "an instance does one thing at a time"
    rounds = [event for event in events if event["ph"] == "X" and event["name"][:6] == "round "]
    assert {event["pid"] for event in rounds} == set(names)
    counters = {event["name"].split(":")[0] for event in events if event["ph"] == "C"}
    assert "waiting" in counters and "device 0" in counters


def test_a_timeline_without_deadlines(widepipe, tmp_path):
    _, report = replay(widepipe, tmp_path, "--workload", "bulk", "--load", "0.2", "--timeline",
                       "t.json", ranks=2)
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    slacks = {event["args"]["head slack ms"] for event in events if event["ph"] == "b"}
    assert slacks == {None}


@pytest.mark.parametrize("policy", ["static-lb", "nexus", "qlearning"])
def test_policies_that_are_tuned_first(widepipe, tmp_path, policy):
    _, report = replay(widepipe, tmp_path, "--policy", policy, "--evaluations", "3", "--load", "0.1",
                       ranks=2)
    check_answers(report)
    assert report["policy"] == policy


def start(widepipe, folder, *options, scale=20, seconds=60):
    job = widepipe.start("replay", "--time-scale", str(scale), "--seconds", str(seconds),
                         "--load", "0.1", "--log", "l.csv", "--report", "r.json", *options, ranks=3,
                         cwd=folder)
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


@pytest.mark.parametrize("scale", [1, 20])
@pytest.mark.parametrize("victim", [0, -1], ids=["first", "last"])
def test_a_rank_that_stands_still_ends_it_and_is_named(widepipe, tmp_path, victim, scale):
    """Not the devices, which do not answer either."""
    job = start(widepipe, tmp_path, "--watchdog", "3", scale=scale)
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
    assert "the job ends; no results are written: start it again" in result.stderr, result.story()


def test_a_rank_that_pauses_does_not_have_all_devices_ejected(widepipe, tmp_path):
    """Rounds wait for it, and with them the news of all."""
    job = start(widepipe, tmp_path, scale=1, seconds=6)
    paused = job.processes(widepipe.program)[-1]
    os.kill(paused, signal.SIGSTOP)
    time.sleep(1)
    os.kill(paused, signal.SIGCONT)
    job.finish(60).expect(0)
    report = json.loads((tmp_path / "r.json").read_text())
    run, _ = check_answers(report)
    assert run["devices_ejected"] <= report["devices"] // 3, "those of the rank, if any"


BAD = [
    (["--time-scale", "0.5"], "--time-scale: Value 0.5 not in range"),
    (["--time-scale", "nan"], "--time-scale: expected a number, found nan"),
    (["--load", "nan"], "--load: expected a number, found nan"),
    (["--rate", "nan"], "--rate: expected a number, found nan"),
    (["--seconds", "nan"], "--seconds: expected a number, found nan"),
    (["--watchdog", "nan"], "--watchdog: expected a number, found nan"),
    (["--round-period", "nan"], "--round-period: expected a number, found nan"),
    (["--seed", "-1"], "--seed: expected a whole number from 0 on, found -1"),
    (["--time-scale", "fast"], "--time-scale: Value fast not in range"),
    (["--devices-per-rank", "0"], "--devices-per-rank: Value 0 not in range"),
    (["--workload", "Z"], "workload 'Z' is not known: expected"),
    (["--policy", "best"], "policy 'best' is not known: expected"),
    (["--policy", "fixed", "--set", "batch=0"], "--set batch=0: expected batch=WHOLE NUMBER, from 1 to"),
    (["--policy", "greedy"],
     "policy 'greedy' is told how fast devices are, which nobody knows live"),
    (["--profile", "none.toml"], "profile 'none.toml': no such file"),
    (["--load", "0.5", "--rate", "3"], "--load excludes --rate"),
    (["--log", "no/such/folder.csv"], "--log no/such/folder.csv"),
    (["--report", "no/such/folder.json"], "--report no/such/folder.json"),
    (["--timeline", "no/such/folder.json"], "--timeline no/such/folder.json"),
    (["--timeline", "/proc/t.json"], "--timeline /proc/t.json: cannot make a file in folder '/proc'"),
    (["--group-size", "0"], "--group-size: Value 0 not in range"),
]


@pytest.mark.parametrize("ranks", [None, 2])
@pytest.mark.parametrize("arguments, message", BAD, ids=[" ".join(words) for words, _ in BAD])
def test_bad_input_is_named_on_any_number_of_ranks(widepipe, tmp_path, ranks, arguments, message):
    result = widepipe.run("replay", *SLOW[2:], *arguments, ranks=ranks, cwd=tmp_path)
    check_refused(result, [message])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("free_kb, refused", [(5000, True), (500000, False)])
def test_more_ranks_than_memory_allows(widepipe, tmp_path, free_kb, refused):
    """On a host that says of itself that so much is free."""
    (tmp_path / "meminfo").write_text(f"MemTotal: 24105000 kB\nMemAvailable: {free_kb} kB\n")
    inside = ["unshare", "--mount", "sh", "-c",
              f'mount --bind {tmp_path}/meminfo /proc/meminfo && exec "$@"', "sh"]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a file over /proc/meminfo")
    result = widepipe.run("replay", *SLOW[2:], ranks=4, cwd=tmp_path, prefix=inside)
    if not refused:
        result.expect(0)
        return
    check_refused(result, [r"host '\S+': expected memory for 4 ranks, some 12\.6 MB more, found "
                           r"5\.12 MB free: start at most 1 there"])
    assert [file.name for file in tmp_path.iterdir()] == ["meminfo"]


def test_a_scheduler_without_devices(widepipe, tmp_path):
    result = widepipe.run("replay", "--dedicated-scheduler", cwd=tmp_path)
    check_refused(result, ["--dedicated-scheduler: needs another rank for the devices, found 1 rank"])
