"""The openvino device, where this build has it: results against ONNX Runtime, models that only it
can run, refusals."""

import importlib.util
import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import data
import models
import test_models
from data import seed
from runner import check_refused
from test_oracle import oracle

pytestmark = pytest.mark.xdist_group("openvino")

TOLERANCE = 1e-4  # of the largest value; OpenVINO promises no bits
ROWS = 45
ZOO = models.zoo(seed())
NOT_BUILTIN = ("foreign.onnx: node 'gelu' (#0): operator 'BiasGelu' of com.microsoft opset 1 is not "
               "supported")


@pytest.fixture(scope="module")
def devices(widepipe):
    return widepipe.run("inspect", "devices").expect(0).stdout


@pytest.fixture
def openvino(devices):
    if "openvino:CPU" not in devices:
        pytest.skip("this build has no openvino device")


@pytest.fixture
def foreign(tmp_path):
    """x [N, 8] -> BiasGelu of com.microsoft, which only other runtimes have -> y [N, 8]."""
    bias = np.random.default_rng(seed()).standard_normal(8).astype(np.float32)
    port = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 8])
    graph = helper.make_graph(
        [helper.make_node("BiasGelu", ["x", "bias"], ["y"], "gelu", domain="com.microsoft")],
        "foreign", [port("x")], [port("y")], [numpy_helper.from_array(bias, "bias")])
    model = helper.make_model(graph, ir_version=models.IR_VERSION, opset_imports=[
        helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)])
    return models.save(model, tmp_path / "foreign.onnx")


@pytest.fixture
def rows8(tmp_path):
    return data.write(tmp_path / "rows.h5", x=data.normal(200, (8,), seed()))


def check_close(found, expected):
    assert found.shape == expected.shape and found.dtype == expected.dtype
    assert np.abs(expected).max() > 0
    assert np.abs(found - expected).max() < TOLERANCE * np.abs(expected).max()


@pytest.mark.unsanitized
def test_the_build_has_it_where_its_packages_are(devices):
    """Where the tests install OpenVINO, a build that did not find it would test nothing."""
    if importlib.util.find_spec("openvino") is None:
        pytest.skip("OpenVINO is not among the packages of these tests")
    assert "openvino:CPU" in devices


@pytest.mark.parametrize("ranks, options", [(None, ["--instances", "2"]), (2, ["--batch", "64"]),
                                            (2, ["--rows-via", "scatter", "--cores", "1"])])
def test_lenet(widepipe, openvino, lenet, images, tmp_path, ranks, options):
    output = tmp_path / "out.h5"
    widepipe.score(lenet, f"{images}:/images", f"{output}:/scores", "--device", "openvino",
                   *options, ranks=ranks).expect(0)
    pixels = data.read(images, "images").astype(np.float32)
    (expected,) = oracle(lenet.read_bytes(), {"image": pixels}).values()
    check_close(data.read(output), expected)


@pytest.mark.parametrize("case", ZOO, ids=lambda case: case.name)
def test_zoo(widepipe, openvino, tmp_path, case):
    model = models.save(case.model, tmp_path / f"{case.name}.onnx")
    rows = {name: data.normal(ROWS, shape, seed() + number)
            for number, (name, shape) in enumerate(case.inputs.items())}
    source = data.write(tmp_path / "in.h5", **rows)
    inputs = [part for name in rows for part in ("--input", f"{name}={source}:/{name}")]
    output = tmp_path / "out.h5"
    widepipe.run("score", "--model", model, *inputs, "--output", f"{output}:/results", "--batch",
                 "7", "--device", "openvino:CPU").expect(0)
    for name, expected in oracle(model.read_bytes(), rows).items():
        path = "results" if len(case.outputs) == 1 else f"results/{name.replace('/', '_')}"
        check_close(data.read(output, path), expected)


@pytest.mark.parametrize("case", test_models.CASES, ids=lambda case: case.name)
def test_real_models(widepipe, openvino, tmp_path, case):
    if case.name in ("gbt_cancer", "surf_mlp"):  # operators that OpenVINO does not have
        ((name, make),) = case.inputs.items()
        rows = data.write(tmp_path / "in.h5", x=make(5, 0))
        run = widepipe.run("score", "--model", test_models.fetched(case.name), "--input",
                           f"{name}={rows}:/x", "--output", f"{tmp_path / 'out.h5'}:/y",
                           "--device", "openvino")
        check_refused(run, (f"device openvino:CPU cannot run {case.name}.onnx: {case.name}.onnx: "
                            "OpenVINO cannot import it: .*No conversion rule.*ai.onnx.ml.Scaler",))
        return
    test_models.check_case(widepipe, tmp_path, case, "--device", "openvino")


@pytest.mark.parametrize("ranks", [None, 2])
@pytest.mark.parametrize("device", ["auto", "openvino"])
def test_a_model_that_the_builtin_device_cannot_run(widepipe, openvino, foreign, rows8, tmp_path,
                                                    device, ranks):
    output = tmp_path / "out.h5"
    run = widepipe.score(foreign, f"{rows8}:/x", f"{output}:/y", "--device", device,
                         ranks=ranks).expect(0)
    told = f"  device  openvino:CPU, for the built-in device cannot run the model: {NOT_BUILTIN}\n"
    assert (told in run.stdout) == (device == "auto"), run.story()
    (expected,) = oracle(foreign.read_bytes(), {"x": data.read(rows8, "x")}).values()
    check_close(data.read(output, "y"), expected)


def test_auto_chooses_for_each_stream(widepipe, openvino, foreign, rows8, lenet, images, tmp_path):
    job = tmp_path / "job.toml"
    job.write_text(f"""[job]
device = "auto"
[[stream]]
model = "{foreign}"
input = "{rows8}:/x"
output = "gelu.h5:/y"
[[stream]]
model = "{lenet}"
input = "{images}:/images"
output = "lenet.h5:/scores"
""")
    run = widepipe.run("score", job, ranks=2).expect(0)
    assert run.stdout.count("\n  device  openvino:CPU, ") == 1, run.story()
    alone = tmp_path / "alone.h5"
    widepipe.score(lenet, f"{images}:/images", f"{alone}:/scores").expect(0)
    assert data.same_bytes(alone, tmp_path / "lenet.h5")  # as on cpu, its attributes included
    (expected,) = oracle(foreign.read_bytes(), {"x": data.read(rows8, "x")}).values()
    check_close(data.read(tmp_path / "gelu.h5", "y"), expected)


def test_another_device_does_not_continue(widepipe, openvino, lenet, images, tmp_path):
    output = tmp_path / "out.h5"
    args = (lenet, f"{images}:/images", f"{output}:/scores")
    widepipe.score(*args).expect(0)
    output.with_name("out.h5.journal").write_bytes(
        b"".join(output.with_name("out.h5.journal").read_bytes().splitlines(True)[:1]))
    before = data.snapshot(tmp_path)
    check_refused(widepipe.score(*args, "--device", "openvino"),
                  ("device", r"\bcpu\b", "openvino:CPU"))
    assert data.snapshot(tmp_path) == before


def absent(devices):
    return next(part for part in ("NPU", "GPU", "TPU") if f"openvino:{part}" not in devices)


@pytest.mark.parametrize("ranks", [None, 3])
def test_refusals(widepipe, devices, lenet, images, foreign, rows8, tmp_path, ranks):
    """One line, word for word, and nothing is written."""
    built = "openvino" in devices
    known = "auto, cpu, openvino" if built else "auto, cpu"
    pixels, small = (lenet, f"{images}:/images"), (foreign, f"{rows8}:/x")
    cases = [
        (pixels, ["--device", "abacus"], f"device 'abacus' is not known; this build has: {known}"),
        (pixels, ["--device", "cpu:2"], "device 'cpu:2': expected 'cpu', which has no parts"),
        (pixels, ["--precision", "bf16"],
         "precision bf16: device cpu computes in f32 alone; leave it out"),
        (pixels, ["--device", "auto", "--precision", "auto", "--isa", "avx2"],
         "--isa avx2 does not hold for device auto at --precision auto, which is that of each "
         "processor: leave one of them out"),
        (small, [], NOT_BUILTIN),
        (small, ["--device", "cpu"], NOT_BUILTIN),
    ]
    if built:
        part = absent(devices)
        cases.append((pixels, ["--device", f"openvino:{part}"],
                      f"device 'openvino:{part}' is not there; OpenVINO finds here: CPU"))
    else:
        cases += [
            (pixels, ["--device", "openvino"],
             f"device 'openvino' is not known; this build has: {known}; OpenVINO was not found "
             "when it was built"),
            (small, ["--device", "auto"],
             f"{NOT_BUILTIN}; a build of widepipe with OpenVINO might run it")]
    before = data.snapshot(tmp_path)
    for (model, source), options, expected in cases:
        run = widepipe.score(model, source, f"{tmp_path / 'out.h5'}:/y", *options, ranks=ranks)
        check_refused(run, (re.escape(expected),))
        assert run.errors[0].startswith(f"widepipe: {expected}"), run.story()
        assert data.snapshot(tmp_path) == before
