"""What a person sees: tables, progress, help, the report; and what other tools see."""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess

import h5py
import jsonschema
import numpy as np
import pytest

import data
import long_job
from runner import control_characters

OPTIONS = {
    "score": ["JOB.toml", "--job", "--model", "--input", "--value", "--output", "--form", "--carry",
              "--rows", "--limit", "--batch", "--rows-via", "--write-via", "--on-nonfinite",
              "--retry-failed", "--dry-run", "--instances", "--cores", "--isa", "--device",
              "--restart", "--allow-mixed", "--report", "--round-period", "--dedicated-scheduler",
              "--quiet", "--help"],
    "inspect": ["--help", "devices", "TARGET", "--shape", "--value", "--kernels", "--batch"],
    "completion": ["bash|zsh"],
    "manual": ["--help"],
}


def check_plain(result):
    """Fit for a batch log: launchers may hand programs a terminal, which must not matter."""
    text = result.stdout.replace("\r\n", "\n") + result.stderr.replace("\r\n", "\n")
    assert not control_characters(text), f"{control_characters(text)} in{result.story()}"


@pytest.fixture(scope="module")
def scored(widepipe, lenet, images, tmp_path_factory):
    """Ranks -> (result, output, report)."""
    folder = tmp_path_factory.mktemp("scored")
    runs = {}
    for ranks in (None, 1, 3):
        output, report = folder / f"out{ranks}.h5", folder / f"report{ranks}.json"
        result = widepipe.score(lenet, f"{images}:/images", f"{output}:/probabilities",
                                "--report", report, ranks=ranks).expect(0)
        runs[ranks] = (result, output, json.loads(report.read_text()))
    return runs


@pytest.fixture(scope="module")
def seconds_long(widepipe, heavy, tmp_path_factory):
    # Long enough for a line of progress even where the machine was busy when it was measured.
    return long_job.make(widepipe, heavy, tmp_path_factory.mktemp("long"), seconds=8)


@pytest.mark.parametrize("ranks", [None, 1, 3])
def test_start_and_end(scored, ranks):
    result, output, _ = scored[ranks]
    check_plain(result)
    text = result.stdout
    for fact in ("fashion_lenet.onnx", r"80,602", "images.h5:/images", "700 rows", "u8",
                 re.escape(str(output))):
        assert re.search(fact, text), f"expected {fact}{result.story()}"
    header = next(line for line in text.splitlines() if line.split()[:1] == ["rank"])
    for title in ("host", "cores", "device"):
        assert title in header
    places = [line for line in text.splitlines() if re.match(r"\s+\d+\s+\S+\s+\d", line)
              and os.uname().nodename in line and "cpu" in line]
    assert len(places) >= (ranks or 1), result.story()
    assert [int(line.split()[0]) for line in places[:ranks or 1]] == list(range(ranks or 1))
    assert re.search(r"^700 rows in [\d.]+ m?s, [\d,]+ rows/s", text, re.MULTILINE), text
    # On a machine that is busy the job takes long enough for lines of progress.
    others = [line for line in result.stderr.splitlines()
              if not re.match(r"\s*\d+ %  \d+ of 700 rows, ", line)]
    assert others == [] or ranks is not None, result.stderr


def test_ranks_that_share_cores_are_named(scored):
    if len(os.sched_getaffinity(0)) >= 3:
        pytest.skip("three ranks have cores of their own here")
    result = scored[3][0]
    assert re.search("warning: .*share cores", result.stdout), result.story()
    assert "share cores" not in scored[None][0].stdout


@pytest.mark.parametrize("ranks", [None, 3])
def test_quiet(widepipe, lenet, images, tmp_path, ranks):
    result = widepipe.score(lenet, f"{images}:/images", f"{tmp_path}/out.h5:/scores", "--quiet",
                            ranks=ranks).expect(0)
    assert result.stdout == "" and not result.errors, result.story()


def test_progress_on_a_terminal(widepipe, seconds_long, tmp_path):
    code, text = widepipe.run_in_terminal(
        "score", "--model", seconds_long.model, "--input", seconds_long.source, "--output",
        f"{tmp_path}/out.h5:/scores")
    assert code == 0, text
    bars = re.findall(r"\r[^\r\n]*\[#*\.*\][^\r\n]*", text)
    assert len(bars) >= 5, f"expected a bar that redraws itself, found {bars} in {text!r}"
    assert re.search(r"\d+ %.*[\d,]+ of [\d,]+ rows, [\d,]+ rows/s, .* left", bars[-1]), bars[-1]
    shares = [int(re.search(r"(\d+) %", bar)[1]) for bar in bars]
    assert shares == sorted(shares) and shares[-1] > 50
    end = text.rsplit("\x1b[K", 1)[1]
    assert "rows/s" in end and not control_characters(end.replace("\r\n", "\n"))


@pytest.mark.parametrize("ranks", [None, 2])
def test_progress_in_a_batch_log(widepipe, seconds_long, tmp_path, ranks):
    result = widepipe.score(seconds_long.model, seconds_long.source, f"{tmp_path}/out.h5:/scores",
                            "--batch", "16", ranks=ranks, timeout=120).expect(0)
    check_plain(result)
    lines = [line for line in (result.stdout + result.stderr).splitlines()
             if re.search(r"\d+ %", line) and "left" in line]
    assert 1 <= len(lines) <= 5, result.story()


@pytest.mark.parametrize("verb", OPTIONS)
@pytest.mark.parametrize("ranks", [None, 2])
def test_help(widepipe, verb, ranks):
    result = widepipe.run(verb, "--help", ranks=ranks).expect(0)
    for option in OPTIONS[verb]:
        assert re.search(re.escape(option) + r"\b", result.stdout), f"{option}{result.story()}"
    assert result.stdout.count("Usage:") == 1, f"expected the help once{result.story()}"
    assert not result.errors
    check_plain(result)


def test_version_and_general_help(widepipe):
    assert re.match(r"widepipe \d+\.\d+", widepipe.run("--version").expect(0).stdout)
    text = widepipe.run("--help").expect(0).stdout
    for verb in OPTIONS:
        assert verb in text
    assert re.search(r"exit codes", text, re.IGNORECASE)


NUMBERS = ["rows_total", "rows_before", "rows_done", "rows_failed", "seconds", "seconds_setup",
           "rows_per_second", "ranks", "exit_code", "rounds", "round_period_seconds"]
STREAM = ["name", "model", "model_hash", "input", "output", "rows_total", "rows_done",
          "rows_failed", "rows_per_second", "batches"]
DEVICE = ["rank", "host", "kind", "instances", "cores_per_instance", "rows_done",
          "rows_per_second", "batches", "busy_seconds", "busy_share"]


@pytest.mark.parametrize("ranks", [None, 1, 3])
def test_report(scored, ranks):
    report = scored[ranks][2]
    for name in NUMBERS:
        assert isinstance(report[name], (int, float)), name
    assert report["verb"] == "score" and report["status"] == "done"
    assert report["rows_total"] == report["rows_done"] == 700
    assert report["rows_failed"] == report["rows_before"] == report["exit_code"] == 0
    assert report["ranks"] == (ranks or 1)
    assert report["rows_per_second"] == pytest.approx(700 / report["seconds"])
    (stream,) = report["streams"]
    assert set(STREAM) <= set(stream)
    assert len(report["devices"]) == (ranks or 1)
    for device in report["devices"]:
        assert set(DEVICE) <= set(device)
        assert 0 <= device["busy_share"] <= 1.05
        assert device["busy_seconds"] <= 1.05 * report["seconds"] * device["instances"]
    for field in ("rows_done", "batches"):
        assert sum(device[field] for device in report["devices"]) == stream[field]
    for spread in ("batch_rows", "batch_busy_seconds", "batch_turnaround_seconds"):
        values = [stream[spread][point] for point in ("p50", "p90", "p99", "max")]
        assert values == sorted(values) and values[0] > 0
    assert stream["batch_rows"]["max"] <= 700


def test_report_is_documented(scored):
    """Field by field; `rows_*` stands for several."""
    text = (data.ROOT / "docs/report.md").read_text()
    report = scored[3][2]
    names = set(report) | set(report["streams"][0]) | set(report["devices"][0])
    documented = re.findall(r"`(?:[a-z]+\[\]\.|\.)?([a-z_*]+)(?:\[\])?`", text)
    missing = [name for name in sorted(names)
               if not any(fnmatch.fnmatch(name, pattern) for pattern in documented)]
    assert not missing, f"docs/report.md does not explain {missing}"


def test_h5py_reads_the_output(scored):
    outputs = [scored[ranks][1] for ranks in (None, 1, 3)]
    with h5py.File(outputs[0]) as file:
        values = file["probabilities"]
        assert values.shape == (700, 10) and values.dtype == np.float32
        assert (file["probabilities_status"][...] == 1).all()
        attributes = dict(file.attrs)
        assert attributes["widepipe_format"] == "1"
        assert all(isinstance(value, str) for value in attributes.values())
    for output in outputs[1:]:
        with h5py.File(output) as file:
            assert dict(file.attrs) == attributes


def test_hdf5_tools(scored):
    plain, many = scored[None][1], scored[3][1]
    diff = subprocess.run(["h5diff", "-v", plain, many], capture_output=True, text=True,
                          timeout=60, check=False)
    assert diff.returncode == 0 and "differences found" in diff.stdout, diff.stdout + diff.stderr
    assert re.search(r"^[1-9]\d* differences found", diff.stdout, re.MULTILINE) is None
    dump = subprocess.run(["h5dump", "-H", plain], capture_output=True, text=True, timeout=60,
                          check=False)
    assert dump.returncode == 0, dump.stderr
    assert "( 700, 10 )" in dump.stdout and "H5T_IEEE_F32LE" in dump.stdout


@pytest.mark.parametrize("ranks", [None, 3])
def test_dry_run(widepipe, lenet, images, tmp_path, ranks):
    """Everything that a run would find wrong, and nothing that it would write."""
    def dry(*more, **how):
        result = widepipe.score(lenet, f"{images}:/images", f"{tmp_path}/out.h5:/y", "--dry-run",
                                "--report", tmp_path / "report.json", *more, ranks=ranks, **how)
        return result

    result = dry().expect(0)
    check_plain(result)
    for fact in ("dry run: nothing is computed or written", r"rows +700 of 700 to compute",
                 r"disk +28\.7 kB; .* are free in its folder",
                 r"memory +\d.* of weights and activations on a rank", "rank  host"):
        assert re.search(fact, result.stdout), f"expected {fact}{result.story()}"
    assert list(tmp_path.iterdir()) == []
    bad = dry("--rows", "600:800").expect(2)
    assert "600:800" in bad.errors[0]
    widepipe.score(lenet, f"{images}:/images", f"{tmp_path}/out.h5:/y").expect(0)
    before = data.snapshot(tmp_path)
    assert "is complete" in dry().expect(0).stdout
    again = dry("--restart").expect(0)
    assert "700 of 700 to compute" in again.stdout, again.story()
    assert data.snapshot(tmp_path) == before


@pytest.mark.parametrize("ranks", [None, 1, 3])
def test_the_report_is_as_its_schema_says(scored, ranks):
    schema = json.loads((data.ROOT / "docs/report.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    _, _, report = scored[ranks]
    jsonschema.validate(report, schema)
    for field in report:  # and the schema is no emptier than the report
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({name: value for name, value in report.items() if name != field},
                                schema)


def test_manual(widepipe):
    """Of the same options as --help."""
    page = widepipe.run("manual").expect(0).stdout
    text = page.replace("\\-", "-")
    for verb, options in OPTIONS.items():
        assert f".SH {verb.upper()}\n" in text
        for option in options:
            assert option in text or option == "devices", option
    if shutil.which("groff"):
        warnings = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-z"], input=page, text=True,
                                  capture_output=True, check=True)
        assert warnings.stderr == ""


@pytest.mark.parametrize("words, expected", [
    (["sc"], ["score"]), (["--ver"], ["--version"]), (["completion", ""], ["bash", "zsh"]),
    (["score", "--rows"], ["--rows", "--rows-via"]), (["score", "--write-via", "r"], ["ranks"]),
    (["score", "--batch", ""], ["auto"]), (["inspect", "--ker"], ["--kernels"]),
    (["score", "--model", "net"], ["net.onnx"]), (["score", "jo"], ["job.toml"])])
def test_completion(widepipe, tmp_path, words, expected):
    (tmp_path / "net.onnx").touch()
    (tmp_path / "job.toml").touch()
    script = widepipe.run("completion", "bash").expect(0).stdout
    line = " ".join(shlex.quote(word) for word in ["widepipe", *words])
    script += f'COMP_WORDS=({line})\nCOMP_CWORD={len(words)}\n_widepipe\n'
    script += 'printf "%s\\n" "${COMPREPLY[@]}"\n'
    found = subprocess.run(["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True,
                           check=True).stdout.split()
    assert sorted(found) == expected
    assert "bashcompinit" in widepipe.run("completion", "zsh").expect(0).stdout
