"""Output files compare equal whatever the ranks, the batch and the way rows travel."""

import os

import h5py
import numpy as np
import pytest

import data

# ranks (None: no launcher), options. Each value of each option meets several of the others.
VARIANTS = [
    (None, ["--batch", "1"]),
    (None, ["--batch", "7"]),
    (None, ["--batch", "64"]),
    (None, ["--rows-via", "scatter"]),
    (None, ["--instances", "2", "--batch", "33"]),
    (None, ["--cores", "2"]),
    (1, []),
    (1, ["--batch", "64", "--rows-via", "scatter"]),
    (2, []),
    (2, ["--batch", "1", "--rows-via", "scatter"]),
    (2, ["--dedicated-scheduler", "--batch", "7"]),
    (3, ["--batch", "7", "--rows-via", "scatter"]),
    (3, ["--batch", "64", "--instances", "2"]),
    (3, ["--dedicated-scheduler", "--rows-via", "scatter"]),
    (None, ["--write-via", "ranks"]),
    (2, ["--write-via", "ranks", "--rows-via", "scatter"]),
    (3, ["--write-via", "ranks", "--batch", "7"]),
    (4, ["--write-via", "ranks", "--dedicated-scheduler"]),
    (4, ["--batch", "1"]),
    (4, ["--rows-via", "scatter", "--instances", "2"]),
    (4, ["--batch", "1000", "--round-period", "0"]),
]

FULL = [(ranks, ["--batch", batch, "--rows-via", via, *more])
        for ranks in (None, 1, 2, 3, 4) for batch in ("1", "7", "64", "auto")
        for via in ("ranks", "scatter")
        for more in ([], ["--instances", "2"], ["--dedicated-scheduler"])
        if not (more == ["--dedicated-scheduler"] and ranks in (None, 1))]


def name_of(variant):
    ranks, options = variant
    return " ".join(["plain" if ranks is None else f"ranks{ranks}", *options]).replace("--", "")


def score(widepipe, model, source, output, variant):
    ranks, options = variant
    if "--cores" in options and len(os.sched_getaffinity(0)) < 2:
        pytest.skip("instances of two cores need two cores")
    widepipe.score(model, source, f"{output}:/scores", *options, ranks=ranks).expect(0)
    return output


@pytest.fixture(scope="module")
def undisturbed(widepipe, lenet, images, tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed") / "out.h5"
    return score(widepipe, lenet, f"{images}:/images", output, (None, []))


def check_variant(widepipe, lenet, images, undisturbed, tmp_path, variant):
    output = score(widepipe, lenet, f"{images}:/images", tmp_path / "out.h5", variant)
    assert data.same_bytes(undisturbed, output)


@pytest.mark.parametrize("variant", VARIANTS, ids=name_of)
def test_variant(widepipe, lenet, images, undisturbed, tmp_path, variant):
    check_variant(widepipe, lenet, images, undisturbed, tmp_path, variant)


@pytest.mark.slow
@pytest.mark.parametrize("variant", FULL, ids=name_of)
def test_full_product(widepipe, lenet, images, undisturbed, tmp_path, variant):
    check_variant(widepipe, lenet, images, undisturbed, tmp_path, variant)


def test_no_row_is_left_out(undisturbed):
    """Guards the comparisons: equal files of zeros would prove nothing."""
    scores = data.read(undisturbed)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert len(np.unique(scores, axis=0)) > 600
    assert (data.read(undisturbed, "scores_status") == 1).all()


def stored(kind, pixels, path):
    """The same values in another dress."""
    with h5py.File(path, "w") as file:
        if kind == "gzip":
            file.create_dataset("images", data=pixels, chunks=(100, 1, 28, 28),
                                compression="gzip", shuffle=True)
        elif kind == "ragged chunks":
            file.create_dataset("images", data=pixels.astype(np.float32), chunks=(64, 1, 9, 28))
        else:
            file.create_dataset("images", data=pixels.astype(kind))
    return path


@pytest.mark.parametrize("kind", ["f4", "f8", ">i2", "gzip", "ragged chunks"])
def test_how_rows_are_stored(widepipe, lenet, images, undisturbed, tmp_path, kind):
    source = stored(kind, data.read(images, "images"), tmp_path / "in.h5")
    plain = score(widepipe, lenet, f"{source}:/images", tmp_path / "plain.h5", (None, []))
    assert (data.read(plain) == data.read(undisturbed)).all()
    for number, variant in enumerate([(3, ["--batch", "7"]), (2, ["--rows-via", "scatter"])]):
        output = score(widepipe, lenet, f"{source}:/images", tmp_path / f"{number}.h5", variant)
        assert data.same_bytes(plain, output), name_of(variant)


@pytest.mark.parametrize("via", ["ranks", "scatter"])
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_fewer_rows_than_ranks(widepipe, lenet, undisturbed, images, tmp_path, rows, via):
    source = data.write(tmp_path / "in.h5", images=data.read(images, "images")[:rows])
    plain = score(widepipe, lenet, f"{source}:/images", tmp_path / "plain.h5", (None, []))
    output = score(widepipe, lenet, f"{source}:/images", tmp_path / "out.h5",
                   (4, ["--rows-via", via]))
    assert data.same_bytes(plain, output)
    # The row's bits do not even depend on which other rows there are.
    assert (data.read(output) == data.read(undisturbed)[:rows]).all()


def test_position_does_not_matter(widepipe, lenet, images, undisturbed, tmp_path, rng):
    """Rows in another order have the same results in that order."""
    order = list(range(700))
    rng.shuffle(order)
    source = data.write(tmp_path / "in.h5", images=data.read(images, "images")[order])
    output = score(widepipe, lenet, f"{source}:/images", tmp_path / "out.h5",
                   (2, ["--batch", "7"]))
    assert (data.read(output) == data.read(undisturbed)[order]).all()


def test_pinned_instruction_set(widepipe, lenet, images, tmp_path):
    """The AVX2 path keeps its bits, too, and stays close to the processor's best."""
    if " avx2 " not in open("/proc/cpuinfo", encoding="ascii").read():
        pytest.skip("this processor has no AVX2")
    files = [score(widepipe, lenet, f"{images}:/images", tmp_path / f"{number}.h5", variant)
             for number, variant in enumerate([(None, ["--isa", "avx2"]),
                                               (None, ["--isa", "avx2", "--batch", "1"]),
                                               (3, ["--isa", "avx2", "--batch", "64"])])]
    assert data.same_bytes(files[0], files[1])
    assert data.same_bytes(files[0], files[2])
