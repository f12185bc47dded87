"""Rows of many files, of a window, of chunks: the results are those of the same rows in one
contiguous file, on any ranks."""

import h5py
import numpy as np
import pytest

import data
import journal
from runner import check_refused

WAYS = [(None, []), (3, ["--batch", "7"]), (2, ["--rows-via", "scatter", "--batch", "50"])]
WAY_NAMES = ["plain", "ranks3", "scatter"]


@pytest.fixture(scope="module")
def expected(widepipe, lenet, images, tmp_path_factory):
    output = tmp_path_factory.mktemp("expected") / "out.h5"
    widepipe.score(lenet, f"{images}:/images", f"{output}:/scores").expect(0)
    return data.read(output)


@pytest.fixture(scope="module")
def parts(images, tmp_path_factory):
    """The 700 images in six files of unequal lengths, named so that bytes sort them."""
    folder = tmp_path_factory.mktemp("parts")
    values = data.read(images, "images")
    cuts = [0, 1, 100, 317, 318, 640, 700]
    for number, (begin, end) in enumerate(zip(cuts, cuts[1:])):
        with h5py.File(folder / f"part{number}.h5", "w") as file:
            packed = {"chunks": (40, 1, 28, 28), "compression": "gzip"} if end - begin > 50 else {}
            file.create_dataset("images", data=values[begin:end], **packed)
    names = [f"part{number}.h5" for number in range(6)]
    (folder / "list.txt").write_text("# all\n" + "\n".join(names) + "\n")
    (folder / "some.txt").write_text("part2.h5\npart0.h5\npart2.h5\n")
    return folder


@pytest.mark.parametrize("ranks, options", WAYS, ids=WAY_NAMES)
@pytest.mark.parametrize("name", ["part*.h5", "@list.txt"])
def test_many_files_are_one(widepipe, lenet, parts, expected, tmp_path, name, ranks, options):
    output = tmp_path / "out.h5"
    result = widepipe.score(lenet, f"{name}:/images", f"{output}:/scores", *options, ranks=ranks,
                            cwd=parts).expect(0)
    assert f"{name}:/images: 700 rows of u8 from 6 files" in result.stdout, result.story()
    assert (data.read(output) == expected).all()


def test_listed_order_and_doubles(widepipe, lenet, parts, expected, tmp_path):
    output = tmp_path / "out.h5"
    widepipe.score(lenet, f"@{parts}/some.txt:/images", f"{output}:/scores", ranks=2).expect(0)
    middle = expected[100:317]
    assert (data.read(output) == np.concatenate([middle, expected[:1], middle])).all()


@pytest.mark.parametrize("ranks, options", WAYS, ids=WAY_NAMES)
@pytest.mark.parametrize("window, begin, end", [
    (["--rows", "90:330"], 90, 330), (["--rows", ":50"], 0, 50), (["--rows", "650:"], 650, 700),
    (["--limit", "10"], 0, 10), (["--rows", "300:", "--limit", "40"], 300, 340),
    (["--limit", "1000"], 0, 700)], ids=lambda value: " ".join(map(str, value))
    if isinstance(value, list) else None)
def test_windows(widepipe, lenet, parts, expected, tmp_path, window, begin, end, ranks, options):
    output = tmp_path / "out.h5"
    result = widepipe.score(lenet, f"{parts}/part*.h5:/images", f"{output}:/scores", *window,
                            *options, ranks=ranks).expect(0)
    assert (data.read(output) == expected[begin:end]).all()
    shown = f"rows {begin} to {end - 1} of 700"
    assert (shown in result.stdout) == (end - begin < 700), result.story()


def test_another_window_or_file_is_refused_by_name(widepipe, lenet, parts, tmp_path):
    output = tmp_path / "out.h5"
    source = f"@{tmp_path}/list.txt:/images"
    (tmp_path / "list.txt").write_text(f"{parts}/part2.h5\n{parts}/part4.h5\n")

    def run(*options):
        return widepipe.score(lenet, source, f"{output}:/scores", *options)

    run("--rows", "10:60").expect(0)
    header = journal.records(output.with_name("out.h5.journal"))[0][2]
    assert header["identity"]["rows of input 'image'"] == "10 to 59 of 539"
    with h5py.File(output) as file:
        assert file.attrs["rows of input 'image'"] == "10 to 59 of 539"
    before = data.snapshot(tmp_path)
    check_refused(run("--rows", "11:61"),
                  ("rows of input 'image' changed", "10 to 59 of 539", "11 to 60 of 539"))
    check_refused(run(), ("number of rows changed", "50", "539", "rows of input 'image' changed"))
    assert data.snapshot(tmp_path) == before
    run("--rows", "10:60").expect(0)
    (tmp_path / "list.txt").write_text(f"{parts}/part4.h5\n{parts}/part2.h5\n")
    check_refused(run("--rows", "10:60"), ("input 'image' changed", "2 files"))


@pytest.mark.parametrize("ranks", [None, 3], ids=["plain", "ranks3"])
@pytest.mark.parametrize("batch", ["1", "7", "64", "auto"])
def test_batches_cut_compressed_chunks(widepipe, lenet, images, expected, tmp_path, ranks, batch):
    source = tmp_path / "packed.h5"
    with h5py.File(source, "w") as file:
        file.create_dataset("images", data=data.read(images, "images"), chunks=(100, 1, 14, 28),
                            compression="gzip", shuffle=True)
    output = tmp_path / "out.h5"
    widepipe.score(lenet, f"{source}:/images", f"{output}:/scores", "--batch", batch,
                   ranks=ranks).expect(0)
    assert (data.read(output) == expected).all()


@pytest.mark.parametrize("stored", ["bool", ">f4", ">i2", "f2", "f8"])
def test_types_that_h5py_writes(widepipe, lenet, tmp_path, stored):
    """0 and 1 are exact in all of them, so the scores are the same."""
    values = data.pixels(50) > 127
    results = []
    for name, kind in (("plain", "u1"), ("stored", stored)):
        source = data.write(tmp_path / f"{name}.h5", images=values.astype(kind))
        output = tmp_path / f"{name}_out.h5"
        widepipe.score(lenet, f"{source}:/images", f"{output}:/scores", ranks=2).expect(0)
        results.append(data.read(output))
    assert (results[0] == results[1]).all()


def test_inspect_shows_a_series(widepipe, parts):
    result = widepipe.run("inspect", f"{parts}/part*.h5:/images").expect(0)
    for fact in ("[700, 1, 28, 28]", "6, from", "part5.h5", "1 to 322"):
        assert fact in result.stdout, result.story()
