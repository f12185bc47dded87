"""`widepipe profile`: constants of a real device, that simulations take, and that nothing else is
written."""

import json

import pytest

import data
from runner import check_refused

STREAM = ["-m", "m.onnx", "-i", "in.h5:/images", "-o", "out.h5:/scores"]
SHORT = ["--seconds", "0.5", "--max-batch", "8"]

WORKLOAD = """\
name = "mine"
fleet = "nominal"
networks = ["m"]
slo_factor = 20.0
"""


@pytest.fixture
def folder(tmp_path, lenet):
    (tmp_path / "m.onnx").write_bytes(lenet.read_bytes())
    data.write(tmp_path / "in.h5", images=data.pixels(100))
    return tmp_path


def test_the_profile_is_one_that_simulations_take(widepipe, folder):
    before = data.snapshot(folder)
    result = widepipe.run("profile", *SHORT, *STREAM, "--cores", "1", "--save", "p.toml",
                          "--report", "p.json", cwd=folder).expect(0)
    report = json.loads((folder / "p.json").read_text())
    assert set(data.snapshot(folder)) == set(before) | {"p.toml", "p.json"}
    assert {one["model"] for one in report["models"]} == {"m"}
    assert {one["batch"] for one in report["alone"]} == {1, 2, 4, 8}
    for one in report["alone"]:
        assert one["seconds"] > 0 and one["fitted_seconds"] > 0
    assert 0 <= report["error"]["median"] <= report["error"]["worst"]
    assert "off by" in result.stdout and report["device"].startswith("cpu, ")
    profile = (folder / "p.toml").read_text()
    assert "bytes_per_value = 4.0" in profile and 'name = "m"' in profile
    (folder / "w.toml").write_text(WORKLOAD)
    text = widepipe.run("simulate", "--profile", "p.toml", "--workload", "w.toml", "--fleet",
                        "nominal", "--devices", "1", "--load", "0.5", "--seconds", "1",
                        cwd=folder).expect(0).stdout
    assert "workload mine on 1 emulated NPUs" in text


def test_streams_of_one_model_are_one_network(widepipe, folder):
    (folder / "job.toml").write_text("\n".join(
        f'[[stream]]\nname = "{name}"\nmodel = "m.onnx"\ninput = "in.h5:/images"\n'
        f'output = "{name}.h5:/scores"\n' for name in ("a", "b")))
    widepipe.run("profile", *SHORT, "job.toml", "--save", "p.toml", cwd=folder).expect(0)
    assert (folder / "p.toml").read_text().count("[[network]]") == 1


@pytest.mark.parametrize("options, expected", [
    (["--save", "nowhere/p.toml"], "--save nowhere/p.toml: cannot write to folder 'nowhere'"),
    (["--save", "m.onnx"], "--save m.onnx: would overwrite"),
    (["--save", "p", "--report", "p"], "--save p: would overwrite 'p', a file of this job"),
    (["--save", "p", "--seconds", "0"], "--seconds: Value 0 not in range"),
    (["--save", "p", "--max-batch", "1"], "--max-batch: Value 1 not in range"),
    ([], "--save is required"),
    (["--save", "p", "--device", "tpu"], "tpu"),
])
def test_refusals(widepipe, folder, options, expected):
    before = data.snapshot(folder)
    check_refused(widepipe.run("profile", *STREAM, *options, cwd=folder), [expected])
    assert data.snapshot(folder) == before


def test_outputs_are_not_looked_at(widepipe, folder):
    widepipe.run("score", *STREAM, cwd=folder).expect(0)
    before = data.snapshot(folder)
    widepipe.run("profile", *SHORT, *STREAM, "--save", "p.toml", cwd=folder).expect(0)
    (folder / "p.toml").unlink()
    assert data.snapshot(folder) == before


def test_an_output_of_the_job_is_not_overwritten(widepipe, folder):
    one, two = (f'[[stream]]\nname = "{name}"\nmodel = "m.onnx"\ninput = "in.h5:/images"\n'
                f'output = "{name}.h5:/scores"\n' for name in ("a", "b"))
    (folder / "one.toml").write_text(one)
    (folder / "job.toml").write_text(one + two)
    widepipe.run("score", "one.toml", cwd=folder).expect(0)
    before = data.snapshot(folder)
    check_refused(widepipe.run("profile", *SHORT, "job.toml", "--save", "a.h5", cwd=folder),
                  ["--save a.h5: would overwrite"])
    assert data.snapshot(folder) == before
