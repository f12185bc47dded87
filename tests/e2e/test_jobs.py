"""Job files: several streams in one job, each with the file that it would make alone."""

import json
import os
import re
import shutil
import signal
import socket

import h5py
import numpy as np
import pytest

import data
import journal
import long_job
from runner import check_refused

ROWS = {"few": 300, "many": 2000}


def stream_text(name, model, source, output, *more):
    return "\n".join(["[[stream]]", f'name = "{name}"', f'model = "{model}"',
                      f'input = "{source}"', f'output = "{output}:/scores"', *more, ""])


class Job:
    """A folder with a model, data, and a job file of two streams."""

    def __init__(self, folder, lenet, heavy):
        self.folder = folder
        shutil.copy2(lenet, folder / "lenet.onnx")
        shutil.copy2(heavy, folder / "heavy.onnx")
        for number, (name, rows) in enumerate(ROWS.items()):
            data.write(folder / f"{name}.h5", images=data.pixels(rows, number))
        self.file = folder / "job.toml"
        self.write()

    def write(self, job="", first=(), second=()):
        self.file.write_text(
            job + stream_text("first", "lenet.onnx", "many.h5:/images", "first.h5", *first)
            + stream_text("second", "heavy.onnx", "few.h5:/images", "second.h5", *second))

    def outputs(self):
        return self.folder / "first.h5", self.folder / "second.h5"


@pytest.fixture
def job(tmp_path, lenet, heavy):
    return Job(tmp_path, lenet, heavy)


@pytest.fixture(scope="module")
def alone(widepipe, lenet, heavy, tmp_path_factory):
    """The two outputs, each made by a job of its own in the short form."""
    folder = tmp_path_factory.mktemp("alone")
    job = Job(folder, lenet, heavy)
    for model, source, output in zip((lenet, heavy), ("many", "few"), job.outputs()):
        widepipe.score(model, f"{folder}/{source}.h5:/images", f"{output}:/scores").expect(0)
    return job.outputs()


VARIANTS = [(None, []), (1, []), (2, []), (3, []), (2, ["--rows-via", "scatter"]),
            (3, ["--rows-via", "scatter", "--batch", "7"]),
            (3, ["--dedicated-scheduler", "--instances", "2"])]


@pytest.mark.parametrize("ranks, options", VARIANTS)
def test_a_stream_makes_the_file_that_it_makes_alone(widepipe, job, alone, ranks, options):
    widepipe.run("score", job.file, *options, ranks=ranks).expect(0)
    for expected, output in zip(alone, job.outputs()):
        assert data.same_bytes(expected, output), output.name
        assert journal.kinds(long_job.journal_of(output))[-1] == "done"
        assert not output.with_name(output.name + ".lock").exists()


def test_what_a_person_sees(widepipe, job):
    result = widepipe.run("score", "--job", job.file, "--report", job.folder / "report.json",
                          ranks=2).expect(0)
    for fact in (r"score, 2 streams", r"^first$", r"^second$", r"many\.h5:/images: 2,000 rows",
                 r"^ +stream +rows", r"^ +first +2,000", r"^ +second +300", r"^2,300 rows in"):
        assert re.search(fact, result.stdout, re.MULTILINE), f"expected {fact}{result.story()}"
    report = json.loads((job.folder / "report.json").read_text())
    first, second = report["streams"]
    assert (first["name"], first["rows_done"], first["rows_total"]) == ("first", 2000, 2000)
    assert (second["name"], second["rows_done"], second["rows_total"]) == ("second", 300, 300)
    assert report["rows_done"] == report["rows_total"] == 2300
    assert second["output"] == f"{job.outputs()[1]}:/scores"
    devices = report["devices"]
    assert sum(device["rows_done"] for device in devices) == 2300
    assert sum(device["batches"] for device in devices) == first["batches"] + second["batches"]
    again = widepipe.run("score", job.file).expect(0)
    assert again.stdout.count("is complete") == 2, again.story()


def test_settings_of_the_file_and_of_the_command_line(widepipe, job):
    """An option goes before [job], and a stream's own batch before both."""
    job.write('[job]\nbatch = 16\nreport = "report.json"\nquiet = true\n', second=["batch = 5"])
    result = widepipe.run("score", job.file).expect(0)
    assert result.stdout == "", result.story()
    report = json.loads((job.folder / "report.json").read_text())
    assert [stream["batch_rows"]["max"] for stream in report["streams"]] == [16, 5]
    widepipe.run("score", job.file, "--batch", "32", "--restart").expect(0)
    report = json.loads((job.folder / "report.json").read_text())
    assert [stream["batch_rows"]["max"] for stream in report["streams"]] == [32, 5]


def test_paths_are_relative_to_the_job_file(widepipe, job, alone, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    relative = os.path.relpath(job.file, elsewhere)
    widepipe.run("score", relative, ranks=2, cwd=elsewhere).expect(0)
    assert list(elsewhere.iterdir()) == []
    for expected, output in zip(alone, job.outputs()):
        assert data.same_bytes(expected, output), output.name


def test_a_complete_stream_is_left_as_it_is(widepipe, job, alone):
    for expected in (alone[0], long_job.journal_of(alone[0])):
        shutil.copy2(expected, job.folder / expected.name)
    before = job.outputs()[0].stat()
    result = widepipe.run("score", job.file, "--report", job.folder / "report.json",
                          ranks=2).expect(0)
    assert "complete, left as it is" in result.stdout, result.story()
    report = json.loads((job.folder / "report.json").read_text())
    assert [(s["rows_before"], s["rows_done"]) for s in report["streams"]] == [(2000, 0), (0, 300)]
    assert job.outputs()[0].stat().st_mtime_ns == before.st_mtime_ns
    assert data.same_bytes(alone[1], job.outputs()[1])


def test_sources_with_all_their_keys(widepipe, job, lenet):
    """Parts of many files, channels last and scaled, as the short form takes them prepared."""
    pixels = data.pixels(100, 9)
    last = np.ascontiguousarray(np.moveaxis(pixels, 1, -1)).astype(np.float32) / 2 - 1
    data.write(job.folder / "part1.h5", images=last[:30])
    data.write(job.folder / "part2.h5", images=last[30:])
    data.write(job.folder / "plain.h5", images=pixels[10:50])
    (job.folder / "parts.txt").write_text("part1.h5\npart2.h5\n")
    job.file.write_text("""[[stream]]
model = "lenet.onnx"
output = "first.h5:/scores"
rows = "10:"
limit = 40
[stream.inputs.image]
data = "@parts.txt:/images"
scale = [2]
offset = 2
channels_last = true
""")
    widepipe.run("score", job.file, ranks=2).expect(0)
    widepipe.score(lenet, f"{job.folder}/plain.h5:/images",
                   f"{job.folder}/plain_out.h5:/scores").expect(0)
    expected = data.read(job.folder / "plain_out.h5")
    assert expected.shape == (40, 10)
    assert (data.read(job.folder / "first.h5") == expected).all()


# --- the examples

EXAMPLES = data.ROOT / "jobs/examples"


@pytest.mark.parametrize("ranks", [None, 2])
@pytest.mark.parametrize("name, outputs", [
    ("one_stream.toml", {"scores.h5:/probabilities": []}),
    ("answers.toml", {"answers.h5:/top": ["--form", "top3", "--carry", "test.h5:/labels"]}),
    ("two_streams.toml", {"first.h5:/probabilities": ["--rows", ":2000"],
                          "second.h5:/probabilities": ["--rows", "2000:"]})])
def test_example(widepipe, lenet, tmp_path, name, outputs, ranks):
    (tmp_path / "fashion_lenet").mkdir()
    shutil.copy2(lenet, tmp_path / "fashion_lenet")
    shutil.copy2(EXAMPLES / name, tmp_path)
    data.write(tmp_path / "test.h5", images=data.pixels(3000, 5),
               labels=np.arange(3000, dtype="u1"))
    widepipe.run("score", tmp_path / name, ranks=ranks).expect(0)
    for output, options in outputs.items():
        widepipe.score(lenet, "test.h5:/images", f"alone_{output}", *options,
                       cwd=tmp_path).expect(0)
        file = output.split(":")[0]
        assert data.same_bytes(tmp_path / f"alone_{file}", tmp_path / file), output


def test_every_example_is_tested():
    assert sorted(path.name for path in EXAMPLES.glob("*.toml")) == [
        "answers.toml", "one_stream.toml", "two_streams.toml"]


# --- disturbed

LONG_PAIR = pytest.mark.xdist_group("long pair")  # made once


@pytest.fixture(scope="module")
def long_pair(widepipe, heavy, tmp_path_factory):
    """Two long jobs, undisturbed: the second of half the rows of the first."""
    folder = tmp_path_factory.mktemp("pair")
    first = long_job.make(widepipe, heavy, folder, seconds=3.5)
    source, output, _, seconds = long_job.score(widepipe, heavy, first.rows // 2, folder)
    return first, long_job.LongJob(heavy, source, first.rows // 2, output, seconds)


def write_pair(pair, folder, sources=None):
    outputs = folder / "first.h5", folder / "second.h5"
    sources = sources or [stream.source for stream in pair]
    file = folder / "job.toml"
    file.write_text("".join(
        stream_text(output.stem, stream.model, source, output)
        for stream, source, output in zip(pair, sources, outputs)))
    return file, outputs


@LONG_PAIR
@pytest.mark.parametrize("ranks", [(None, 3), (3, 1), (2, None)])
def test_kill_and_resume(widepipe, long_pair, tmp_path, ranks):
    file, outputs = write_pair(long_pair, tmp_path)
    running = widepipe.start("score", file, ranks=ranks[0])
    for output in outputs:  # both advance: neither waits for the other's end
        long_job.wait_for_rows(running, output)
    running.kill()
    running.finish(10)
    recorded = [long_job.recorded_rows(output) for output in outputs]
    assert all(0 < rows < stream.rows for rows, stream in zip(recorded, long_pair))
    report = tmp_path / "report.json"
    widepipe.run("score", file, "--report", report, ranks=ranks[1],
                 timeout=long_job.TIMEOUT).expect(0)
    streams = json.loads(report.read_text())["streams"]
    assert [stream["rows_before"] for stream in streams] == recorded
    for stream, output in zip(long_pair, outputs):
        long_job.check_complete(stream, output)


@LONG_PAIR
def test_stop_signal(widepipe, long_pair, tmp_path):
    file, outputs = write_pair(long_pair, tmp_path)
    running = widepipe.start("score", file)
    long_job.wait_for_rows(running, outputs[0])
    running.signal(signal.SIGUSR1, os.path.basename(os.path.realpath(widepipe.command)))
    result = running.finish(60).expect(3)
    recorded = sum(long_job.recorded_rows(output) for output in outputs)
    total = sum(stream.rows for stream in long_pair)
    assert f"{recorded:,} of {total:,} rows are recorded" in result.stderr, result.story()
    widepipe.run("score", file, ranks=2, timeout=long_job.TIMEOUT).expect(0)
    for stream, output in zip(long_pair, outputs):
        long_job.check_complete(stream, output)


@pytest.mark.unsanitized  # the job would be too short
@LONG_PAIR
def test_an_input_that_goes_away_is_named_with_its_stream(widepipe, long_pair, tmp_path):
    original = long_pair[1].source.removesuffix(":/images")
    copy = shutil.copy2(original, tmp_path / "in.h5")
    file, outputs = write_pair(long_pair, tmp_path, [long_pair[0].source, f"{copy}:/images"])
    running = widepipe.start("score", file, ranks=2)
    long_job.wait_for_rows(running, outputs[1])
    os.truncate(copy, 100_000)
    result = running.finish(60).expect(4)
    named = re.compile(rf"stream 'second': more than 1,000 rows failed, the last on rank [01]@"
                       rf"{socket.gethostname()}: ")
    assert any(named.search(line) for line in result.errors), result.story()
    shutil.copy2(original, copy)
    widepipe.run("score", file, timeout=long_job.TIMEOUT).expect(0)
    for stream, output in zip(long_pair, outputs):
        long_job.check_complete(stream, output)


@LONG_PAIR
def test_an_output_in_use_keeps_the_whole_job_out(widepipe, long_pair, tmp_path):
    file, outputs = write_pair(long_pair, tmp_path)
    running = widepipe.start_score(long_pair[1].model, long_pair[1].source,
                                   f"{outputs[1]}:/scores")
    # Not for its first rows: they may be its last, and it would be done before it is stopped.
    long_job.wait_for(running, outputs[1].exists, "its output")
    running.signal(signal.SIGSTOP)
    second = widepipe.run("score", file, ranks=2)
    running.signal(signal.SIGCONT)
    check_refused(second, ["stream 'second': ", r"second\.h5", os.uname().nodename])
    assert not outputs[0].exists() and not any(path.exists() for path in data.beside(outputs[0]))
    running.finish(long_job.TIMEOUT).expect(0)
    long_job.check_complete(long_pair[1], outputs[1])


# --- mistakes: exit code 2, the exact message, nothing written

def two_streams(first="", second="", output="second.h5:/y"):
    return f"""[[stream]]
name = "first"
model = "lenet.onnx"
output = "first.h5:/x"
{first or 'input = "few.h5:/images"'}
[[stream]]
name = "second"
model = "lenet.onnx"
output = "{output}"
{second or 'input = "many.h5:/images"'}
"""


MISTAKES = {
    "syntax": ("[job]\nbatch 3\n", r"job\.toml:2:7: Error while parsing key-value pair: .*"),
    "unknown key": ("[job]\nbtach = 3\n" + two_streams(),
                    r"job\.toml:2:1: unknown key 'btach' in \[job\] \(did you mean 'batch'\?\); "
                    "its keys: allow_mixed, .*, write_via"),
    "wrong type": ('[job]\ninstances = "2"\n' + two_streams(),
                   r"job\.toml:2:13: 'instances' in \[job\]: expected a whole number from 1 to "
                   "1024, found a string, '2'"),
    "two of one name": (two_streams().replace('"second"', '"first"'),
                        r"job\.toml:6:1: two streams are called 'first', the other at "
                        r"job\.toml:1:1: expected a 'name' of its own for each"),
    "one output twice": (two_streams(output="./first.h5:/y"),
                         r"job\.toml:6:1: streams 'first' and 'second' both write './first\.h5': "
                         "each stream makes a file of its own"),
    "an output that is an input": (
        two_streams(second='input = "first.h5:/x"'),
        r"job\.toml:10:1: stream 'second' reads 'first\.h5', which stream 'first' writes: run "
        "them as two jobs, one after the other"),
    "an output beside an output": (
        two_streams(output="first.h5.journal:/y"),
        r"job\.toml:6:1: stream 'second' writes 'first\.h5\.journal', which widepipe makes beside "
        "the output of stream 'first': choose another name"),
    "an output that is an input already there": (
        two_streams(output="few.h5:/y"),
        r"job\.toml:5:1: stream 'first' reads 'few\.h5', which stream 'second' writes: run them "
        "as two jobs, one after the other"),
    "an output among the wildcards of another stream": (
        two_streams(second='input = "fir*.h5:/images"'),
        r"job\.toml:1:1: output 'first\.h5' of stream 'first' matches the wildcards of input "
        r"'fir\*\.h5': the next run would take it for an input; choose another name or folder"),
    "rows beyond the last": (
        two_streams(second='input = "many.h5:/images"\nrows = "10:5000"'),
        r"stream 'second': many\.h5:/images: .*0:2000.*10:5000.*"),
    "unknown input": (
        two_streams(second='[stream.inputs.picture]\ndata = "many.h5:/images"'),
        r"job\.toml:10:16: lenet\.onnx has no input 'picture'; its inputs: image"),
    "bad second input": (
        two_streams(second='input = "nowhere.h5:/images"'),
        r"stream 'second': nowhere\.h5: .*no such file.*"),
    "bad second output": (
        two_streams(output="nowhere/second.h5:/y"),
        r"stream 'second': nowhere/second\.h5: its folder 'nowhere' does not exist; .*"),
    "report is an output": (
        '[job]\nreport = "second.h5"\n' + two_streams(),
        r"--report second\.h5: would overwrite 'second\.h5', a file of this job"),
    "report is the job file": (
        '[job]\nreport = "job.toml"\n' + two_streams(),
        r"--report job\.toml: would overwrite 'job\.toml', a file of this job"),
    "unknown device": ('[job]\ndevice = "bogus"\n' + two_streams(), r".*bogus.*cpu.*"),
}


@pytest.mark.parametrize("ranks", [None, 1, 3])
@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(widepipe, job, name, ranks):
    text, message = MISTAKES[name]
    job.file.write_text(text)
    before = data.snapshot(job.folder)
    result = widepipe.run("score", "job.toml", ranks=ranks, cwd=job.folder)
    check_refused(result, [f"^widepipe: {message}$"])
    assert data.snapshot(job.folder) == before


@pytest.mark.parametrize("arguments, message", [
    (["nowhere.toml"], "job file 'nowhere.toml': no such file"),
    (["."], "job file '.': expected a TOML file, found a folder"),
    (["job.toml", "--model", "m.onnx"],
     "--model: belongs to a job without a file, found the job file 'job.toml'; "
     "see `widepipe score --help`"),
    ([], "--model: is required, unless there is a job file; see `widepipe score --help`")],
    ids=["missing", "folder", "short form too", "nothing"])
def test_mistake_on_the_command_line(widepipe, job, arguments, message):
    result = widepipe.run("score", *arguments, cwd=job.folder)
    check_refused(result, [f"^widepipe: {re.escape(message)}$"])


def test_outputs_that_fit_alone_but_not_together(widepipe, job, tmp_path_factory):
    """The disk is asked before anything is made."""
    disk = os.statvfs(job.folder)
    row_bytes = 10 * 4 + 1
    rows = int(disk.f_bavail * disk.f_frsize * 0.7) // row_bytes
    with h5py.File(job.folder / "huge.h5", "w") as file:
        # Declared and never written.
        file.create_dataset("images", (rows, 1, 28, 28), np.uint8, chunks=(1024, 1, 28, 28))
    huge = 'input = "huge.h5:/images"'
    job.file.write_text(two_streams(first=huge, second=huge))
    before = data.snapshot(job.folder)
    check_refused(widepipe.run("score", "job.toml", cwd=job.folder),
                  [r"^widepipe: the outputs of 2 streams need [\d.]+ .iB together, but '.*' has "
                   r"only [\d.]+ .iB free: free some, or write elsewhere$"])
    assert data.snapshot(job.folder) == before
