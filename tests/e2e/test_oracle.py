"""Results against ONNX Runtime: the largest difference stays below 1e-5 of the largest value."""

import numpy as np
import onnxruntime
import pytest

import data
import models
from data import seed

pytestmark = pytest.mark.xdist_group("oracle")  # one process counts what was compared

TOLERANCE = 1e-5
ROWS = 45
ZOO = models.zoo(seed())
CHECKED = []


def oracle(model_bytes, inputs):
    """Outputs by name."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model_bytes, options,
                                           providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs)))


def check_close(name, found, expected):
    assert found.shape == expected.shape and found.dtype == expected.dtype, name
    assert np.isfinite(expected).all() and np.abs(expected).max() > 0, f"{name}: a poor oracle"
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert error < TOLERANCE, f"{name}: {error:.3g} of the largest value"
    CHECKED.append(name)


@pytest.mark.parametrize("ranks, options", [(None, []), (None, ["--isa", "avx2"]),
                                            (2, ["--batch", "64"])])
def test_lenet(widepipe, lenet, images, tmp_path, ranks, options):
    if "avx2" in options and " avx2 " not in open("/proc/cpuinfo", encoding="ascii").read():
        pytest.skip("this processor has no AVX2")
    output = tmp_path / "out.h5"
    widepipe.score(lenet, f"{images}:/images", f"{output}:/scores", *options,
                   ranks=ranks).expect(0)
    pixels = data.read(images, "images").astype(np.float32)
    (expected,) = oracle(lenet.read_bytes(), {"image": pixels}).values()
    check_close("lenet", data.read(output), expected)


@pytest.mark.parametrize("case", ZOO, ids=lambda case: case.name)
def test_zoo(widepipe, tmp_path, case):
    model = models.save(case.model, tmp_path / f"{case.name}.onnx")
    rows = {name: data.normal(ROWS, shape, seed() + number)
            for number, (name, shape) in enumerate(case.inputs.items())}
    source = data.write(tmp_path / "in.h5", **rows)
    inputs = [f"{source}:/{name}" for name in rows]
    if len(rows) > 1:
        inputs = [f"{name}={text}" for name, text in zip(rows, inputs)]
    options = [part for text in inputs for part in ("--input", text)]
    output = tmp_path / "out.h5"
    widepipe.run("score", "--model", model, *options, "--output", f"{output}:/results",
                 "--batch", "7").expect(0)
    for name, expected in oracle(model.read_bytes(), rows).items():
        path = "results" if len(case.outputs) == 1 else f"results/{name.replace('/', '_')}"
        check_close(f"{case.name} {name}", data.read(output, path), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
def test_not_a_number(widepipe, lenet, tmp_path, value):
    """A row that the oracle cannot score does not get confident scores, and the other rows of
    its batch are what they are without it."""
    rows = data.pixels(9, seed()).astype(np.float32)
    good = data.write(tmp_path / "good.h5", images=rows)
    rows[4, 0, 10:14, 10:14] = value
    bad = data.write(tmp_path / "bad.h5", images=rows)
    for source, output in ((good, tmp_path / "a.h5"), (bad, tmp_path / "b.h5")):
        widepipe.score(lenet, f"{source}:/images", f"{output}:/scores", "--batch", "9",
                       "--instances", "1").expect(0)
    found, undisturbed = data.read(tmp_path / "b.h5"), data.read(tmp_path / "a.h5")
    others = np.arange(9) != 4
    assert (found[others] == undisturbed[others]).all()
    (expected,) = oracle(lenet.read_bytes(), {"image": rows}).values()
    assert (np.isfinite(found) == np.isfinite(expected)).all(), f"{found[4]}, not {expected[4]}"


def test_something_was_checked(request):
    """An oracle that ran nothing proves nothing. (Runs last: it is last in the file.)"""
    ran = [item for item in request.session.items
           if item.fspath == request.node.fspath and item is not request.node]
    if not ran:
        pytest.skip("only this test was selected")
    assert CHECKED, f"{len(ran)} tests compared nothing"
    print(f"{len(CHECKED)} comparisons with ONNX Runtime {onnxruntime.__version__}")
