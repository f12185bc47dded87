"""`widepipe simulate` and `widepipe evaluate`: what they print and write, and what they refuse."""

import csv
import json
import re
import signal
import time

import pytest

import data
import report_fields
from runner import check_refused

SMALL = ["--devices", "8", "--seconds", "1"]
WORKLOAD = """\
name = "mine"
fleet = "fleet.toml"
networks = ["vgg16", "alexnet"]
slo_factor = 8.0
"""
FLEET = """\
name = "two"
[[class]]
name = "fast"
share = 0.5
[[class]]
name = "slow"
share = 0.5
speed = 0.5
"""


def simulate(widepipe, folder, *options, code=0):
    result = widepipe.run("simulate", *SMALL, *options, cwd=folder).expect(code)
    return result.stdout


def test_the_same_seed_gives_the_same_files(widepipe, tmp_path):
    for name in ("a", "b"):
        simulate(widepipe, tmp_path, "--workload", "F", "--seed", "5", "--log", f"{name}.csv",
                 "--report", f"{name}.json")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    reports = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("a", "b")]
    for report in reports:
        del report["wall_seconds"]
    assert reports[0] == reports[1]
    simulate(widepipe, tmp_path, "--workload", "F", "--seed", "6", "--log", "c.csv")
    assert (tmp_path / "a.csv").read_bytes() != (tmp_path / "c.csv").read_bytes()


def test_numbers_fit_together(widepipe, tmp_path):
    text = simulate(widepipe, tmp_path, "--load", "0.6", "--log", "log.csv", "--report", "r.json")
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["workload"], report["devices"], report["seconds"]) == ("A5", 8, 1)
    [run] = report["runs"]
    everything = run["all"]
    assert everything["requests"] == sum(one["requests"] for one in run["streams"])
    assert everything["requests"] == pytest.approx(run["requests_per_second"], rel=0.05)
    assert run["share_of_bound"] == pytest.approx(0.6)
    for one in [everything, *run["streams"]]:
        assert (one["in_time"] + one["late"] + one["dropped"] + one["unfinished"]
                == one["requests"])
        assert one["attainment"] == pytest.approx(one["in_time"] / one["requests"])
        latency = one["latency_seconds"]
        assert latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["p99.9"]
    with open(tmp_path / "log.csv", newline="") as file:
        batches = list(csv.DictReader(file))
    assert len(batches) == everything["batches"] == sum(run["batches_closed"].values())
    assert sum(int(batch["size"]) for batch in batches) == (
        everything["in_time"] + everything["late"])
    for batch in batches:
        assert int(batch["size"]) <= int(batch["waiting"])
        assert float(batch["expected_ms"]) <= float(batch["head_slack_ms"]) or (
            batch["reason"] == "deadline")
    assert f"{everything['requests']:,}" in text


def test_files_of_ones_own(widepipe, tmp_path):
    """The fleet that a workload names lies beside it."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.toml").write_text(WORKLOAD)
    (tmp_path / "sub" / "fleet.toml").write_text(FLEET)
    text = simulate(widepipe, tmp_path, "--workload", "sub/w.toml", "--rate", "500", "--seeds", "3")
    assert "workload mine on 8 emulated NPUs (fleet two)" in text
    assert "vgg16" in text and "alexnet" in text and "resnet50" not in text


def test_reports_say_the_slo_of_each_stream(widepipe, tmp_path):
    slos = {}
    for workload in ("A5", "A10", "bulk"):
        simulate(widepipe, tmp_path, "--workload", workload, "--report", "r.json")
        [run] = json.loads((tmp_path / "r.json").read_text())["runs"]
        assert run["all"]["slo_seconds"] is None
        slos[workload] = {one["stream"]: one["slo_seconds"] for one in run["streams"]}
    assert slos["A10"] == {stream: pytest.approx(2 * slo) for stream, slo in slos["A5"].items()}
    assert min(slos["A5"].values()) == pytest.approx(0.007, rel=0.5)
    assert set(slos["bulk"].values()) == {None}


def test_plans_are_written_by_stream(widepipe, tmp_path):
    simulate(widepipe, tmp_path, "--policy", "learned", "--plans", "p.csv", "--report", "r.json")
    with open(tmp_path / "p.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    [run] = json.loads((tmp_path / "r.json").read_text())["runs"]
    streams = [one["stream"] for one in run["streams"]]
    assert [row["stream"] for row in rows] == streams * (len(rows) // len(streams))
    times = [float(row["at_s"]) for row in rows]
    assert times == sorted(times) and times[0] == 0 and times[-1] > 0
    assert 0 < sum(int(row["in_time"]) for row in rows) <= run["all"]["in_time"]
    for row in rows:
        assert int(row["full"]) >= 1 and float(row["hold_ms"]) >= 0
        assert int(row["instances"]) > 0 and float(row["cores"]) >= 1


def test_goodput_is_where_the_rule_is_just_met(widepipe, tmp_path):
    simulate(widepipe, tmp_path, "--find-goodput", "--report", "r.json")
    [found] = json.loads((tmp_path / "r.json").read_text())["runs"]
    assert found["passes"] and found["runs"] > 3
    for factor, passes in ((0.9, True), (1.1, False)):
        simulate(widepipe, tmp_path, "--load", str(factor * found["share_of_bound"]),
                 "--report", "again.json")
        [run] = json.loads((tmp_path / "again.json").read_text())["runs"]
        assert run["passes"] == passes


def test_rounds_cost_something(widepipe, tmp_path):
    attained = []
    for options in ([], ["--round-period", "1", "--round-delay", "0.2"],
                    ["--round-period", "10"]):
        simulate(widepipe, tmp_path, "--load", "0.6", "--report", "r.json", *options)
        [run] = json.loads((tmp_path / "r.json").read_text())["runs"]
        attained.append(run["all"]["attainment"])
    assert attained == sorted(attained, reverse=True) and attained[0] > attained[2]


EVALUATE = ["evaluate", "--workloads", "A5,F", "--policies", "greedy-estimated,clockwork",
            "--devices", "4,8", "--seconds", "0.5", "--seeds", "2", "--report", "e.json"]


def results(folder):
    return json.loads((folder / "e.json").read_text())


def test_an_evaluation_goes_on_where_it_was(widepipe, tmp_path):
    whole = widepipe.run(*EVALUATE, cwd=tmp_path).expect(0)
    report = results(tmp_path)
    assert len(report["runs"]) == 16
    assert len(report["results"]) == 8
    for one in report["results"]:
        low, high = one["ci95"]
        assert low <= one["goodput_per_device"] <= high
        assert 0 < one["share_of_bound"] < 1 and 0.9 < one["attainment"] <= 1
    # Some runs less, and they are made again, with the same numbers.
    cut = {**report, "runs": report["runs"][:5]}
    (tmp_path / "e.json").write_text(json.dumps(cut))
    again = widepipe.run(*EVALUATE, cwd=tmp_path).expect(0)
    assert again.stdout == whole.stdout
    assert "of 11: " in again.stderr
    key = lambda run: (run["workload"], run["policy"], run["devices"], run["seed"])
    assert sorted(results(tmp_path)["runs"], key=key) == sorted(report["runs"], key=key)
    # A part of it needs no run, other seeds do.
    part = widepipe.run(*EVALUATE[:-6], "--seeds", "2", "--seconds", "0.5", "--report", "e.json",
                        cwd=tmp_path).expect(0)
    assert part.stderr == ""
    other = widepipe.run(*EVALUATE, "--seed-base", "50", cwd=tmp_path).expect(0)
    assert other.stdout != whole.stdout and len(results(tmp_path)["runs"]) == 32


def test_policies_can_do_without_parts_of_themselves(widepipe, tmp_path):
    """On devices of unlike speeds some are worth much."""
    parts = ["batch-sizes", "allocation", "hold-back", "speeds"]
    both = ["greedy-estimated", "learned"]
    all_of_them = both + [f"{one}-without-{part}" for one in both for part in parts]
    command = ["evaluate", "--workloads", "F", "--devices", "12", "--seconds", "3", "--seeds", "1",
               "--policies", ",".join(all_of_them), "--report", "e.json"]
    widepipe.run(*command, cwd=tmp_path).expect(0)
    ratio = {one["policy"]: one["ratio"] for one in results(tmp_path)["results"]}
    assert sorted(ratio) == sorted(all_of_them) and ratio["greedy-estimated"] == 1
    # How much a policy that was trained gains by holding requests back depends on its training.
    worth_much = {"greedy-estimated": ["batch-sizes", "hold-back", "speeds"], "learned": ["batch-sizes", "speeds"]}
    for policy, worth in worth_much.items():
        for part in worth:
            assert ratio[f"{policy}-without-{part}"] < 0.9 * ratio[policy], (policy, part)
    assert widepipe.run(*command, cwd=tmp_path).expect(0).stderr == "", "all of it is known"


def test_what_was_tuned_is_not_tuned_again(widepipe, tmp_path):
    command = ["evaluate", "--workloads", "A5", "--policies", "static-central,static-hindsight",
               "--devices", "4", "--seconds", "0.5", "--seeds", "2", "--evaluations", "30",
               "--report", "e.json"]
    widepipe.run(*command, cwd=tmp_path).expect(0)
    tunings = results(tmp_path)["tunings"]
    assert sorted(one["policy"] for one in tunings) == [
        "static-central", "static-hindsight", "static-hindsight"]
    for one in tunings:
        assert 0 < one["evaluations"] <= 30 and len(one["settings"]) == 10
    # Settings from the file are those that count: with worse ones less is reached.
    report = results(tmp_path)
    runs = {(run["policy"], run["seed"]): run for run in report["runs"]}
    report["runs"] = []
    for one in report["tunings"]:
        for setting in one["settings"]:
            setting.update(batch=1, instances=1)
    (tmp_path / "e.json").write_text(json.dumps(report))
    widepipe.run(*command, cwd=tmp_path).expect(0)
    for run in results(tmp_path)["runs"]:
        better = runs[run["policy"], run["seed"]]
        assert run["goodput_requests_per_second"] < better["goodput_requests_per_second"]


TUNED = ["evaluate", "--workloads", "A5", "--policies", "static-central,greedy-tuned,qlearning",
         "--devices", "4", "--seconds", "0.5", "--seeds", "1", "--evaluations", "3",
         "--report", "e.json"]


@pytest.fixture(scope="module")
def tuned_report(widepipe, tmp_path_factory):
    """The text of a report with a tuning of each sort."""
    folder = tmp_path_factory.mktemp("tuned")
    widepipe.run(*TUNED, cwd=folder).expect(0)
    text = (folder / "e.json").read_text()
    again = widepipe.run(*TUNED, cwd=folder).expect(0)
    assert again.stderr == "" and (folder / "e.json").read_text() == text
    return text


def setting(**changes):
    return lambda tuning: tuning["settings"][3].update(changes)


def field(**changes):
    return lambda tuning: tuning.update(changes)


BEYOND = "1e999 as a number"


# What is damaged, of which policy (None: the first run); what is said of it.
DAMAGED = [
    ("static-central", setting(batch=0),
     "settings[3]: batch is 0, expected a whole number from 1 to 2147483647"),
    ("static-central", setting(batch=33), "settings[3]: batch is 33, expected at most 32"),
    ("static-central", setting(batch=1.5), "settings[3]: batch is 1.5, expected a whole number"),
    ("static-central", setting(batch="8"), 'settings[3]: batch is "8", expected a whole number'),
    ("static-central", setting(batch=2**32 + 1), "settings[3]: batch is 4294967297, expected a"),
    ("static-central", setting(core_choice=-1),
     "settings[3]: core_choice is -1, expected a whole number from 0 to"),
    ("static-central", setting(core_choice=6),
     "settings[3]: core_choice is 6, expected less than 6"),
    ("static-central", setting(timeout_seconds=-0.1),
     "settings[3]: timeout_seconds is -0.1, expected a number from 0 to 1000000000"),
    ("static-central", setting(timeout_seconds=None),
     "settings[3]: timeout_seconds is null, expected a number from 0 to 1000000000"),
    ("static-central", setting(timeout_seconds=float("nan")), "is no JSON"),
    ("static-central", setting(instances=0),
     "settings[3]: instances is 0, expected a whole number from 1 to 1000"),
    ("static-central", setting(instances=2_000_000_000),
     "settings[3]: instances is 2000000000, expected a whole number from 1 to 1000"),
    ("static-central", lambda tuning: tuning["settings"][3].pop("batch"),
     "settings[3] has no 'batch'"),
    ("static-central", lambda tuning: tuning["settings"].pop(),
     "9 settings, expected one for each of 10 models"),
    ("static-central", field(settings=7), "settings is 7, expected a list"),
    ("static-central", field(settings=[[]] * 10), "settings[0] is [], expected an object"),
    ("static-central", field(devices=0), "devices is 0, expected a whole number from 1 to"),
    ("static-central", field(budget=-3), "budget is -3, expected a whole number from 1 to"),
    ("static-central", field(share_of_bound=-1), "share_of_bound is -1, expected a number from 0"),
    ("static-central", field(share_of_bound=77),
     "share_of_bound is 77, expected a number from 0 to 10"),
    ("greedy-tuned", field(parameters="7 1.5 1.5 0.5"),
     "parameter 0, budget, is 7, expected 0.1 to 0.9"),
    ("greedy-tuned", field(parameters="0.5 1.5 0.999 0.5"),
     "parameter 2, hysteresis, is 0.999, expected 1 to 3"),
    ("greedy-tuned", field(parameters="0.5 nan 1.5 0.5"),
     "number 1 is 'nan', expected a finite number"),
    ("greedy-tuned", field(parameters="0.5 1.5 1.5"), "3 parameters, expected 4"),
    ("greedy-tuned", field(parameters=[0.5]), "parameters is [0.5], expected a text"),
    ("qlearning", field(parameters="x0 7 inf x0 3"),
     "number 7 is 'inf', expected a finite number"),
    ("qlearning", field(parameters="x0 7 1e999"),
     "number 7 is '1e999', expected a finite number"),
    ("qlearning", field(parameters="x0 7 0.5x"), "number 7 is '0.5x', expected a finite number"),
    ("qlearning", field(parameters="x0 -7"), "number 0: '-7' behind 'x0', expected how many zeros"),
    ("qlearning", field(parameters="1 x0"), "number 1: '' behind 'x0', expected how many zeros"),
    ("qlearning", field(parameters="x0 99999999999999"), "more than 20000000 numbers"),
    ("qlearning", field(parameters="x0 7"), "7 numbers, expected a table of 19440"),
    ("static-central", field(policy="best"), 'policy is "best", expected one that is tuned'),
    ("static-central", field(policy="greedy"), 'policy is "greedy", expected one that is tuned'),
    ("static-central", field(policy="a\nb"), 'policy is "a\\nb", expected one that is tuned'),
    (None, field(devices=0), "runs[0]: devices is 0, expected a whole number from 1 to"),
    (None, field(bound_requests_per_second="much"),
     'runs[0]: bound_requests_per_second is "much", expected a number from 0 to'),
    (None, lambda run: run.pop("inputs"), "runs[0] has no 'inputs'"),
    (None, field(bound_requests_per_second=BEYOND), "none of an evaluation, it cannot be read ("),
    (None, field(attainment=5), "runs[0]: attainment is 5, expected a number from 0 to 1"),
    (None, field(goodput_requests_per_second=1e300),
     "runs[0]: goodput_requests_per_second is 1e+300, expected a number from 0 to"),
    (None, lambda run: run.update(goodput_requests_per_second=1.2
                                  * run["bound_requests_per_second"]),
     "expected at most the bound, "),
    (None, field(bound_requests_per_second=0),
     "runs[0]: bound_requests_per_second is 0, expected more than 0"),
    (None, field(policy="nonesuch"), 'runs[0]: policy is "nonesuch", expected one that is known'),
]


@pytest.mark.parametrize("policy, damage, message", DAMAGED,
                         ids=[f"{policy}: {message}" for policy, _, message in DAMAGED])
def test_a_damaged_report_is_named_and_left_alone(widepipe, tmp_path, tuned_report, policy, damage,
                                                  message):
    report = json.loads(tuned_report)
    parts = [one for one in report["tunings" if policy else "runs"]
             if policy in (one["policy"], None)]
    damage(parts[0])
    report["runs"] = report["runs"][:1]  # so that there is work
    text = json.dumps(report, indent=1).replace(json.dumps(BEYOND), "1e999")
    (tmp_path / "e.json").write_text(text)
    before = data.snapshot(tmp_path)
    facts = ["report 'e.json'", re.escape(message)]
    if policy and "JSON" not in message and "policy is" not in message:
        facts.append(rf"tunings\[\d\], of '{policy}'")
    check_refused(widepipe.run(*TUNED, cwd=tmp_path, timeout=20), facts)
    assert data.snapshot(tmp_path) == before


@pytest.mark.parametrize("part, common", [
    ("runs", "workload, policy, devices, seed and inputs"),
    ("tunings", "policy, workload, inputs, devices, seed and budget"),
])
def test_what_stands_twice_in_a_report_is_refused(widepipe, tmp_path, tuned_report, part, common):
    report = json.loads(tuned_report)
    report[part].append({**report[part][1], "attainment": 0.5, "share_of_bound": 0.5})
    (tmp_path / "e.json").write_text(json.dumps(report))
    before = data.snapshot(tmp_path)
    message = f"report 'e.json': {part}[3] is there twice: {common} are those of [1]"
    check_refused(widepipe.run(*TUNED, cwd=tmp_path, timeout=20), [re.escape(message)])
    assert data.snapshot(tmp_path) == before


def test_every_field_of_the_reports_is_documented(widepipe, tmp_path, tuned_report):
    simulated, evaluated = report_fields.documented(data.ROOT / "docs/simulate.md")
    assert report_fields.of_report(json.loads(tuned_report)) - evaluated == set()
    for workload in ("A5", "bulk"):
        simulate(widepipe, tmp_path, "--workload", workload, "--report", "r.json")
        report = json.loads((tmp_path / "r.json").read_text())
        assert report_fields.of_report(report) - simulated == set()
        # Words that stand elsewhere in the tables do not count.
        report["runs"][0]["ratio"] = report["runs"][0]["all"]["passes"] = 1
        assert report_fields.of_report(report) - simulated == {"runs.ratio", "runs.all.passes"}


@pytest.mark.parametrize("verb, option", [("simulate", "--workload"), ("evaluate", "--workloads")])
def test_the_help_names_every_workload(widepipe, verb, option):
    text = widepipe.run(verb, "--help").expect(0).stdout
    named = text[text.index(f"{option} "):][:400]
    for file in (data.ROOT / "jobs/profiles").glob("workload-*.toml"):
        assert re.search(rf"\b{file.stem.removeprefix('workload-')}\b", named), file


def test_an_evaluation_that_is_stopped_keeps_its_runs(widepipe, tmp_path):
    long = ["30" if word == "0.5" else word for word in EVALUATE]
    job = widepipe.start(*long, cwd=tmp_path)
    while not (tmp_path / "e.json").exists():
        assert job.running()
        time.sleep(0.05)
    assert job.signal(signal.SIGTERM, widepipe.program)
    stopped = job.finish(120).expect(3)
    assert "the same command goes on" in stopped.stderr
    assert 0 < len(results(tmp_path)["runs"]) < 16


BAD = [
    (["simulate", "--workload", "Z"], "workload 'Z' is not known: expected A10, A3, A5, D, E, F, G"),
    (["simulate", "--workload", "Z"], "bulk, or a file, NAME.toml, or a trace, NAME.h5"),
    (["simulate", "--workload", "none.toml"], "workload 'none.toml': no such file"),
    (["simulate", "--fleet", "big"], "fleet 'big' is not known: expected mixed, nominal"),
    (["simulate", "--profile", "gpu"], "profile 'gpu' is not known: expected npu"),
    (["simulate", "--policy", "best"], "policy 'best' is not known: expected greedy"),
    (["simulate", "--policy", "best-without-speeds"], "policy 'best' is not known"),
    (["simulate", "--policy", "learned-without-luck"], "policy 'learned-without-luck': there is no "
     "part 'luck': expected batch-sizes, allocation, hold-back, speeds"),
    (["simulate", "--policy", "static-lb-without-speeds"], "'static-lb' is tuned"),
    (["simulate", "--set", "speed=2"], "--set speed=2: policy 'greedy-estimated' has no parameter "
     "'speed': expected budget, stretch, hysteresis, sacrifice"),
    (["simulate", "--set", "budget"], "--set budget: expected budget=NUMBER, from 0.1 to 0.9"),
    (["simulate", "--set", "budget=7"], "--set budget=7: expected budget=NUMBER, from 0.1 to 0.9"),
    (["simulate", "--set", "budget=.5x"], "--set budget=.5x: expected budget=NUMBER"),
    (["simulate", "--load", "nan"], "--load: expected a number, found nan"),
    (["simulate", "--round-delay", "nan"], "--round-delay: expected a number, found nan"),
    (["simulate", "--seed", " -1"], "--seed: expected a whole number from 0 on, found  -1"),
    (["simulate", "--seed", "-1"], "--seed: expected a whole number from 0 on, found -1"),
    (["evaluate", "--precision", "nan"], "--precision: expected a number, found nan"),
    (["simulate", "--set", "budget=nan"], "--set budget=nan: expected budget=NUMBER"),
    (["simulate", "--policy", "bulk", "--set", "x=1"], "has no parameter 'x': expected none"),
    (["simulate", "--policy", "static-central", "--set", "batch=8"],
     "--set batch=8: policy 'static-central' has no parameters, it is tuned in advance"),
    (["simulate", "--devices", "0"], "--devices"),
    (["simulate", "--seconds", "-1"], "--seconds"),
    (["simulate", "--load", "x"], "--load"),
    (["simulate", "--load", "0.5", "--rate", "100"], "--rate"),
    (["simulate", "--log", "l.csv", "--seeds", "2"], "--log is for one run"),
    (["simulate", "--plans", "p.csv", "--find-goodput"], "--plans is for one run"),
    (["simulate", "--plans", "no/p.csv"], "no/p.csv"),
    (["simulate", "--plans", "p.csv", "--policy", "static-lb"],
     "--plans: policy 'static-lb' has no plan of all devices"),
    (["simulate", "--log", "none/l.csv"],
     "--log none/l.csv: cannot write to folder 'none': No such file"),
    (["simulate", "--fleet", "small/event.toml", "--devices", "4"],
     "small/event.toml: event 1: device 4, and there are 4, 0 to 3"),
    (["evaluate", "--workloads", "eventful.toml", "--devices", "8,4"],
     "small/event.toml: event 1: device 4, and there are 4, 0 to 3"),
    (["simulate", "--report", "/proc/r.json"],
     "--report /proc/r.json: cannot make a file in folder '/proc': No such file"),
    (["simulate", "--report", "none/r.json"],
     "--report none/r.json: cannot write to folder 'none': No such file"),
    (["simulate", "--workload", "sound.toml", "--report", "sound.toml"],
     "--report sound.toml: would overwrite 'sound.toml', a file of this job"),
    (["simulate", "--log", "small"],
     "--log small: expected a regular file or a new name, found a folder"),
    (["evaluate", "--report", "none/r.json"],
     "--report none/r.json: cannot write to folder 'none': No such file"),
    (["simulate", "--workload", "bad.toml"], "bad.toml:4:1: unknown key 'slo' in the workload"),
    (["simulate", "--workload", "tiny.toml"], "tiny.toml: class 'tiny': its 300 MB of memory hold "
     "no instance of 'vgg16'"),
    (["evaluate", "--policies", "greedy,greedy"], "--policies: 'greedy' is there twice"),
    (["evaluate", "--devices", "4,8,4"], "--devices: '4' is there twice"),
    (["evaluate", "--workloads", "slow.toml", "--devices", "4"],
     "workload 'mine' on 4 devices, seed 1: its bound is 0: such devices cannot serve it"),
    (["evaluate", "--workloads", "A5,A5"], "--workloads: 'A5' is there twice"),
    (["evaluate", "--workloads", "A5,Q"], "workload 'Q' is not known"),
    (["evaluate", "--report", "other.json"],
     "report 'other.json' is there already, and is none of an evaluation"),
    (["evaluate", "--report", "before.json"],
     "before.json' is there already, of an evaluation with seconds 30.0, and this one has 10.0"),
]


@pytest.mark.parametrize("arguments, message", BAD, ids=[" ".join(words) for words, _ in BAD])
def test_bad_input_is_named_and_nothing_is_written(widepipe, tmp_path, arguments, message):
    (tmp_path / "bad.toml").write_text(
        'name = "b"\nfleet = "nominal"\nnetworks = ["vgg16"]\nslo = 3\n')
    (tmp_path / "sound.toml").write_text(WORKLOAD.replace("fleet.toml", "nominal"))
    (tmp_path / "tiny.toml").write_text(WORKLOAD.replace("fleet.toml", "small/tiny.toml"))
    (tmp_path / "slow.toml").write_text(WORKLOAD.replace("fleet.toml", "small/slow.toml"))
    (tmp_path / "eventful.toml").write_text(WORKLOAD.replace("fleet.toml", "small/event.toml"))
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "event.toml").write_text(
        'name = "e"\n[[class]]\nname = "all"\nshare = 1\n'
        '[[event]]\nat = 0.5\nkind = "fail"\ndevices = [3, 4]\n')
    (tmp_path / "small" / "slow.toml").write_text(
        'name = "s"\n[[class]]\nname = "slow"\nshare = 1\nspeed = 0.0001\n')
    (tmp_path / "small" / "tiny.toml").write_text(
        'name = "t"\n[[class]]\nname = "tiny"\nshare = 1\nmemory_gb = 0.3\n')
    (tmp_path / "other.json").write_text('{"rows": 3}')
    settings = {"widepipe_version": "0.1.0", "profile": "npu", "seconds": 30.0, "precision": 0.005,
                "round_period_seconds": 0.0, "round_delay_seconds": 0.0, "evaluations": 400}
    (tmp_path / "before.json").write_text(
        json.dumps({"settings": settings, "runs": [], "tunings": []}))
    before = data.snapshot(tmp_path)
    check_refused(widepipe.run(*arguments, cwd=tmp_path, timeout=20), [re.escape(message)])
    assert data.snapshot(tmp_path) == before
