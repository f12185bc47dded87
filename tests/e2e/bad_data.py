"""Cases of bad input: data sets and models."""

import h5py
import numpy as np
import onnx
from onnx import TensorProto, helper

import data
import models
from bad_table import CASES, ROWS, Case, case

SHAPE = r"\[N, 1, 28, 28\]"


# --- the input file and its data set

@case("input file missing", r"nowhere\.h5", "no such file")
def _(box):
    return box.score(source=f"{box.folder}/nowhere.h5:/images")


@case("input is a folder", r"folder\.h5", "folder|directory")
def _(box):
    (box.folder / "folder.h5").mkdir()
    return box.score(source=f"{box.folder}/folder.h5:/images")


@case("input not HDF5", r"text\.h5", "not an? HDF5", "expected", "found")
def _(box):
    return box.score(source=f"{box.file('text.h5', b'1,2,3 ' * 500)}:/images")


@case("input is an ONNX file", r"model\.onnx", "not an? HDF5")
def _(box):
    return box.score(source=f"{box.model}:/images")


@case("input empty", r"empty\.h5", "empty|0 bytes")
def _(box):
    return box.score(source=f"{box.file('empty.h5', b'')}:/images")


def truncated_input(cut, where):
    def arguments(box):
        content = box.input.read_bytes()
        path = box.file("cut.h5", content[:cut(len(content))])
        return box.score(source=f"{path}:/images")
    CASES.append(Case(f"input truncated {where}", (r"cut\.h5", "truncated|not an? HDF5"),
                      arguments))


truncated_input(lambda size: 5, "inside its signature")
truncated_input(lambda size: 60, "inside its superblock")
truncated_input(lambda size: size // 2, "in the middle")
truncated_input(lambda size: size - 1, "by one byte")


@case("data set missing", r"in\.h5", "/imagse", "/images")
def _(box):
    return box.score(source=f"{box.input}:/imagse")


@case("data set is a group", "/group", "group", "data set")
def _(box):
    with h5py.File(box.input, "a") as file:
        file["group/images"] = data.pixels(3)
    return box.score(source=f"{box.input}:/group")


def shape_case(name, shape):
    found = r"\[" + ", ".join(map(str, shape)) + r"\]"

    def arguments(box):
        box.h5("shape.h5", images=np.zeros(shape, np.uint8))
        return box.score(source=f"{box.folder}/shape.h5:/images")
    CASES.append(Case(name, (r"shape\.h5:?/images", SHAPE, found), arguments))


shape_case("wrong rank, flat rows", (ROWS, 784))
shape_case("wrong rank, no channel", (ROWS, 28, 28))
shape_case("wrong rank, one value a row", (ROWS,))
shape_case("wrong shape", (ROWS, 1, 28, 27))
shape_case("wrong shape, channels last", (ROWS, 28, 28, 1))


def type_case(name, fact, values):
    def arguments(box):
        box.h5("type.h5", images=values())
        return box.score(source=f"{box.folder}/type.h5:/images")
    CASES.append(Case(name, (r"type\.h5:?/images", fact), arguments))


RECORD = np.dtype([("x", "f4"), ("label", "i4")])
type_case("strings of variable length", "string",
          lambda: np.full((ROWS, 1, 28, 28), "pixel", h5py.string_dtype()))
type_case("strings of fixed length", "string", lambda: np.full((ROWS, 1, 28, 28), b"pixel", "S5"))
type_case("compound", "compound", lambda: np.zeros((ROWS, 1, 28, 28), RECORD))
type_case("complex numbers", "compound|complex",
          lambda: np.zeros((ROWS, 1, 28, 28), np.complex64))
type_case("zero rows", r"no rows|0 rows|zero rows", lambda: np.zeros((0, 1, 28, 28), np.uint8))
type_case("scalar", "single value|scalar", lambda: np.float32(1))
type_case("null data space", "empty|null", lambda: h5py.Empty("f4"))


# --- compression that this machine has no filter for

@case("compressed with LZF", r"lzf\.h5:?/images", "lzf", "32000", "not installed")
def _(box):
    with h5py.File(box.folder / "lzf.h5", "w") as file:
        file.create_dataset("images", data=data.pixels(ROWS), compression="lzf")
    return box.score(source=f"{box.folder}/lzf.h5:/images")


@case("compressed with an unheard-of filter", r"own\.h5:?/images", "4711", "not installed")
def _(box):
    with h5py.File(box.folder / "own.h5", "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((4, 1, 28, 28))
        properties.set_filter(4711, h5py.h5z.FLAG_OPTIONAL)
        h5py.h5d.create(file.id, b"images", h5py.h5t.NATIVE_UINT8,
                        h5py.h5s.create_simple((ROWS, 1, 28, 28)), properties)
    return box.score(source=f"{box.folder}/own.h5:/images")


@case("virtual data set", r"virtual\.h5:?/images", "virtual data set", "not supported")
def _(box):
    layout = h5py.VirtualLayout((ROWS, 1, 28, 28), np.uint8)
    layout[:] = h5py.VirtualSource(box.input, "images", (ROWS, 1, 28, 28))
    with h5py.File(box.folder / "virtual.h5", "w") as file:
        file.create_virtual_dataset("images", layout)
    return box.score(source=f"{box.folder}/virtual.h5:/images")


# --- many files

@case("wildcards without a match", r"part\*\.h5", "no file matches")
def _(box):
    return box.score(source=f"{box.folder}/part*.h5:/images")


@case("manifest missing", r"@.*list\.txt", "no such file")
def _(box):
    return box.score(source=f"@{box.folder}/list.txt:/images")


@case("manifest with a missing file", r"list\.txt", "line 2", r"gone\.h5", "no such file")
def _(box):
    manifest = box.file("list.txt", b"in.h5\ngone.h5\n")
    return box.score(source=f"@{manifest}:/images")


@case("files of different shapes", r"part2\.h5", r"part1\.h5", r"\[1, 28, 28\]", r"\[28, 28\]")
def _(box):
    box.h5("part1.h5", images=data.pixels(3))
    box.h5("part2.h5", images=data.pixels(3)[:, 0])
    return box.score(source=f"{box.folder}/part*.h5:/images")


@case("output among the wildcards", r"out\.h5", r"\*\.h5", "matches the wildcards")
def _(box):
    return box.score(source=f"{box.folder}/*.h5:/images")


@case("rows beyond the last", r"in\.h5:?/images", "0:20", "10:21")
def _(box):
    return box.score("--rows", "10:21")


@case("files with fewer rows than asked for", r"part\*\.h5", "0:6", "7:")
def _(box):
    for part in (1, 2):
        box.h5(f"part{part}.h5", images=data.pixels(3))
    return box.score("--rows", "7:", source=f"{box.folder}/part*.h5:/images")


# --- the model

def model_case(name, content, *facts):
    def arguments(box):
        return box.score(model=box.file("bad.onnx", content(box)))
    CASES.append(Case(name, (r"bad\.onnx", *facts), arguments))


@case("model missing", r"nowhere\.onnx", "no such file")
def _(box):
    return box.score(model=box.folder / "nowhere.onnx")


@case("model is a folder", r"folder\.onnx", "folder|directory")
def _(box):
    (box.folder / "folder.onnx").mkdir()
    return box.score(model=box.folder / "folder.onnx")


NOT_ONNX = "not an? .*ONNX|cannot be (parsed|read)|truncated|no graph"
model_case("model of random bytes",
           lambda box: np.random.default_rng(1).bytes(5000), NOT_ONNX)
model_case("model is text", lambda box: b"weights: none\n" * 9, NOT_ONNX)
model_case("model is HDF5", lambda box: box.input.read_bytes(), NOT_ONNX)
model_case("model empty", lambda box: b"", "empty|0 bytes")
for percent in (1, 30, 60, 99):
    model_case(f"model truncated at {percent} %",
               lambda box, p=percent: box.model.read_bytes()[:box.model.stat().st_size * p // 100],
               NOT_ONNX)
model_case("model truncated by one byte", lambda box: box.model.read_bytes()[:-1],
           NOT_ONNX + "|opset|operator set")


def without(field_name):
    def content(box):
        model = onnx.load(box.model)
        model.ClearField(field_name)
        return model.SerializeToString()
    return content


model_case("model without graph", without("graph"), "graph")
model_case("model without opset", without("opset_import"), "opset|operator set")


def graph(nodes, opset=13, domain="", initializers=()):
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1, 28, 28])
             for name in ("image", "scores")]
    opsets = [helper.make_opsetid("", opset)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 3))
    built = helper.make_graph(nodes, "bad", ports[:1], ports[1:], list(initializers))
    return helper.make_model(built, opset_imports=opsets,
                             ir_version=models.IR_VERSION).SerializeToString()


def node(op, inputs=("image",), outputs=("scores",), name="culprit", **attributes):
    return helper.make_node(op, list(inputs), list(outputs), name, **attributes)


model_case("unknown operator", lambda box: graph([node("Frobnicate")]),
           "culprit", "Frobnicate", r"\b13\b")
model_case("unknown operator after good ones",
           lambda box: graph([node("Relu", outputs=["a"], name="fine"),
                              node("Frobnicate", ["a"])], opset=12),
           "culprit", "Frobnicate", r"\b12\b")
model_case("operator of another domain",
           lambda box: graph([node("Relu", domain="com.acme")], domain="com.acme"),
           "culprit", "Relu", r"com\.acme")
model_case("known operator that is not supported", lambda box: graph([node("Unique")]),
           "culprit", "Unique", r"\b13\b")
model_case("dangling input", lambda box: graph([node("Add", ["image", "ghost"])]),
           "culprit", "ghost")
model_case("dangling output", lambda box: graph([node("Relu", outputs=["elsewhere"])]), "scores")
model_case("a circle of nodes",
           lambda box: graph([node("Add", ["image", "b"], ["a"]), node("Relu", ["a"], ["b"]),
                              node("Relu", ["b"], name="last")]), "culprit", r"\bb\b")
model_case("shapes that contradict",
           lambda box: graph([node("Add", ["image", "w"])], initializers=[
               helper.make_tensor("w", TensorProto.FLOAT, [5], [0.0] * 5)]),
           "culprit", "Add", r"28\b", r"\b5\b")
