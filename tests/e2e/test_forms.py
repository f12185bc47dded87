"""What is kept of the outputs, what is carried beside them, and inputs that are not rows."""

import re
import signal
import time

import h5py
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import data
import journal
import models
from data import seed
from runner import check_refused

ROWS = 400
FEATURES, HEAD = "features", "head/probabilities"


class Scene:
    """A model of two outputs, rows for it, and a file of keys and labels."""

    def __init__(self, folder):
        self.folder = folder
        case = next(one for one in models.zoo(seed()) if set(one.outputs) == {FEATURES, HEAD})
        self.model = models.save(case.model, folder / "m.onnx")
        self.input = data.write(folder / "in.h5", x=data.normal(ROWS, (9,), seed()))
        self.keys = np.arange(ROWS, dtype="i8")[::-1] * 7
        self.labels = np.random.default_rng(seed()).integers(0, 255, (ROWS, 3)).astype("u1")
        with h5py.File(folder / "keys.h5", "w") as file:
            file["ids"] = self.keys
            file["meta/labels"] = self.labels

    def run(self, widepipe, output, *options, **how):
        return widepipe.score("m.onnx", "in.h5:/x", output, *options, cwd=self.folder, **how)


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


@pytest.fixture
def raw(widepipe, scene):
    scene.run(widepipe, "raw.h5:/out").expect(0)
    with h5py.File(scene.folder / "raw.h5") as file:
        return {FEATURES: file["out/features"][...], HEAD: file["out/head_probabilities"][...]}


def contents(path):
    """Every data set of a file, by path."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[...]})
                        if isinstance(item, h5py.Dataset) else None)
    return found


def softmax(values):
    powers = np.exp(values.astype("f8") - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def top(values, k):
    order = np.argsort(-values, axis=-1, kind="stable")[..., :k]
    return order, np.take_along_axis(values, order, -1)


# options: what is then in the file beside the status, as functions of the raw outputs
FORMS = {
    "one output": ([f"{HEAD}=raw"], {"out": lambda raw: raw[HEAD]}),
    "in another order": ([f"{HEAD}=raw", f"{FEATURES}=raw"],
                         {"out/features": lambda raw: raw[FEATURES],
                          "out/head_probabilities": lambda raw: raw[HEAD]}),
    "argmax": ([f"{HEAD}=argmax"], {"out": lambda raw: raw[HEAD].argmax(-1)}),
    "softmax": ([f"{FEATURES}=softmax"], {"out": lambda raw: softmax(raw[FEATURES])}),
    "top 3": ([f"{FEATURES}=top3"], {"out/indices": lambda raw: top(raw[FEATURES], 3)[0],
                                     "out/values": lambda raw: top(raw[FEATURES], 3)[1]}),
    "two forms": ([f"{FEATURES}=top1", f"{HEAD}=argmax"],
                  {"out/features_indices": lambda raw: top(raw[FEATURES], 1)[0],
                   "out/features_values": lambda raw: top(raw[FEATURES], 1)[1],
                   "out/head_probabilities_argmax": lambda raw: raw[HEAD].argmax(-1)}),
}


def form_options(forms):
    return [part for form in forms for part in ("--form", form)]


@pytest.mark.parametrize("name", FORMS)
def test_form(widepipe, scene, raw, name):
    forms, expected = FORMS[name]
    scene.run(widepipe, "a.h5:/out", *form_options(forms)).expect(0)
    found = contents(scene.folder / "a.h5")
    status = "out_status" if len(expected) == 1 else "out/status"
    assert set(found) == {*expected, status}
    assert (found[status] == 1).all()
    for path, make in expected.items():
        values = make(raw)
        assert found[path].shape == values.shape, path
        if "softmax" in name:
            np.testing.assert_allclose(found[path], values, rtol=3e-7, atol=1e-12)
        else:
            np.testing.assert_array_equal(found[path], values, path)
    variants = [(3, ["--batch", "7"]), (2, ["--rows-via", "scatter"])]
    for number, (ranks, options) in enumerate(variants):
        output = f"b{number}.h5"
        scene.run(widepipe, f"{output}:/out", *form_options(forms), *options,
                  ranks=ranks).expect(0)
        assert data.same_bytes(scene.folder / "a.h5", scene.folder / output), variants[number]


def test_the_only_output_needs_no_name(widepipe, lenet, images, tmp_path):
    for name, options in (("a", ["--form", "argmax"]), ("b", [])):
        widepipe.score(lenet, f"{images}:/images", f"{tmp_path}/{name}.h5:/scores", *options,
                       ranks=2).expect(0)
    expected = data.read(tmp_path / "b.h5").argmax(-1)
    np.testing.assert_array_equal(data.read(tmp_path / "a.h5"), expected)


@pytest.mark.parametrize("ranks", [None, 3])
def test_carried(widepipe, scene, raw, ranks):
    result = scene.run(widepipe, "a.h5:/out", "--form", f"{HEAD}=raw", "--carry", "keys.h5:/ids",
                       "--carry", "keys.h5:/meta/labels", "--rows", "50:", ranks=ranks).expect(0)
    assert re.search(r"carry +keys\.h5:/ids: i64", result.stdout), result.story()
    found = contents(scene.folder / "a.h5")
    assert set(found) == {"ids", "meta/labels", "out", "out_status"}
    for path, expected in (("ids", scene.keys), ("meta/labels", scene.labels), ("out", raw[HEAD])):
        assert found[path].dtype == expected.dtype
        np.testing.assert_array_equal(found[path], expected[50:], path)


JOB = """
[[stream]]
model = "m.onnx"
input = "in.h5:/x"
output = "job.h5:/out"
carry = ["keys.h5:/ids"]

[stream.outputs]
"head/probabilities" = "softmax"
features = { form = "topk", k = 2 }
"""


def test_job_file_and_command_line_agree(widepipe, scene):
    (scene.folder / "job.toml").write_text(JOB)
    result = widepipe.run("score", "job.toml", ranks=2, cwd=scene.folder).expect(0)
    assert "head/probabilities softmax, features top 2" in result.stdout, result.story()
    scene.run(widepipe, "line.h5:/out", "--carry", "keys.h5:/ids", "--form", f"{HEAD}=softmax",
              "--form", f"{FEATURES}=top2").expect(0)
    assert data.same_bytes(scene.folder / "job.h5", scene.folder / "line.h5")


def test_resumed_after_a_kill(widepipe, heavy, tmp_path):
    rows = 3000
    images = data.write(tmp_path / "in.h5", images=data.pixels(rows), ids=np.arange(rows) * 3)
    how = ["--form", "top2", "--carry", f"{images}:/ids"]
    source, killed, whole = f"{images}:/images", tmp_path / "killed.h5", tmp_path / "whole.h5"
    widepipe.score(heavy, source, f"{whole}:/scores", *how, ranks=2).expect(0)
    job = widepipe.start_score(heavy, source, f"{killed}:/scores", *how, "--batch", "10", ranks=3)
    log = killed.with_name("killed.h5.journal")
    deadline = time.monotonic() + 60
    while not (log.exists() and "rows" in journal.kinds(log)):
        assert job.running() and time.monotonic() < deadline, job.finish(10).story()
        time.sleep(0.002)
    job.signal(signal.SIGKILL)
    job.finish(60)
    widepipe.score(heavy, source, f"{killed}:/scores", *how, ranks=2).expect(0)
    assert data.same_bytes(killed, whole)


# Inputs that are not rows.

def port(name, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def save(path, nodes, inputs, outputs, initializers=()):
    graph = helper.make_graph(nodes, "net", inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    onnx.checker.check_model(model)
    return models.save(model, path)


@pytest.fixture
def affine(tmp_path):
    """y = x * gain + shift, over a gain of one element and a shift of three."""
    nodes = [helper.make_node("Mul", ["x", "gain"], ["scaled"]),
             helper.make_node("Cast", ["shift"], ["real"], to=TensorProto.FLOAT),
             helper.make_node("Add", ["scaled", "real"], ["y"])]
    save(tmp_path / "affine.onnx", nodes,
         [port("gain", []), port("x", ["N", 3]), port("shift", [3], TensorProto.INT32)],
         [port("y", ["N", 3])])
    data.write(tmp_path / "in.h5", x=data.normal(50, (3,), seed()))
    return tmp_path


@pytest.mark.parametrize("ranks", [None, 3])
def test_values(widepipe, affine, ranks):
    result = widepipe.score("affine.onnx", "in.h5:/x", "out.h5:/y", "--value", "gain=-0.5",
                            "--value", "shift=1,2,-3", ranks=ranks, cwd=affine).expect(0)
    assert re.search(r"value +shift: 1, 2, -3 in every row", result.stdout), result.story()
    expected = data.read(affine / "in.h5", "x") * np.float32(-0.5) + np.array([1, 2, -3], "f4")
    np.testing.assert_allclose(data.read(affine / "out.h5", "y"), expected, rtol=1e-6)


def test_values_in_a_job_file(widepipe, affine):
    (affine / "job.toml").write_text(
        '[[stream]]\nmodel = "affine.onnx"\noutput = "out.h5:/y"\n[stream.inputs]\n'
        'x = "in.h5:/x"\n[stream.inputs.gain]\nvalue = 2\n[stream.inputs.shift]\n'
        'value = [0, 0, 1]\n')
    widepipe.run("score", "job.toml", ranks=2, cwd=affine).expect(0)
    expected = data.read(affine / "in.h5", "x") * 2 + np.array([0, 0, 1], "f4")
    np.testing.assert_array_equal(data.read(affine / "out.h5", "y"), expected)


def test_batch_axis(widepipe, tmp_path):
    """Steps on axis 0, rows on axis 1: names do not tell, the job does."""
    nodes = [helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
             helper.make_node("ReduceSum", ["t", "one"], ["y"], keepdims=0)]
    save(tmp_path / "m.onnx", nodes, [port("x", ["a", "b", 4])], [port("y", ["c", 4])],
         [onnx.numpy_helper.from_array(np.array([1]), "one")])
    rows = data.normal(30, (6, 4), seed())
    data.write(tmp_path / "in.h5", x=rows)
    (tmp_path / "job.toml").write_text(
        '[[stream]]\nmodel = "m.onnx"\noutput = "out.h5:/y"\n'
        '[stream.inputs.x]\ndata = "in.h5:/x"\nbatch_axis = 1\n')
    widepipe.run("score", "job.toml", ranks=2, cwd=tmp_path).expect(0)
    np.testing.assert_allclose(data.read(tmp_path / "out.h5", "y"), rows.sum(1), rtol=1e-4,
                               atol=1e-5)


# What makes rows run one at a time, as nodes from x [N, 3] to y, and the words that say so.
DEPENDENT = {
    "a mean over the rows": (
        [helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0]),
         helper.make_node("Sub", ["x", "mean"], ["half"]),
         helper.make_node("Add", ["half", "x"], ["y"])], "ReduceMean"),
    "a softmax over the rows": (
        [helper.make_node("Softmax", ["x"], ["s"], axis=0),
         helper.make_node("Add", ["s", "x"], ["y"])], "Softmax"),
}


@pytest.mark.parametrize("ranks", [None, 2])
@pytest.mark.parametrize("name", DEPENDENT)
def test_rows_that_depend_on_each_other(widepipe, tmp_path, name, ranks):
    nodes, word = DEPENDENT[name]
    path = save(tmp_path / "m.onnx", nodes, [port("x", ["N", 3])], [port("y", ["N", 3])])
    rows = data.normal(40, (3,), seed())
    data.write(tmp_path / "in.h5", x=rows)
    result = widepipe.score("m.onnx", "in.h5:/x", "out.h5:/y", ranks=ranks, cwd=tmp_path).expect(0)
    warning = next(line for line in result.stdout.splitlines() if line.startswith("warning: rows"))
    assert "rows run one at a time" in warning and word in warning, result.story()
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    expected = np.concatenate([session.run(None, {"x": row[None]})[0] for row in rows])
    np.testing.assert_allclose(data.read(tmp_path / "out.h5", "y"), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ranks", [None, 2])
def test_external_data(widepipe, tmp_path, ranks):
    """Weights in a file beside the model, which only rank 0 needs to see."""
    weights = np.random.default_rng(seed()).standard_normal((9, 5)).astype("f4")
    path = save(tmp_path / "m.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])],
                [port("x", ["N", 9])], [port("y", ["N", 5])],
                [onnx.numpy_helper.from_array(weights, "w")])
    (tmp_path / "deep").mkdir()
    onnx.save(onnx.load(path), tmp_path / "deep/outside.onnx", save_as_external_data=True,
              location="weights.bin", size_threshold=0)
    rows = data.normal(60, (9,), seed())
    data.write(tmp_path / "in.h5", x=rows)
    for model, output in (("m.onnx", "a.h5"), ("deep/outside.onnx", "b.h5")):
        widepipe.score(model, "in.h5:/x", f"{output}:/y", ranks=ranks, cwd=tmp_path).expect(0)
    np.testing.assert_array_equal(data.read(tmp_path / "b.h5", "y"),
                                  data.read(tmp_path / "a.h5", "y"))
    # The weights are part of the model: others make another job.
    (tmp_path / "deep/weights.bin").write_bytes((weights + 1).tobytes())
    result = widepipe.score("deep/outside.onnx", "in.h5:/x", "b.h5:/y", ranks=ranks, cwd=tmp_path)
    check_refused(result, ["model", "changed"])
    (tmp_path / "deep/weights.bin").unlink()
    result = widepipe.score("deep/outside.onnx", "in.h5:/x", "c.h5:/y", ranks=ranks, cwd=tmp_path)
    check_refused(result, [r"model 'deep/outside\.onnx': external data 'deep/weights\.bin': no such "
                           r"file$"])


def test_streams_share_a_model_if_they_bind_it_alike(widepipe, affine):
    stream = ('[[stream]]\nname = "{0}"\nmodel = "affine.onnx"\noutput = "{0}.h5:/y"\n'
              '[stream.inputs]\nx = "in.h5:/x"\ngain = {{ value = {1} }}\n'
              'shift = {{ value = 0 }}\n')
    (affine / "job.toml").write_text(stream.format("a", 2) + stream.format("b", 3)
                                     + stream.format("c", 2))
    widepipe.run("score", "job.toml", ranks=3, cwd=affine).expect(0)
    rows = data.read(affine / "in.h5", "x")
    for name, gain in (("a", 2), ("b", 3), ("c", 2)):
        np.testing.assert_array_equal(data.read(affine / f"{name}.h5", "y"), rows * gain, name)


# Mistakes: options, and the message.
MISTAKES = {
    "unknown form": (["--form", "best"],
                     r"--form best: expected FORM, or NAME=FORM for each output .*top5$"),
    "no k": (["--form", "features=top"], r"--form features=top: expected FORM, .*"),
    "a form without a name": (["--form", "argmax"],
                              r"--form argmax: m\.onnx has 2 outputs \(features, "
                              r"head/probabilities\): expected NAME=FORM .*"),
    "unknown output": (["--form", "feature=raw"],
                       r"--form feature=raw: m\.onnx has no output 'feature'; its outputs: "
                       r"features, head/probabilities"),
    "an output twice": (["--form", "features=raw", "--form", "features=argmax"],
                        r"--form features=argmax: output 'features' of m\.onnx was already given "
                        r"a form"),
    "k beyond the axis": (["--form", f"{HEAD}=top5"],
                          r"--form head/probabilities=top5: output 'head/probabilities' of "
                          r"m\.onnx: top k: expected k from 1 to 4, .* found 5"),
    "carried rows": (["--carry", "short.h5:/ids"],
                     r"short\.h5:/ids: expected 400 rows as the inputs have, found 5"),
    "carried nothing": (["--carry", "keys.h5:/id"], r"keys\.h5: has no data set '/id'.*'/ids'.*"),
    "carried text": (["--carry", "short.h5:/names"], r"short\.h5:/names: .*string.*"),
    "carried over a result": (["--carry", "keys.h5:/ids", "--form", f"{HEAD}=raw"],
                              r"out\.h5: two outputs are to be written to '/ids'"),
    "a value without a number": (["--value", "x=one"], r"--value x=one: expected NAME=NUMBER, .*"),
    "a value for no input": (["--value", "z=1"], r"--value z=1: m\.onnx has no input 'z'; its "
                                                 r"inputs: x"),
    "a value for the rows": (["--value", "x=1"],
                             r"--value x=1: input 'x' of m\.onnx is already fed from in\.h5:/x"),
}


@pytest.mark.parametrize("ranks", [None, 3])
@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(widepipe, scene, name, ranks):
    with h5py.File(scene.folder / "short.h5", "w") as file:
        file["ids"] = np.arange(5)
        file["names"] = ["a"] * ROWS
    options, message = MISTAKES[name]
    before = data.snapshot(scene.folder)
    output = "out.h5:/ids" if "over a result" in name else "out.h5:/out"
    result = scene.run(widepipe, output, *options, ranks=ranks)
    check_refused(result, [f"^widepipe: {message}$"])
    assert data.snapshot(scene.folder) == before


VALUE_MISTAKES = {
    "too many": ("gain=1,2", r"--value gain=1,2: affine\.onnx: input 'gain' is \[\]: expected one "
                             r"value or as many as that, found 2"),
    "too few": ("shift=1,2", r"--value shift=1,2: affine\.onnx: input 'shift' is \[3\]: .*found 2"),
    "not whole": ("shift=1.5", r"--value shift=1\.5: affine\.onnx: input 'shift' is of i32, which "
                               r"cannot hold 1\.5"),
    "too large": ("shift=3e9", r".*input 'shift' is of i32, which cannot hold 3000000000(\.0)?"),
}


@pytest.mark.parametrize("name", VALUE_MISTAKES)
def test_value_mistake(widepipe, affine, name):
    value, message = VALUE_MISTAKES[name]
    values = {"gain": "gain=1", "shift": "shift=1", value.split("=")[0]: value}
    options = [part for text in values.values() for part in ("--value", text)]
    result = widepipe.score("affine.onnx", "in.h5:/x", "out.h5:/y", *options, cwd=affine)
    check_refused(result, [f"^widepipe: {message}$"])
    assert not (affine / "out.h5").exists()


def test_another_form_is_another_job(widepipe, scene):
    first = ["--form", f"{HEAD}=raw", "--carry", "keys.h5:/ids"]
    scene.run(widepipe, "a.h5:/out", *first).expect(0)
    for options, fact in (
            (["--form", f"{HEAD}=softmax", *first[2:]], "outputs changed"),
            ([*first[:2], "--carry", "keys.h5:/meta/labels"], "carried"),
            (["--form", f"{HEAD}=raw"], "carried")):
        check_refused(scene.run(widepipe, "a.h5:/out", *options), [fact, "--restart"])
    with h5py.File(scene.folder / "keys.h5", "r+") as file:
        file["ids"][3] = -1
    check_refused(scene.run(widepipe, "a.h5:/out", *first), ["carried '/ids' changed"])


def test_inspect_binds_open_sizes(widepipe, tmp_path):
    save(tmp_path / "m.onnx", [helper.make_node("Mul", ["x", "gain"], ["y"])],
         [port("x", ["N", 3, "H", "W"]), port("gain", [])], [port("y", ["N", 3, "H", "W"])])
    result = widepipe.run("inspect", tmp_path / "m.onnx", "--shape", "x=3x4x5", "--value",
                          "gain=2").expect(0)
    assert re.search(r"^input +x f32\[N, 3, 4, 5\]", result.stdout, re.MULTILINE), result.story()
    for options, fact in ((["--shape", "x=3x4x5"],
                           "input 'gain' is a scalar: give it a value, --value gain=NUMBER"),
                          (["--value", "gain=2"], "leaves sizes open: .* --shape x=3x48x192"),
                          (["--shape", "x=3y4"], "--shape x=3y4: expected NAME=AxBxC"),
                          (["--value", "pain=2"], "has no input 'pain'")):
        result = widepipe.run("inspect", tmp_path / "m.onnx", *options).expect(2)
        assert re.search(fact, result.stderr), result.story()
