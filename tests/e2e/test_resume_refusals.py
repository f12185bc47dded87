"""What makes a continuation impossible is refused with its reason; --restart begins anew."""

import re
import shutil

import h5py
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import data
import journal
from runner import check_refused


class Scene:
    """A LeNet job over 700 rows in a folder of its own, where every row is recorded but the job
    is not yet marked as complete, as after a kill at the very end."""

    def __init__(self, folder):
        self.folder = folder
        self.model = folder / "model.onnx"
        self.input = folder / "in.h5"
        self.output = folder / "out.h5"
        self.journal = folder / "out.h5.journal"
        self.data_set = "/scores"
        self.options = []

    def run(self, widepipe, *options, **how):
        return widepipe.score(self.model, f"{self.input}:/images",
                              f"{self.output}:{self.data_set}", *self.options, *options, **how)

    def cut_journal(self, kind):
        """Back to before its first record of this kind."""
        begin = next(begin for begin, _, record in journal.records(self.journal)
                     if record["kind"] == kind)
        self.journal.write_bytes(self.journal.read_bytes()[:begin])


@pytest.fixture(scope="module")
def template(widepipe, lenet, images, tmp_path_factory):
    scene = Scene(tmp_path_factory.mktemp("template"))
    shutil.copy(lenet, scene.model)
    shutil.copy(images, scene.input)
    scene.run(widepipe).expect(0)
    return scene


@pytest.fixture
def scene(template, tmp_path):
    folder = tmp_path / "scene"
    shutil.copytree(template.folder, folder)
    return Scene(folder)


CHANGES = {}


def change(name, *facts, same_result=True):
    def register(function):
        CHANGES[name] = (function, facts, same_result)
        return function
    return register


@change("one value of the input", "input", "changed", same_result=False)
def _(scene):
    with h5py.File(scene.input, "r+") as file:
        file["images"][699, 0, 27, 27] ^= 255


@change("rows of the input", "input", "changed", "700", "650", same_result=False)
def _(scene):
    rows = data.read(scene.input, "images")[:650]
    data.write(scene.input, images=rows)


@change("type of the input", "input", "changed", "u8", "f32", same_result=False)
def _(scene):
    rows = data.read(scene.input, "images").astype(np.float32)
    data.write(scene.input, images=rows)


@change("one weight of the model", "model", "changed", same_result=False)
def _(scene):
    model = onnx.load(scene.model)
    weight = model.graph.initializer[0]
    values = numpy_helper.to_array(weight).copy()
    values.flat[0] += 1e-3
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    scene.model.write_bytes(model.SerializeToString())


@change("name of the output data set", "/scores", "/other", same_result=False)
def _(scene):
    scene.data_set = "/other"


@change("instruction set", "instruction set", "sse41", same_result=False)
def _(scene):
    scene.options = ["--isa", "sse41"]


@change("journal missing", r"out\.h5\.journal", "does not exist|missing|no such|not, so")
def _(scene):
    scene.journal.unlink()


@change("journal empty", r"out\.h5\.journal", "missing|empty")
def _(scene):
    scene.journal.write_bytes(b"")


@change("journal with a garbage header", r"out\.h5\.journal", "damaged|header")
def _(scene):
    scene.journal.write_bytes(b"garbage\n" + scene.journal.read_bytes())


@change("journal with one flipped bit in its header", r"out\.h5\.journal", "damaged|header")
def _(scene):
    content = bytearray(scene.journal.read_bytes())
    content[40] ^= 1
    scene.journal.write_bytes(content)


@change("journal of binary rubbish", r"out\.h5\.journal", "damaged|header")
def _(scene):
    scene.journal.write_bytes(np.random.default_rng(1).bytes(4000))


@change("output missing", r"out\.h5", "does not exist|missing|removed", "700")
def _(scene):
    scene.output.unlink()


@change("output truncated", r"out\.h5", "truncated")
def _(scene):
    scene.output.write_bytes(scene.output.read_bytes()[:-1000])


@change("output cut to its first bytes", r"out\.h5", "truncated|damaged|not an? HDF5")
def _(scene):
    scene.output.write_bytes(scene.output.read_bytes()[:700])


@change("output without the recorded rows", r"out\.h5", "done", "row")
def _(scene):
    with h5py.File(scene.output, "r+") as file:
        file["scores_status"][300:310] = 0


def state(scene):
    return data.snapshot(scene.folder)


@pytest.mark.parametrize("ranks", [None, 3], ids=["plain", "ranks3"])
@pytest.mark.parametrize("name", CHANGES)
def test_changed(widepipe, template, scene, name, ranks):
    apply, facts, same_result = CHANGES[name]
    scene.cut_journal("done")
    apply(scene)
    before = state(scene)
    check_refused(scene.run(widepipe, ranks=ranks), (r"out\.h5", *facts))
    assert state(scene) == before, "a refusal must change nothing"
    if ranks is None:
        return
    scene.run(widepipe, "--restart", ranks=2).expect(0)
    with h5py.File(scene.output) as file:
        assert (file[scene.data_set + "_status"][...] == 1).all()
    assert data.same_bytes(scene.output, template.output) == same_result
    assert journal.kinds(scene.journal)[0] == "header"
    assert journal.kinds(scene.journal)[-1] == "done"


def foreign_hdf5(scene):
    scene.output.unlink()
    data.write(scene.output, results=np.arange(10))


def foreign_text(scene):
    scene.output.write_bytes(b"my thesis\n" * 100)


@pytest.mark.parametrize("with_journal", [True, False], ids=["journal", "alone"])
@pytest.mark.parametrize("make", [foreign_hdf5, foreign_text])
def test_foreign_files_survive_restart(widepipe, scene, make, with_journal):
    """Not even a journal of ours beside it makes a file ours."""
    make(scene)
    if not with_journal:
        scene.journal.unlink()
    before = state(scene)
    for options in ([], ["--restart"], ["--restart", "--allow-mixed"]):
        check_refused(scene.run(widepipe, *options), (r"out\.h5", "not made by widepipe"))
        assert state(scene) == before


def test_moved_files_go_on(widepipe, template, scene):
    """Names of folders and files are not part of the job; their content is."""
    scene.cut_journal("done")
    for path in (scene.input, scene.model):
        path.rename(path.with_stem("renamed"))
    scene.input, scene.model = scene.folder / "renamed.h5", scene.folder / "renamed.onnx"
    scene.run(widepipe, "--batch", "3", "--rows-via", "scatter", ranks=2).expect(0)
    assert data.same_bytes(scene.output, template.output)


def test_journal_without_rows_and_output(widepipe, template, scene):
    """A kill between the journal's creation and the output's: the job just begins."""
    scene.cut_journal("run")
    scene.output.unlink()
    scene.run(widepipe).expect(0)
    assert data.same_bytes(scene.output, template.output)


@pytest.mark.parametrize("suffix", [".part", ".journal.part"])
def test_leftover_part_files(widepipe, template, scene, suffix):
    """A kill while the files were made."""
    shutil.copytree(scene.folder, scene.folder.with_name("fresh"))
    fresh = Scene(scene.folder.with_name("fresh"))
    fresh.output.unlink()
    fresh.journal.unlink()
    (fresh.folder / f"out.h5{suffix}").write_bytes(b"half of something")
    fresh.run(widepipe).expect(0)
    assert data.same_bytes(fresh.output, template.output)
    assert not (fresh.folder / f"out.h5{suffix}").exists()


@pytest.mark.parametrize("ranks", [None, 3], ids=["plain", "ranks3"])
def test_complete_job_is_left_alone(widepipe, scene, ranks):
    files = (scene.output, scene.journal)
    before = [(path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in files]
    result = scene.run(widepipe, ranks=ranks).expect(0)
    assert re.search("complete", result.stdout), result.story()
    after = [(path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in files]
    assert after == before
    assert not (scene.folder / "out.h5.lock").exists()


def test_job_killed_before_its_last_record(widepipe, template, scene):
    """All rows recorded but no 'done': nothing is computed again, the record is added."""
    scene.cut_journal("done")
    scene.run(widepipe).expect(0)
    assert journal.kinds(scene.journal)[-1] == "done"
    assert data.same_bytes(scene.output, template.output)
    assert set(journal.times_recorded(scene.journal, 700)) == {1}


def test_damaged_record_in_the_middle(widepipe, template, scene):
    """Its rows are computed again, with a warning; the others are not."""
    lines = scene.journal.read_bytes().splitlines(keepends=True)
    at = next(index for index, (_, _, record) in enumerate(journal.records(scene.journal))
              if record["kind"] == "rows")
    damaged = lines[at].replace(b"[", b"(", 1)
    scene.journal.write_bytes(b"".join(lines[:at] + [damaged] + lines[at + 1:-1] + lines[1:2]))
    result = scene.run(widepipe, ranks=2).expect(0)
    assert "damaged" in result.stdout + result.stderr, result.story()
    assert data.same_bytes(scene.output, template.output)


@pytest.mark.parametrize("content", [b"", b"not JSON", b'{"host":"elsewhere","pid":1,"job":"",'
                                     b'"since":"2020-01-01T00:00:00Z"}\n'],
                         ids=["empty", "garbage", "other host"])
def test_stale_lock_is_taken_over(widepipe, template, scene, content):
    """Nobody holds it, whatever it says."""
    scene.cut_journal("done")
    lock = scene.folder / "out.h5.lock"
    lock.write_bytes(content)
    scene.run(widepipe).expect(0)
    assert not lock.exists()
    assert data.same_bytes(scene.output, template.output)
