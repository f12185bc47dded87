"""Shards of a job, and their joining to what a single run writes."""

import shutil

import h5py
import numpy as np
import pytest
from onnx import TensorProto, helper

import data
import journal
from data import seed
from runner import check_refused
from test_failed_rows import failed, port, save

ROWS = 103


@pytest.fixture
def folder(tmp_path, lenet):
    shutil.copy(lenet, tmp_path / "m.onnx")
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["images"] = data.pixels(ROWS, seed())
        file["key"] = np.arange(ROWS)
        file.create_dataset("packed", data=data.pixels(ROWS, seed()), chunks=(10, 1, 28, 28),
                            compression="gzip")
    return tmp_path


def score(widepipe, folder, *options, output="out.h5:/s", source="in.h5:/images", **how):
    return widepipe.score("m.onnx", source, output, *options, cwd=folder, **how)


def split(widepipe, folder, count, *options, code=0, **how):
    for index in range(count):
        score(widepipe, folder, *options, "--shard", f"{index}/{count}", **how).expect(code)


@pytest.mark.parametrize("count, options, how", [
    (1, [], {}), (2, [], {"ranks": 2}), (5, ["--carry", "in.h5:/key"], {}), (103, ["--quiet"], {}),
    (4, ["--rows", "3:50"], {}), (3, ["--form", "top3"], {"output": "out.h5:/group/s"}),
    (12, [], {"source": "in.h5:/packed"})])
def test_the_bytes_of_a_single_run(widepipe, folder, count, options, how):
    split(widepipe, folder, count, *options, **how)
    result = widepipe.run("merge", "out.h5", cwd=folder).expect(0)
    assert f"rows of {count} shards" in result.stdout
    shutil.move(folder / "out.h5", folder / "merged.h5")
    merged_journal = (folder / "out.h5.journal").read_bytes()
    (folder / "out.h5.journal").unlink()
    score(widepipe, folder, *options, **{**how, "ranks": None}).expect(0)
    assert data.same_bytes(folder / "merged.h5", folder / "out.h5")
    # The joined file is as good as the other: nothing is left to do.
    shutil.move(folder / "merged.h5", folder / "out.h5")
    (folder / "out.h5.journal").write_bytes(merged_journal)
    result = score(widepipe, folder, *[o for o in options if o != "--quiet"], **how).expect(0)
    assert "is complete" in result.stdout


def test_failed_rows(widepipe, tmp_path):
    table = np.random.default_rng(seed()).standard_normal((50, 3)).astype("f4")
    save(tmp_path / "m.onnx", [helper.make_node("Gather", ["table", "x"], ["y"])],
         [port("x", ["N", 4], TensorProto.INT64)], [port("y", ["N", 4, 3])], {"table": table})
    rows = np.random.default_rng(seed()).integers(0, 50, (90, 4))
    rows[[0, 44, 45, 89], 2] = 77
    data.write(tmp_path / "in.h5", images=rows)
    split(widepipe, tmp_path, 2, code=1)
    result = widepipe.run("merge", "out.h5:/s", cwd=tmp_path).expect(1)
    assert "90 rows of 2 shards, 4 of them failed rows" in result.stdout
    merged = data.read(tmp_path / "out.h5", "s_status")
    assert np.flatnonzero(merged == 2).tolist() == [0, 44, 45, 89]
    reasons = failed(tmp_path / "out.h5")
    assert sorted(reasons) == [0, 44, 45, 89]
    # What failed may be tried again in the joined file.
    result = score(widepipe, tmp_path, "--retry-failed").expect(1)
    assert failed(tmp_path / "out.h5") == reasons


def test_a_merge_that_was_cut_short(widepipe, folder):
    """Begins anew: the journal names no rows before all are there."""
    split(widepipe, folder, 2)
    widepipe.run("merge", "out.h5", cwd=folder).expect(0)
    whole = (folder / "out.h5").read_bytes()
    lines = (folder / "out.h5.journal").read_bytes().splitlines(keepends=True)
    (folder / "out.h5.journal").write_bytes(lines[0])
    (folder / "out.h5").write_bytes(whole[:-100])
    widepipe.run("merge", "out.h5", cwd=folder).expect(0)
    assert (folder / "out.h5").read_bytes() == whole


def no_shards(folder):
    for path in folder.glob("out.*"):
        path.unlink()


def one_missing(folder):
    (folder / "out.1-of-3.h5").unlink()


def several_splits(folder):
    shutil.copy(folder / "out.0-of-3.h5", folder / "out.0-of-9.h5")


def swapped(folder):
    for suffix in ("", ".journal"):
        shutil.copy(folder / f"out.0-of-3.h5{suffix}", folder / f"out.2-of-3.h5{suffix}")


def not_complete(folder):
    path = folder / "out.1-of-3.h5.journal"
    kept = [line for line in path.read_bytes().splitlines(keepends=True)
            if b'"rows"' not in line or b'"header"' in line or b'"kind":"header"' in line]
    path.write_bytes(b"".join(line for line in kept if b'"done"' not in line))


def no_journal(folder):
    (folder / "out.1-of-3.h5.journal").unlink()


def foreign(folder):
    data.write(folder / "out.1-of-3.h5", s=np.zeros(3))


def taken(folder):
    shutil.copy(folder / "out.0-of-3.h5", folder / "out.h5")


def somebody_elses(folder):
    data.write(folder / "out.h5", s=np.zeros(3))


REFUSED = {
    no_shards: r"out\.h5: no shards: expected out\.I-of-N\.h5",
    one_missing: r"out\.h5: 1 of 3 shards are missing: out\.1-of-3\.h5",
    several_splits: r"out\.h5: shards of several splits, of 3, of 9 parts",
    swapped: r"out\.2-of-3\.h5: was renamed: expected shard 2 of 3, found 0 of 3",
    not_complete: r"out\.1-of-3\.h5: is not complete: 0 of 34 rows are recorded",
    no_journal: r"out\.1-of-3\.h5\.journal",
    foreign: r"out\.1-of-3\.h5: is not an output of widepipe",
    taken: r"out\.h5: exists and holds what no journal names",
    somebody_elses: r"out\.h5: exists and was not made by widepipe",
}


@pytest.mark.parametrize("damage", REFUSED, ids=lambda damage: damage.__name__)
def test_refused(widepipe, folder, damage):
    split(widepipe, folder, 3)
    damage(folder)
    before = data.snapshot(folder)
    check_refused(widepipe.run("merge", "out.h5", cwd=folder), [REFUSED[damage]])
    assert data.snapshot(folder) == before


def test_shards_of_two_jobs(widepipe, folder):
    split(widepipe, folder, 2)
    for path in folder.glob("out.1-of-2.h5*"):
        path.unlink()
    score(widepipe, folder, "--shard", "1/2", "--on-nonfinite", "fail-row").expect(0)
    check_refused(widepipe.run("merge", "out.h5", cwd=folder),
                  [r"out\.1-of-2\.h5: is of another job than out\.0-of-2\.h5: "])


def test_a_second_merge(widepipe, folder):
    split(widepipe, folder, 2)
    widepipe.run("merge", "out.h5", cwd=folder).expect(0)
    check_refused(widepipe.run("merge", "out.h5", cwd=folder), [r"out\.h5: exists and holds 103 rows"])


@pytest.mark.parametrize("value", ["3", "3/3", "-1/2", "1/0", "a/b", "0/1000000", ""])
def test_bad_shards(widepipe, folder, value):
    check_refused(score(widepipe, folder, f"--shard={value}"), [r"--shard"])


def test_more_shards_than_rows(widepipe, folder):
    for ranks in (None, 3):
        check_refused(score(widepipe, folder, "--shard", "0/104", ranks=ranks),
                      [r"expected at least one row for each of 104 shards, found 103 rows"])


def test_journal_of_a_shard(widepipe, folder):
    """A shard goes on where it was, and only as itself."""
    score(widepipe, folder, "--shard", "1/2").expect(0)
    assert journal.kinds(folder / "out.1-of-2.h5.journal")[-1] == "done"
    for suffix in ("", ".journal"):
        shutil.move(folder / f"out.1-of-2.h5{suffix}", folder / f"out.0-of-2.h5{suffix}")
    check_refused(score(widepipe, folder, "--shard", "0/2"), [r"shard"])
