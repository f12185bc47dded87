"""Rows that cannot be had, and rows that nobody wants: they fail alone, are recorded with their
reasons, and may be tried again."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import data
import journal
import long_job
from data import seed
from runner import check_refused

ROWS, VOCABULARY = 300, 50


def port(name, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def save(path, nodes, ports, outputs, weights):
    graph = helper.make_graph(nodes, "net", ports, outputs,
                              [onnx.numpy_helper.from_array(values, name)
                               for name, values in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def words(tmp_path):
    """Looks up four words a row in a table; three rows name words that are not in it."""
    table = np.random.default_rng(seed()).standard_normal((VOCABULARY, 3)).astype("f4")
    save(tmp_path / "m.onnx",
         [helper.make_node("Gather", ["table", "x"], ["vectors"], "lookup"),
          helper.make_node("ReduceSum", ["vectors", "axis"], ["y"], keepdims=0)],
         [port("x", ["N", 4], TensorProto.INT64)], [port("y", ["N", 3])],
         {"table": table, "axis": np.array([1])})
    rows = np.random.default_rng(seed()).integers(0, VOCABULARY, (ROWS, 4))
    data.write(tmp_path / "good.h5", x=rows)
    rows[[7, 8, 150], 2] = VOCABULARY + 5
    data.write(tmp_path / "bad.h5", x=rows)
    return tmp_path


def failed(output):
    """Rows that the journal calls failed, with their reasons, after all of its records."""
    found = {}
    for _, _, record in journal.records(output.with_name(output.name + ".journal")):
        for first, count in journal.failed_ranges(record):
            found.update({row: record["reason"] for row in range(first, first + count)})
        for first, count in journal.ranges(record):
            for row in range(first, first + count):
                found.pop(row, None)
    return found


def failed_ranges(output):
    """(first, count) of the journal's failed records, as they stand there."""
    return [rows for _, _, record in journal.records(output.with_name(output.name + ".journal"))
            for rows in journal.failed_ranges(record)]


@pytest.mark.parametrize("chunks", [None, (50, 4)])
@pytest.mark.parametrize("ranks", [1, 3])
def test_a_wider_integer_that_does_not_fit(widepipe, tmp_path, chunks, ranks):
    """Ids as h5py writes them, i64, for a model that takes i32: only what does not fit fails."""
    table = np.random.default_rng(seed()).standard_normal((VOCABULARY, 3)).astype("f4")
    save(tmp_path / "m.onnx", [helper.make_node("Gather", ["table", "x"], ["y"])],
         [port("x", ["N", 4], TensorProto.INT32)], [port("y", ["N", 4, 3])], {"table": table})
    rows = np.random.default_rng(seed()).integers(0, VOCABULARY, (ROWS, 4))
    expected = table[rows]
    rows[9, 1] = 1 << 40
    rows[200, 3] = -(1 << 31) - 1
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file.create_dataset("x", data=rows, chunks=chunks)
    widepipe.score("m.onnx", "in.h5:/x", "out.h5:/y", ranks=ranks, cwd=tmp_path).expect(1)
    assert failed(tmp_path / "out.h5") == dict.fromkeys(
        [9, 200], "in.h5:/x: a value does not fit the model's i32, which holds -2147483648 to "
                  "2147483647")
    with h5py.File(tmp_path / "out.h5") as file:
        good = np.setdiff1d(np.arange(ROWS), [9, 200])
        np.testing.assert_array_equal(file["y"][:][good], expected[good])


@pytest.mark.parametrize("ranks, options", [
    (None, []), (1, ["--batch", "1"]), (3, ["--batch", "100"]), (2, ["--rows-via", "scatter"]),
    (2, ["--write-via", "ranks", "--batch", "64"])])
def test_a_row_that_a_kernel_cannot_compute(widepipe, words, ranks, options):
    widepipe.score("m.onnx", "good.h5:/x", "good_out.h5:/y", cwd=words).expect(0)
    result = widepipe.score("m.onnx", "bad.h5:/x", "out.h5:/y", *options, ranks=ranks,
                            cwd=words).expect(1)
    reason = (r"m\.onnx: node 'lookup', operator Gather: index 55 is not one of 50 elements: "
              r"expected -50 to 49")
    assert re.search(rf"failed: rows 7 to 8: {reason}", result.stdout), result.story()
    assert [(7, 2), (150, 1)] == failed_ranges(words / "out.h5")
    found = failed(words / "out.h5")
    assert sorted(found) == [7, 8, 150]
    assert all(re.fullmatch(reason, text) for text in found.values()), found
    status = data.read(words / "out.h5", "y_status")
    assert np.flatnonzero(status == 2).tolist() == [7, 8, 150] and (status != 0).all()
    good = status == 1
    np.testing.assert_array_equal(data.read(words / "out.h5", "y")[good],
                                  data.read(words / "good_out.h5", "y")[good])
    again = widepipe.score("m.onnx", "bad.h5:/x", "out.h5:/y", cwd=words).expect(1)
    assert "is complete" in again.stdout and "row 150" in again.stdout, again.story()
    shown = widepipe.run("inspect", "out.h5", cwd=words).expect(0)
    for rows in ("rows 7 to 8", "row 150"):
        assert re.search(rf"failed: {rows}: {reason}$", shown.stdout, re.M), shown.story()


def strace(log, path, *inject):
    return ["strace", "-f", "-qq", "-o", log, "-e", "trace=pread64", "-P", path,
            *(part for rule in inject for part in ("-e", rule))]


def may_trace():
    probe = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False)
    if probe.returncode != 0:
        pytest.skip("strace may not trace here")


@pytest.mark.unsanitized
@pytest.mark.parametrize("ranks", [None, 3])
def test_retry(widepipe, words, ranks):
    """A disk that does not answer for a while: rows fail, and are had when it does again."""
    may_trace()
    how = ["--batch", "25", "--instances", "1"]
    log, source = str(words / "reads"), str(words / "chunks.h5")
    with h5py.File(source, "w") as file:  # small chunks: many reads
        file.create_dataset("x", data=data.read(words / "good.h5", "x"), chunks=(5, 4))
    run = ["m.onnx", "chunks.h5:/x"]
    widepipe.score(*run, "whole.h5:/y", *how, cwd=words, prefix=strace(log, source)).expect(0)
    with open(log, encoding="ascii") as file:
        readers = [line.split()[0] for line in file]
    # strace counts for each thread: the one that reads rows does so most often. Its last chunks
    # fail, and whatever is tried instead.
    reads = Counter(readers).most_common(1)[0][1] - 3
    result = widepipe.score(*run, "out.h5:/y", *how, cwd=words, prefix=strace(
        log, source, f"inject=pread64:error=EIO:when={reads}+")).expect(1)
    output = words / "out.h5"
    lost = sorted(failed(output))
    assert lost and lost == list(range(lost[0], lost[-1] + 1)), result.story()
    assert "Input/output error" in result.stdout, result.story()
    kept = widepipe.score(*run, "out.h5:/y", ranks=ranks, cwd=words).expect(1)
    assert "is complete" in kept.stdout and sorted(failed(output)) == lost, kept.story()
    tried = widepipe.score(*run, "out.h5:/y", "--retry-failed", ranks=ranks,
                           cwd=words).expect(0)
    assert f"{ROWS - len(lost)} of {ROWS} rows are done" in tried.stdout, tried.story()
    assert failed(output) == {}
    assert data.same_bytes(output, words / "whole.h5")
    nothing = widepipe.score(*run, "out.h5:/y", "--retry-failed", ranks=ranks,
                             cwd=words).expect(0)
    assert "is complete: 300 of 300 rows" in nothing.stdout, nothing.story()
    assert "no failed rows to try again" in nothing.stdout, nothing.story()


@dataclass
class Away:
    """A job of many files that ended while one of them was away: its rows failed."""
    folder: Path
    model: Path
    lost: tuple  # (first, count)
    rows: int

    def score(self, widepipe, *options, **how):
        return widepipe.score(self.model, "part*.h5:/images", "out.h5:/scores", *options,
                              cwd=self.folder, **how)


@pytest.fixture(scope="module")
def file_away(widepipe, heavy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("away")
    # The first file is seconds of work. When the job has come to the lost one it must open it: the
    # setup leaves only the last four files open.
    rows = [long_job.make(widepipe, heavy, tmp_path_factory.mktemp("timing"), 2.5).rows, *[20] * 11]
    for number, count in enumerate(rows):
        data.write(folder / f"part{number:02}.h5", images=data.pixels(count, seed() + number))
    away = Away(folder, heavy, (sum(rows[:5]), rows[5]), sum(rows))
    widepipe.score(heavy, "part*.h5:/images", "whole.h5:/scores", cwd=folder,
                   timeout=long_job.TIMEOUT).expect(0)
    job = widepipe.start_score(heavy, "part*.h5:/images", "out.h5:/scores", cwd=folder, ranks=2)
    long_job.wait_for_rows(job, folder / "out.h5")
    (folder / "part05.h5").rename(folder / "elsewhere")
    result = job.finish(long_job.TIMEOUT).expect(1)
    (folder / "elsewhere").rename(folder / "part05.h5")
    first, count = away.lost
    assert failed_ranges(folder / "out.h5") == [away.lost], result.story()
    assert (f"failed: rows {first} to {first + count - 1}: part05.h5: no such file\n"
            in result.stdout), result.story()
    return away


@pytest.fixture
def away(file_away, tmp_path):
    shutil.copytree(file_away.folder, tmp_path / "away")
    return replace(file_away, folder=tmp_path / "away")


def test_a_file_that_was_away(widepipe, away):
    output = away.folder / "out.h5"
    had = away.rows - away.lost[1]
    again = away.score(widepipe, "--report", "report.json", ranks=2).expect(1)
    assert f"{had:,} of {away.rows:,} rows were scored before" in again.stdout, again.story()
    report = json.loads((away.folder / "report.json").read_text())
    assert (report["rows_before"], report["rows_failed"]) == (had, 20)
    assert report["streams"][0]["failed"] == [
        {"first": away.lost[0], "count": 20, "reason": "part05.h5: no such file"}]
    result = away.score(widepipe, "--retry-failed", ranks=2).expect(0)
    assert (f"{had:,} of {away.rows:,} rows are done, 20 that failed are tried again"
            in result.stdout), result.story()
    assert data.same_bytes(output, away.folder / "whole.h5")
    shown = widepipe.run("inspect", output).expect(0).stdout
    assert ", 0 failed; complete" in shown and "failed rows tried again 20" in shown, shown


@pytest.mark.unsanitized
def test_a_kill_while_failed_rows_are_tried_again(widepipe, away):
    """Between the status of the rows and their record: they are failed still, and marked so by the
    next run; the one after has them."""
    may_trace()
    output = away.folder / "out.h5"
    first, count = away.lost
    lost = list(range(first, first + count))

    def kill():
        job = widepipe.start_score(
            away.model, "part*.h5:/images", "out.h5:/scores", "--retry-failed", cwd=away.folder,
            prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-P",
                    str(output), "-e", "inject=fdatasync:signal=KILL:when=1"])
        result = job.finish(60)
        assert result.code in (-signal.SIGKILL, 128 + signal.SIGKILL), result.story()
        assert (data.read(output, "scores_status")[lost] == 1).any(), result.story()

    kill()
    kept = away.score(widepipe, ranks=2).expect(1)
    assert f"failed: rows {first} to {lost[-1]}: part05.h5" in kept.stdout, kept.story()
    status = data.read(output, "scores_status")
    assert np.flatnonzero(status == 2).tolist() == lost and (status != 0).all()
    assert sorted(failed(output)) == lost
    before = data.snapshot(away.folder)
    away.score(widepipe).expect(1)
    assert data.snapshot(away.folder) == before, "once is enough"
    kill()
    away.score(widepipe, "--retry-failed", ranks=2).expect(0)
    assert data.same_bytes(output, away.folder / "whole.h5") and failed(output) == {}


def test_retry_and_restart_exclude_each_other(widepipe, words):
    check_refused(widepipe.score("m.onnx", "bad.h5:/x", "out.h5:/y", "--retry-failed", "--restart",
                                 cwd=words), ["--retry-failed", "--restart"])


def test_retry_of_what_fails_again(widepipe, words):
    for _ in range(2):
        widepipe.score("m.onnx", "bad.h5:/x", "out.h5:/y", cwd=words).expect(1)
    result = widepipe.score("m.onnx", "bad.h5:/x", "out.h5:/y", "--retry-failed", cwd=words)
    assert "297 of 300 rows are done" in result.expect(1).stdout, result.story()
    assert sorted(failed(words / "out.h5")) == [7, 8, 150]


NAN_ROWS, INFINITE_ROWS = [0, 41, 42, 199], [77]


@pytest.fixture
def holes(tmp_path, lenet):
    pixels = data.pixels(200, seed()).astype("f4")
    pixels[NAN_ROWS, 0, 5, 5] = np.nan
    data.write(tmp_path / "in.h5", images=pixels)
    net = [helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=0),
           helper.make_node("ReduceMax", ["x"], ["z"], axes=[1, 2, 3], keepdims=0)]
    pixels[INFINITE_ROWS, 0, 9, 9] = np.inf
    data.write(tmp_path / "sums.h5", x=pixels)
    save(tmp_path / "sum.onnx", net, [port("x", ["N", 1, 28, 28])],
         [port("y", ["N"]), port("z", ["N"])], {"axes": np.array([1, 2, 3])})
    return tmp_path


VIA = [(None, []), (3, []), (3, ["--batch", "7"]), (2, ["--write-via", "ranks"])]


@pytest.mark.parametrize("ranks", [None, 3])
def test_a_nan_in_every_row(widepipe, lenet, tmp_path, ranks):
    """Devices are not blamed for it when they show what they can."""
    pixels = data.pixels(30, seed()).astype("f4")
    pixels[:, 0, 5, 5] = np.nan
    source = data.write(tmp_path / "in.h5", images=pixels)
    widepipe.score(lenet, f"{source}:/images", f"{tmp_path}/out.h5:/scores", ranks=ranks).expect(0)
    assert np.isnan(data.read(tmp_path / "out.h5")).all()


def test_rows_that_are_not_finite(widepipe, holes):
    kept = widepipe.score("sum.onnx", "sums.h5:/x", "kept.h5:/out", cwd=holes).expect(0)
    assert "failed" not in kept.stdout, kept.story()
    bad = sorted(NAN_ROWS + INFINITE_ROWS)
    for number, (ranks, options) in enumerate(VIA):
        output = holes / f"out{number}.h5"
        result = widepipe.score("sum.onnx", "sums.h5:/x", f"{output}:/out", "--on-nonfinite",
                                "fail-row", *options, ranks=ranks, cwd=holes).expect(1)
        assert re.search(r"failed: row 77: output 'y' holds an infinity", result.stdout)
        found = failed(output)
        assert sorted(found) == bad
        assert {found[row] for row in NAN_ROWS} == {"output 'y' holds NaN"}
        status = data.read(output, "out/status")
        assert np.flatnonzero(status == 2).tolist() == bad and (status != 0).all()
        for name in ("y", "z"):
            values = data.read(output, f"out/{name}")
            assert (values[bad] == 0).all(), "nothing is written of rows that failed"
            np.testing.assert_array_equal(values[status == 1],
                                          data.read(holes / "kept.h5", f"out/{name}")[status == 1])
        assert data.same_bytes(output, holes / "out0.h5"), VIA[number]
    # Another rule is another job; so is none.
    check_refused(widepipe.score("sum.onnx", "sums.h5:/x", "kept.h5:/out", "--on-nonfinite",
                                 "fail-row", cwd=holes), ["rows that are not finite changed"])
    check_refused(widepipe.score("sum.onnx", "sums.h5:/x", "out0.h5:/out", cwd=holes),
                  ["rows that are not finite changed"])


def test_more_rows_that_are_not_finite_than_may_be_in_error(widepipe, tmp_path):
    """Nobody knows how many there are: the limit is for devices and files that went away."""
    save(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], [port("x", ["N", 2])],
         [port("y", ["N", 2])], {})
    rows = np.full((5000, 2), np.nan, "f4")
    rows[::3] = 1
    data.write(tmp_path / "in.h5", x=rows)
    widepipe.score("m.onnx", "in.h5:/x", "out.h5:/y", "--on-nonfinite", "fail-row", ranks=2,
                   cwd=tmp_path).expect(1)
    status = data.read(tmp_path / "out.h5", "y_status")
    assert (status[::3] == 1).all() and np.count_nonzero(status == 2) == 5000 - len(rows[::3])


def test_in_a_job_file(widepipe, holes):
    (holes / "job.toml").write_text(
        '[job]\non_nonfinite = "fail-row"\nwrite_via = "ranks"\n'
        '[[stream]]\nmodel = "sum.onnx"\ninput = "sums.h5:/x"\noutput = "out.h5:/out"\n')
    widepipe.run("score", "job.toml", ranks=2, cwd=holes).expect(1)
    assert np.count_nonzero(data.read(holes / "out.h5", "out/status") == 2) == 5


def test_a_stream_with_a_rule_of_its_own(widepipe, holes):
    stream = ('[[stream]]\nname = "{0}"\nmodel = "sum.onnx"\ninput = "sums.h5:/x"\n'
              'output = "{0}.h5:/out"\n')
    (holes / "job.toml").write_text(stream.format("kept") + stream.format("strict") +
                                    'on_nonfinite = "fail-row"\n')
    widepipe.run("score", "job.toml", "--report", "report.json", ranks=2, cwd=holes).expect(1)
    assert (data.read(holes / "kept.h5", "out/status") == 1).all()
    assert failed_ranges(holes / "strict.h5") == [(0, 1), (41, 2), (77, 1), (199, 1)]
    report = json.loads((holes / "report.json").read_text())
    assert [stream["rows_failed"] for stream in report["streams"]] == [0, 5]


@pytest.mark.parametrize("key, value, expected", [
    ("on_nonfinite", "drop", "'keep' or 'fail-row'"), ("write_via", "rank", "'gather' or 'ranks'")])
def test_mistakes_in_a_job_file(widepipe, holes, key, value, expected):
    (holes / "job.toml").write_text(
        f'[job]\n{key} = "{value}"\n'
        '[[stream]]\nmodel = "sum.onnx"\ninput = "sums.h5:/x"\noutput = "out.h5:/out"\n')
    check_refused(widepipe.run("score", "job.toml", cwd=holes),
                  [rf"^widepipe: job\.toml:2:\d+: '{key}' in \[job\]: expected {expected}"])


@pytest.mark.parametrize("ranks", [None, 3])
def test_a_damaged_chunk(widepipe, lenet, tmp_path, ranks):
    """A read error in the middle: the chunk's rows fail, and no other."""
    pixels = data.pixels(100, seed())
    for name in ("good", "bad"):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            chunks = file.create_dataset("images", data=pixels, chunks=(10, 1, 28, 28),
                                         compression="gzip", fletcher32=True)
            where = chunks.id.get_chunk_info_by_coord((30, 0, 0, 0))
    with open(tmp_path / "bad.h5", "r+b") as file:
        file.seek(where.byte_offset + where.size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 255]))
    widepipe.score(lenet, f"{tmp_path}/good.h5:/images", f"{tmp_path}/a.h5:/scores").expect(0)
    output = tmp_path / "b.h5"
    result = widepipe.score(lenet, f"{tmp_path}/bad.h5:/images", f"{output}:/scores", ranks=ranks)
    result.expect(1)
    found = failed(output)
    assert sorted(found) == list(range(30, 40)), result.story()
    assert all("bad.h5:/images" in reason for reason in found.values()), found
    assert failed_ranges(output) == [(30, 10)]
    status = data.read(output, "scores_status")
    good = status == 1
    assert np.flatnonzero(status == 2).tolist() == list(range(30, 40)) and good.sum() == 90
    np.testing.assert_array_equal(data.read(output)[good], data.read(tmp_path / "a.h5")[good])
