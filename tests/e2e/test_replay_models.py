"""`widepipe replay --job`: real models on the cores of all ranks, under SLOs, by a measured profile."""

import json
import re
import signal

import h5py
import numpy as np
import pytest

import data
import long_job
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
slo_factor = 20000.0
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
BULK = [*REPLAY[:-1], "bulk", "--policy", "bulk"]
TRACE = [*REPLAY[:-1], "day.h5"]


def trace(folder, rows):
    """Requests, one a hundredth of a second, with deadlines far off."""
    data.write(folder / "day.h5", models=np.array(["digits"], dtype=h5py.string_dtype()),
               deadlines=np.array([100.0]), arrival=0.01 * np.arange(len(rows)),
               model=np.zeros(len(rows), "i4"), deadline_class=np.zeros(len(rows), "i4"),
               row=np.array(rows))


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
    # On a busy machine a device may be taken for a dead one: orders that have not left come back.
    assert 0 <= live["batches"] - len(spans) <= run["requests_dispatched_again"]


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


@pytest.mark.parametrize("ranks", [None, 1, 2, 3, 4])
def test_a_profile_of_another_device(widepipe, folder, ranks):
    profile = folder / "p.toml"
    [line] = [line for line in profile.read_text().splitlines() if line.startswith("measured_on")]
    assert line.startswith('measured_on = "cpu, ')
    here = line.split('"')[1]
    profile.write_text(profile.read_text().replace(here, "openvino:GPU, some (other)"))
    before = data.snapshot(folder)
    check_refused(widepipe.run(*REPLAY, cwd=folder, ranks=ranks),
                  [re.escape(f"profile 'cpu' was measured on 'openvino:GPU, some (other)', and this "
                             f"device is '{here}': measure it with `widepipe profile`, or take "
                             "'measured_on' out")])
    assert data.snapshot(folder) == before
    widepipe.run("simulate", "--profile", "p.toml", "--workload", "w.toml", "--fleet", "nominal",
                 "--devices", "1", "--seconds", "0.2", "--load", "0.1", cwd=folder).expect(0)
    profile.write_text("\n".join(line for line in profile.read_text().splitlines()
                                 if not line.startswith("measured_on")))
    widepipe.run(*REPLAY, "--seconds", "0.3", "--rate", "50", cwd=folder, ranks=ranks).expect(0)


def test_a_profile_with_another_instruction_set(widepipe, folder):
    job = (folder / "job.toml").read_text()
    (folder / "job.toml").write_text('[job]\nisa = "sse41"\n' + job)
    check_refused(widepipe.run(*REPLAY, cwd=folder, ranks=2),
                  [r"was measured on 'cpu, .*', and this device is 'cpu, .*\(sse41\)'"])


def test_a_job_needs_a_profile(widepipe, folder):
    check_refused(widepipe.run("replay", "--job", "job.toml", "--workload", "w.toml", cwd=folder),
                  ["--job requires --profile"])


def set_in_job(folder, line):
    job = folder / "job.toml"
    job.write_text(f"[job]\n{line}\n{job.read_text()}")


def scores(file):
    with h5py.File(file) as opened:
        return opened["scores"][:]


@pytest.mark.parametrize("ranks", [None, 1, 2, 3, 4])
def test_a_data_set_is_written_as_score_does(widepipe, folder, ranks):
    result = widepipe.run(*BULK, "--write", "--report", "r.json", cwd=folder, ranks=ranks).expect(0)
    assert "50 of 50 rows of digits.h5:/scores" in result.stdout
    report = json.loads((folder / "r.json").read_text())
    assert report["outputs"] == [{"output": "digits.h5:/scores", "rows": 50, "rows_before": 0,
                                  "rows_written": 50, "rows_failed": 0, "complete": True}]
    written = scores(folder / "digits.h5")
    widepipe.run("score", "job.toml", cwd=folder).expect(0)  # nothing is left to do
    assert (scores(folder / "digits.h5") == written).all()
    (folder / "digits.h5").unlink()
    widepipe.run("score", "job.toml", "--restart", cwd=folder).expect(0)
    assert scores(folder / "digits.h5").tobytes() == written.tobytes()


@pytest.mark.parametrize("ranks", [None, 2])
def test_score_goes_on_with_what_requests_did_not_ask_for(widepipe, folder, ranks):
    trace(folder, rows=[3, 4, 3, 49, 0])
    result = widepipe.run(*TRACE, "--write", "--report", "r.json", cwd=folder,
                          ranks=ranks).expect(0)
    assert "`widepipe score` with this job does the rest" in result.stdout
    [output] = json.loads((folder / "r.json").read_text())["outputs"]
    assert (output["rows_written"], output["complete"]) == (4, False)
    again = widepipe.run("score", "job.toml", "--report", "s.json", cwd=folder).expect(0)
    assert "4 were done before" in again.stdout
    [stream] = json.loads((folder / "s.json").read_text())["streams"]
    assert (stream["rows_before"], stream["rows_done"]) == (4, 46)
    by_requests = scores(folder / "digits.h5")
    widepipe.run("score", "job.toml", "--restart", cwd=folder).expect(0)
    assert scores(folder / "digits.h5").tobytes() == by_requests.tobytes()


def test_a_data_set_goes_on_where_score_was(widepipe, folder):
    trace(folder, rows=[0, 1, 2, 3, 4])
    widepipe.run(*TRACE, "--write", cwd=folder, ranks=2).expect(0)
    result = widepipe.run(*BULK, "--write", cwd=folder, ranks=2).expect(0)
    assert "45 of 50 rows of digits.h5:/scores, 5 were there" in result.stdout
    widepipe.run("score", "job.toml", cwd=folder).expect(0)


def test_rows_that_are_not_finite_fail_as_in_score(widepipe, folder):
    values = data.pixels(50).astype("f4")
    values[7] = float("nan")
    data.write(folder / "in.h5", images=values)
    set_in_job(folder, 'on_nonfinite = "fail-row"')
    result = widepipe.run(*BULK, "--write", cwd=folder, ranks=2).expect(1)
    assert "49 of 50 rows of digits.h5:/scores, 1 failed" in result.stdout
    again = widepipe.run("score", "job.toml", cwd=folder).expect(1)
    assert "row 7" in again.stdout


def test_a_row_that_cannot_be_read_is_given_up(widepipe, folder):
    """The others of its batches go with it, and score does them."""
    with h5py.File(folder / "in.h5", "w") as file:
        images = file.create_dataset("images", data=data.pixels(50), chunks=(10, 1, 28, 28),
                                     fletcher32=True)
        where = images.id.get_chunk_info_by_coord((20, 0, 0, 0)).byte_offset
    with open(folder / "in.h5", "r+b") as file:
        file.seek(where + 100)
        file.write(b"spoiled!")
    result = widepipe.run(*BULK, "--write", cwd=folder, ranks=2).expect(3)
    assert "does the rest" in result.stdout
    assert long_job.recorded_rows(folder / "digits.h5") >= 20, "those of other chunks"
    scored = widepipe.run("score", "job.toml", cwd=folder).expect(1)
    assert "rows 20 to 29" in scored.stdout


@pytest.mark.parametrize("ranks", [None, 2])
@pytest.mark.parametrize("rows, expected", [
    ([0, 50], r"day.h5:/row\[1\] is 50: the data of 'digits' have rows 0 to 49"),
    ([0, -1], "day.h5:/row"),
])
def test_rows_of_a_trace_are_in_the_data(widepipe, folder, ranks, rows, expected):
    trace(folder, rows=rows)
    before = data.snapshot(folder)
    check_refused(widepipe.run(*TRACE, "--write", "--log", "b.csv", cwd=folder, ranks=ranks),
                  [expected])
    assert data.snapshot(folder) == before


@pytest.mark.parametrize("option", ["--report", "--log", "--timeline"])
@pytest.mark.parametrize("victim", ["digits.h5", "digits.h5.journal"])
def test_outputs_of_the_job_are_not_overwritten(widepipe, folder, option, victim):
    trace(folder, rows=[3, 4])
    widepipe.run(*TRACE, "--write", cwd=folder).expect(0)
    before = data.snapshot(folder)
    check_refused(widepipe.run(*BULK, "--write", option, victim, cwd=folder, ranks=2),
                  [f"{option} {victim}: would overwrite"])
    assert data.snapshot(folder) == before


def test_nothing_is_left_to_write(widepipe, folder):
    widepipe.run(*BULK, "--write", cwd=folder, ranks=2).expect(0)
    before = data.snapshot(folder)
    result = widepipe.run(*BULK, "--write", cwd=folder, ranks=2).expect(0)
    assert "job.toml is complete: nothing to do" in result.stdout
    assert data.snapshot(folder) == before


def test_of_two_streams_one_is_complete(widepipe, folder):
    """The other one is served; the complete one is not written again."""
    (folder / "two.toml").write_text((folder / "job.toml").read_text() + JOB.format(name="more"))
    widepipe.run("score", "job.toml", cwd=folder).expect(0)
    replay = ["replay", "--job", "two.toml", *REPLAY[3:]]
    check_refused(widepipe.run(*replay, "--write", cwd=folder, ranks=2),
                  ["the workload asks for 'digits', of which all rows are done"])
    widepipe.run(*replay, "--seconds", "0.5", "--rate", "100", cwd=folder, ranks=2).expect(0)


@pytest.mark.parametrize("options", [("--group-size", "2"), ("--dedicated-scheduler",)])
def test_results_come_through_groups_and_to_a_scheduler_of_its_own(widepipe, folder, options):
    widepipe.run(*BULK, "--write", *options, cwd=folder, ranks=4).expect(0)
    written = scores(folder / "digits.h5")
    widepipe.run("score", "job.toml", "--restart", cwd=folder).expect(0)
    assert scores(folder / "digits.h5").tobytes() == written.tobytes()


def test_settings_that_are_given(widepipe, folder):
    widepipe.run(*REPLAY, "--seconds", "0.5", "--rate", "100", "--policy", "fixed", "--set", "cores=1",
                 "--set", "batch=4", "--set", "timeout_ms=5", "--report", "r.json", cwd=folder,
                 ranks=2).expect(0)
    [run] = json.loads((folder / "r.json").read_text())["runs"]
    assert run["all"]["in_time"] == run["all"]["requests"] > 0


def test_results_of_requests_are_gathered(widepipe, folder):
    set_in_job(folder, 'write_via = "ranks"')
    check_refused(widepipe.run(*BULK, "--write", cwd=folder, ranks=2),
                  ["job.toml: write_via is 'ranks', and what requests come to is gathered"])


def test_writing_needs_a_job(widepipe, folder):
    check_refused(widepipe.run("replay", "--write", cwd=folder), ["--write requires --job"])


def test_a_signal_leaves_what_was_answered(widepipe, folder):
    job = widepipe.start(*REPLAY, "--seconds", "60", "--rate", "50", "--write", cwd=folder, ranks=2)
    long_job.wait_for_rows(job, folder / "digits.h5")
    job.signal(signal.SIGTERM, "widepipe")
    result = job.finish(60).expect(3)
    assert "does the rest" in result.stdout or "50 of 50" in result.stdout
    widepipe.run("score", "job.toml", cwd=folder).expect(0)
    by_requests = scores(folder / "digits.h5")
    widepipe.run("score", "job.toml", "--restart", cwd=folder).expect(0)
    assert scores(folder / "digits.h5").tobytes() == by_requests.tobytes()


@pytest.mark.parametrize("ranks", [None, 2])
def test_an_output_that_another_program_removes(widepipe, folder, ranks):
    """What cannot be written ends the run on all ranks, at once."""
    job = widepipe.start(*REPLAY, "--seconds", "60", "--rate", "5", "--write", cwd=folder,
                         ranks=ranks)
    long_job.wait_for_rows(job, folder / "digits.h5")
    (folder / "digits.h5").unlink()
    assert "digits.h5 was removed by another program" in job.finish(40).expect(4).stderr


@pytest.mark.parametrize("ranks", [None, 2])
def test_a_model_that_no_device_holds_ends_it_in_time(widepipe, folder, ranks):
    """In the profile: batches of 8 rows of the LeNet take 2 MB, and one 0.5."""
    text, count = re.subn("memory_gb = .*", f"memory_gb = {0.001 * (ranks or 1)}",
                          (folder / "p.toml").read_text())
    assert count == 1
    (folder / "p.toml").write_text(text)
    result = widepipe.run(*BULK[:-1], "fixed", "--set", "batch=8", "--write", "--watchdog", "2",
                          cwd=folder, ranks=ranks).expect(3)
    assert "no device has answered any request for 2" in result.stderr
    widepipe.run("score", "job.toml", cwd=folder).expect(0)


def test_outputs_are_not_looked_at_without_write(widepipe, folder):
    widepipe.run("score", "job.toml", cwd=folder).expect(0)
    before = data.snapshot(folder)
    widepipe.run(*REPLAY, cwd=folder, ranks=2).expect(0)
    text = (folder / "job.toml").read_text()
    assert 'output = "' in text
    (folder / "job.toml").write_text('[job]\nreport = "none/r.json"\n' +
                                     text.replace('output = "', 'output = "not/there/'))
    widepipe.run(*REPLAY, cwd=folder, ranks=2).expect(0)
    check_refused(widepipe.run(*REPLAY, "--write", cwd=folder, ranks=2), ["not/there"])
    (folder / "job.toml").write_text(text)
    assert data.snapshot(folder) == before
