"""`widepipe replay --job`: real models on the cores of all ranks, under SLOs, by a measured profile."""

import json

import pytest

import data
from runner import check_refused

JOB = """\
[[stream]]
name = "{name}"
model = "m.onnx"
input = "in.h5:/images"
output = "{name}.h5:/scores"
"""
WORKLOAD = """\
name = "mine"
networks = [{networks}]
slo_factor = 2000.0
"""


@pytest.fixture(scope="module")
def profiled(widepipe, lenet, tmp_path_factory):
    """A folder with a job, its data, and its profile by the machine's mood: SLOs are far off."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "m.onnx").write_bytes(lenet.read_bytes())
    data.write(folder / "in.h5", images=data.pixels(50))
    (folder / "job.toml").write_text(JOB.format(name="digits"))
    (folder / "w.toml").write_text(WORKLOAD.format(networks='"digits"'))
    widepipe.run("profile", "job.toml", "--seconds", "0.5", "--max-batch", "8", "--save",
                 "p.toml", cwd=folder).expect(0)
    return folder


@pytest.fixture
def folder(profiled, tmp_path):
    for file in profiled.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


REPLAY = ["replay", "--job", "job.toml", "--profile", "p.toml", "--workload", "w.toml"]


@pytest.mark.parametrize("ranks", [None, 1, 2, 3, 4])
def test_every_request_is_answered_by_its_row(widepipe, folder, ranks):
    before = data.snapshot(folder)
    result = widepipe.run(*REPLAY, "--seconds", "1", "--rate", "200", "--report", "r.json",
                          "--timeline", "t.json", cwd=folder, ranks=ranks).expect(0)
    assert set(data.snapshot(folder)) == set(before) | {"r.json", "t.json"}
    report = json.loads((folder / "r.json").read_text())
    [run] = report["runs"]
    live = report["live"]
    assert run["all"]["requests"] > 100
    assert run["all"]["in_time"] + run["all"]["late"] > 0.9 * run["all"]["requests"]
    assert live["answers_wrong"] == live["answers_doubled"] == live["requests_open"] == 0
    assert report["devices"] == (ranks or 1) == len(live["devices"])
    assert run["busy_core_share"] > 0
    assert "cpu device" in result.stdout
    spans = [event for event in json.loads((folder / "t.json").read_text())["traceEvents"]
             if event["ph"] == "X" and event["name"] == "digits"]
    assert len(spans) == live["batches"]


def test_a_scheduler_of_its_own(widepipe, folder):
    widepipe.run(*REPLAY, "--seconds", "0.5", "--rate", "100", "--dedicated-scheduler", "--report",
                 "r.json", cwd=folder, ranks=3).expect(0)
    report = json.loads((folder / "r.json").read_text())
    assert report["devices"] == 2 and report["runs"][0]["all"]["in_time"] > 0


@pytest.mark.parametrize("ranks", [None, 2])
@pytest.mark.parametrize("change, options, expected", [
    ("w.toml", [], "the workload asks for network 'other', and the job has no stream of this name: "
                   "expected one of digits"),
    ("job.toml", ["--time-scale", "2"], "--job excludes --time-scale"),
    ("job.toml", ["--fleet", "mixed"], "--fleet excludes --job"),
    ("job.toml", ["--devices-per-rank", "2"], "--job excludes --devices-per-rank"),
    ("job.toml", ["--policy", "greedy"], "policy 'greedy' is told how fast devices are"),
    ("no file", ["--job", "none.toml"], "none.toml"),
])
def test_bad_input_is_named(widepipe, folder, ranks, change, options, expected):
    if change == "w.toml":
        (folder / "p.toml").write_text((folder / "p.toml").read_text().replace("digits", "other"))
        (folder / "w.toml").write_text(WORKLOAD.format(networks='"other"'))
    words = REPLAY if change != "no file" else ["replay", "--profile", "p.toml", "--workload",
                                                "w.toml"]
    before = data.snapshot(folder)
    check_refused(widepipe.run(*words, *options, cwd=folder, ranks=ranks), [expected])
    assert data.snapshot(folder) == before


@pytest.mark.parametrize("option", ["--report", "--log", "--timeline"])
@pytest.mark.parametrize("victim", ["job.toml", "m.onnx", "in.h5", "p.toml", "w.toml"])
def test_files_of_the_job_are_not_overwritten(widepipe, folder, option, victim):
    before = data.snapshot(folder)
    check_refused(widepipe.run(*REPLAY, option, victim, cwd=folder, ranks=2),
                  [f"{option} {victim}: would overwrite"])
    assert data.snapshot(folder) == before


def test_a_job_needs_a_profile(widepipe, folder):
    check_refused(widepipe.run("replay", "--job", "job.toml", "--workload", "w.toml", cwd=folder),
                  ["--job requires --profile"])


def test_outputs_that_are_complete(widepipe, folder):
    widepipe.run("score", "job.toml", cwd=folder).expect(0)
    check_refused(widepipe.run(*REPLAY, cwd=folder, ranks=2),
                  ["job.toml: its outputs are complete: name others, nothing is written there"])
