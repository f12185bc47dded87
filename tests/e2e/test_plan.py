"""`widepipe plan`: what it says of a job, and that it leaves nothing behind. How close it comes to
real runs is measured by tests/bench/plan_bench.py."""

import json

import pytest

import data
from runner import check_refused

ROWS = 3000
STREAM = ["-m", "m.onnx", "-i", "in.h5:/images", "-o", "out.h5:/scores"]
SHORT = ["--seconds", "0.5"]


@pytest.fixture
def folder(tmp_path, lenet):
    (tmp_path / "m.onnx").write_bytes(lenet.read_bytes())
    data.write(tmp_path / "in.h5", images=data.pixels(ROWS))
    return tmp_path


def plan_of(widepipe, folder, *options, code=0):
    result = widepipe.run("plan", *SHORT, *options, "--report", "plan.json", cwd=folder)
    result.expect(code)
    report = json.loads((folder / "plan.json").read_text())
    (folder / "plan.json").unlink()
    return report, result.stdout


def test_numbers_fit_together(widepipe, folder):
    before = data.snapshot(folder)
    report, text = plan_of(widepipe, folder, *STREAM, "--nodes", "1,3")
    assert data.snapshot(folder) == before
    assert report["rows"] == ROWS
    assert report["disk_bytes"] == ROWS * (10 * 4 + 1)
    assert report["memory_bytes_per_rank"] > 1e6
    assert [one["nodes"] for one in report["estimates"]] == [1, 3]
    for one in report["estimates"]:
        assert 0 < one["seconds_least"] < one["seconds"] < one["seconds_most"]
        assert one["node_hours"] == pytest.approx(one["nodes"] * one["seconds"] / 3600)
    cores = report["cores"]
    assert {(one["instances"], one["cores_per_instance"]) for one in report["layouts"]
            if one["ranks_per_node"] == 1} >= {(cores, 1)}
    assert all(one["rows_per_second"] > 0 for one in report["layouts"])
    assert report["suggestion"]["nodes"] == 1
    assert report["suggestion"]["time"] == "0:02:00"
    assert "widepipe submit --nodes=1 --time=0:02:00" in text
    assert text.rstrip().endswith("--model=m.onnx --input=in.h5:/images --output=out.h5:/scores")


def test_advice_can_be_submitted(widepipe, folder):
    _, text = plan_of(widepipe, folder, *STREAM, "--batch", "64", "--instances", "1")
    words = text.splitlines()[-1].split()
    assert words[:2] == ["widepipe", "submit"]
    script = widepipe.run(*words[1:], "--print", cwd=folder).expect(0).stdout
    assert "--batch=64" in script and "--report" not in script


@pytest.mark.parametrize("options", [["--cores", "2"], ["--restart"], ["--instances", "2"]])
def test_advice_has_what_was_asked_once(widepipe, folder, options):
    words = plan_of(widepipe, folder, *STREAM, *options)[1].splitlines()[-1].split()
    assert words.count("=".join(options)) == 1
    widepipe.run(*words[1:], "--print", cwd=folder).expect(0)


def test_layout_as_asked(widepipe, folder):
    report, text = plan_of(widepipe, folder, *STREAM, "--instances", "1", "--cores", "1")
    assert [(one["instances"], one["cores_per_instance"]) for one in report["layouts"]] == [(1, 1)]
    assert "best    1 instance of 1 core:" in text


def test_only_rows_that_are_left(widepipe, folder):
    widepipe.run("score", *STREAM, cwd=folder, ranks=1).expect(0)
    result = widepipe.run("plan", *SHORT, *STREAM, cwd=folder).expect(0)
    assert result.stdout == "the job is complete: nothing to do\n"
    data.write(folder / "more.h5", images=data.pixels(ROWS))
    report, _ = plan_of(widepipe, folder, "-m", "m.onnx", "-i", "more.h5:/images", "-o",
                        "new.h5:/scores", "--limit", "1000")
    assert report["rows"] == 1000


@pytest.mark.parametrize("ways", [["--rows-via", "scatter"], ["--write-via", "ranks"],
                                  ["--carry", "in.h5:/images"], ["--dedicated-scheduler"]])
def test_ways_of_rows(widepipe, folder, ways):
    report, text = plan_of(widepipe, folder, *STREAM, *ways)
    assert report["rows"] == ROWS
    assert ways[0] in text.splitlines()[-1]


def test_job_file(widepipe, folder):
    (folder / "job.toml").write_text("\n".join(
        f'[[stream]]\nname = "{name}"\nmodel = "m.onnx"\ninput = "in.h5:/images"\n'
        f'output = "{name}.h5:/scores"\nrows = "{rows}"\n'
        for name, rows in (("all", ":"), ("some", ":500"))))
    report, text = plan_of(widepipe, folder, "job.toml")
    assert [(one["name"], one["rows"]) for one in report["streams"]] == [("all", ROWS),
                                                                       ("some", 500)]
    assert text.splitlines()[-1].endswith(" --job=job.toml")


@pytest.mark.parametrize("options, expected", [
    (["--within", "soon"], "--within: expected a time as Slurm writes it: minutes, MM:SS, "
                           "HH:MM:SS or D-HH:MM:SS; found 'soon'"),
    (["--seconds", "0"], "--seconds: Value 0 not in range 0.100000 to 3600"),
    (["--nodes", "0"], "--nodes: Value 0 not in range 1 to 100000"),
    (["--limit", "0"], "--limit: Value 0 not in range 1 to 9223372036854775807"),
    (["--report", "nowhere/plan.json"], "nowhere/plan.json"),
    (["--instances", "2", "--cores", "4096"], "--cores"),
])
def test_refusals(widepipe, folder, options, expected):
    before = data.snapshot(folder)
    result = widepipe.run("plan", *SHORT, *STREAM, *options, cwd=folder)
    check_refused(result, [expected])
    assert data.snapshot(folder) == before


def test_input_that_is_not_there(widepipe, folder):
    check_refused(widepipe.run("plan", "-m", "m.onnx", "-i", "in.h5:/image", "-o",
                               "out.h5:/scores", cwd=folder), ["/image"])


def test_only_rank_0_under_a_launcher(widepipe, folder):
    result = widepipe.run("plan", *SHORT, *STREAM, cwd=folder, ranks=3).expect(0)
    assert result.stdout.count("widepipe 0") == 1
