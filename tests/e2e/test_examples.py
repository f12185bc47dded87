"""The mixed job of jobs/examples, on rows made here: with real networks where their weights do not
matter, each stream of the job gives what it gives alone. scripts/examples.sh runs it on real data."""

import shutil
import sys

import h5py
import numpy as np
import onnx
import pytest

import data
from conftest import LENET
from data import seed
from test_models import fetched

MIXED = data.ROOT / "jobs/examples/mixed"

pytestmark = pytest.mark.xdist_group("mixed")


@pytest.fixture(scope="module")
def add_head():
    sys.path.insert(0, str(MIXED))
    import add_head
    sys.path.remove(str(MIXED))
    return add_head


@pytest.fixture
def folder(tmp_path, add_head):
    shutil.copy2(MIXED / "mixed.toml", tmp_path)
    for name in ("fashion_lenet", "digits"):
        shutil.copy2(LENET, tmp_path / f"{name}.onnx")
    for name in ("magika", "efficientnet_lite0"):
        shutil.copy2(fetched(name), tmp_path)
    chance = np.random.default_rng(seed())
    encoder = onnx.load(fetched("paraphrase_l3"))
    onnx.save(add_head.with_head(encoder, chance.standard_normal((384, 2)), np.zeros(2)),
              tmp_path / "tweets.onnx")
    (tmp_path / "answers").mkdir()
    data.write(tmp_path / "clothes.h5", images=data.pixels(300, 1), labels=np.zeros(300, "u1"))
    tokens = chance.integers(1000, 20000, (10, 64))
    with h5py.File(tmp_path / "digits.h5", "w") as file:
        file["test/images"], file["test/labels"] = data.pixels(90, 2), np.ones(90, "u1")
    with h5py.File(tmp_path / "tweets.h5", "w") as file:
        file["test/input_ids"], file["test/attention_mask"] = tokens, np.ones_like(tokens)
        file["test/labels"] = np.ones(10, "u1")
    data.write(tmp_path / "files.h5", bytes=chance.integers(0, 257, (6, 2048), "i4"),
               labels=np.arange(6, dtype="i4"))
    data.write(tmp_path / "photos.h5", images=chance.integers(0, 256, (3, 224, 224, 3), "u1"),
               accepted=np.eye(3, 1000, dtype="?"))
    return tmp_path


@pytest.mark.parametrize("ranks", [None, 4])
def test_each_stream_is_what_it_is_alone(widepipe, folder, ranks):
    widepipe.run("score", "mixed.toml", cwd=folder, ranks=ranks).expect(0)
    (folder / "answers").rename(folder / "together")
    (folder / "answers").mkdir()
    job, *streams = (folder / "mixed.toml").read_text().split("[[stream]]")
    assert len(streams) == 5
    for number, stream in enumerate(streams):
        alone = folder / f"alone{number}.toml"
        alone.write_text(f"[[stream]]{stream}")
        widepipe.run("score", alone).expect(0)
    outputs = sorted(path.name for path in (folder / "together").glob("*.h5"))
    assert outputs == ["clothes.h5", "digits.h5", "files.h5", "photos.h5", "tweets.h5"]
    for name in outputs:
        assert data.same_bytes(folder / "together" / name, folder / "answers" / name), name


def test_answers_are_where_they_are_looked_for(widepipe, folder):
    widepipe.run("score", "mixed.toml", cwd=folder).expect(0)
    with h5py.File(folder / "answers/photos.h5") as photos:
        assert photos["best/indices"].shape == (3, 5) and (photos["best/status"][:] == 1).all()
        assert (photos["accepted"][:] == np.eye(3, 1000)).all()
    with h5py.File(folder / "answers/tweets.h5") as tweets:
        assert np.allclose(tweets["probabilities"][:].sum(1), 1, atol=1e-5)
        assert (tweets["test/labels"][:] == 1).all()
    with h5py.File(folder / "answers/files.h5") as files:
        assert files["kind"].shape == (6,) and (files["kind_status"][:] == 1).all()
    with h5py.File(folder / "answers/digits.h5") as digits:
        assert digits["best/values"].shape == (90, 3)
