"""Cases of bad input: models that lie about their sizes, or about where their weights are."""

import os

import h5py
import numpy as np
from onnx import TensorProto, helper, numpy_helper

import data
import models
from bad_data import graph, node
from bad_table import CASES, ROWS, Case, case

# What a lie may cost: a rank's whole address space, libraries included.
# AddressSanitizer reserves far more than that.
BOUNDED = () if os.environ.get("WIDEPIPE_SANITIZED") else ("prlimit", f"--as={3 << 30}")


def lying_case(name, content, *facts):
    CASES.append(Case(name, (r"bad\.onnx", *facts),
                      lambda box: box.score(model=box.file("bad.onnx", content(box))),
                      ranks=(1, 3), prefix=lambda box: BOUNDED))


def weight(dims, raw=b"", dtype=TensorProto.FLOAT):
    """An initializer that claims a shape, whatever its bytes."""
    tensor = TensorProto(name="w", data_type=dtype, raw_data=raw)
    tensor.dims.extend(dims)
    return tensor


def added(dims, raw=b""):
    return graph([node("Add", ["image", "w"])], initializers=[weight(dims, raw)])


def integers(name, values):
    return numpy_helper.from_array(np.array(values, "i8"), name)


lying_case("weights cut short", lambda box: added([28], b"\0" * 100), "w", r"28\b", "100 bytes")
lying_case("weights that are absent", lambda box: added([1 << 40]), "w", str(1 << 40), "0 bytes")
lying_case("a negative dimension", lambda box: added([-3, 28], b"\0" * 4), "w", "-3")
lying_case("dimensions that overflow", lambda box: added([1 << 40] * 3, b"\0" * 4), "w",
           "63 bits|overflow|too large")
lying_case("a constant without end",
           lambda box: graph([node("ConstantOfShape", ["s"], ["c"], value=weight([1], b"\0" * 4)),
                              node("Add", ["image", "c"], name="last")],
                             initializers=[integers("s", [1 << 36])]),
           "culprit", "ConstantOfShape", str(1 << 36), "275 GB", "memory")
lying_case("an expanded constant without end",
           lambda box: graph([node("Expand", ["w", "s"], ["c"]),
                              node("Add", ["image", "c"], name="last")],
                             initializers=[weight([1], b"\0" * 4), integers("s", [1 << 36])]),
           "culprit", "Expand", str(1 << 36), "275 GB", "memory")
lying_case("an intermediate without end",
           lambda box: graph([node("Expand", ["image", "s"], ["c"]),
                              node("ReduceMax", ["c"], name="last", keepdims=1, axes=[1])],
                             initializers=[integers("s", [1, 1 << 30, 1, 1])]),
           "culprit", "Expand", r"\[1, 1073741824, 28, 28\]", r"3\.37 TB", "memory")
lying_case("an intermediate that overflows",
           lambda box: graph([node("Expand", ["image", "s"], ["c"]),
                              node("ReduceMax", ["c"], name="last", keepdims=1, axes=[1])],
                             initializers=[integers("s", [1, 1 << 60, 1, 1])]),
           "63 bits|overflow|too large")


def ports_case(name, shape, *facts, rows=(1, 28, 28)):
    """A model whose input declares this shape."""
    def arguments(box):
        ports = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
        outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
        built = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "bad", ports, outputs)
        content = helper.make_model(built, opset_imports=[helper.make_opsetid("", 13)],
                                    ir_version=models.IR_VERSION).SerializeToString()
        source = box.h5("rows.h5", x=np.zeros((ROWS, *rows), "f4"))
        return box.score(model=box.file("bad.onnx", content), source=f"{source}:/x")
    CASES.append(Case(name, facts, arguments, ranks=(1, 3)))


ports_case("a fixed batch", [8, 1, 28, 28], r"bad\.onnx", "'x'", "fixed at 8", "symbolic axis 0")
ports_case("an input of negative size", ["N", -28, 28], r"bad\.onnx", "'x'", "-28", rows=(28, 28))
ports_case("an input of no size", ["N", 0, 28], r"bad\.onnx", "'x'", "axis 1", r"\b0\b",
           rows=(28, 28))
ports_case("rows with an axis too few", ["N", "C", 28], r"rows\.h5:/x", "3 axes",
           r"found \[20, 28\]", rows=(28,))
ports_case("rows of another size", ["N", "C", 28], r"rows\.h5:/x", r"\[N, 5, 28\]",
           r"found \[20, 5, 27\]", rows=(5, 27))


@case("data sets of which sizes differ where the model has one name", r"bad\.onnx", "'right'",
      "'S'", r"\b7\b", "'left'", r"\b6\b", ranks=(1, 3))
def _(box):
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", "S"])
             for name in ("left", "right", "y")]
    built = helper.make_graph([helper.make_node("Add", ["left", "right"], ["y"])], "bad",
                              ports[:2], ports[2:])
    model = box.file("bad.onnx", helper.make_model(
        built, opset_imports=[helper.make_opsetid("", 13)],
        ir_version=models.IR_VERSION).SerializeToString())
    source = box.h5("pair.h5", left=data.normal(ROWS, (6,)), right=data.normal(ROWS, (7,)))
    return ["score", "--model", model, "--input", f"left={source}:/left", "--input",
            f"right={source}:/right", "--output", f"{box.output}:/y"]


def outside(location, length=None, offset=None):
    """A model whose weights are in another file."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT,
                         data_location=TensorProto.EXTERNAL)
    tensor.dims.extend([28])
    for key, value in (("location", location), ("length", length), ("offset", offset)):
        if value is not None:
            tensor.external_data.add(key=key, value=str(value))
    return graph([node("Add", ["image", "w"])], initializers=[tensor])


def external_case(name, content, weights, *facts):
    def arguments(box):
        if weights is not None:
            box.file("weights.bin", b"\0" * weights)
        return box.score(model=box.file("bad.onnx", content))
    CASES.append(Case(name, (r"bad\.onnx", *facts), arguments, ranks=(1, 3)))


external_case("external data missing", outside("weights.bin"), None, r"weights\.bin",
              "no such file")
external_case("external data cut short", outside("weights.bin"), 111, r"weights\.bin", "112 bytes",
              "111 bytes")
external_case("external data from beyond the end", outside("weights.bin", 112, 1 << 62), 112,
              r"weights\.bin", "beyond the end")
external_case("external data of a negative length", outside("weights.bin", -112), 112, "length",
              "-112")
external_case("external data elsewhere", outside("../weights.bin"), None, r"\.\./weights\.bin",
              "not in the model's folder")
external_case("external data with an absolute path", outside("/etc/passwd"), None, "/etc/passwd",
              "not in the model's folder")


@case("an output of more than any disk", r"out\.h5", "free|space|room|63 bits", ranks=(1, 3))
def _(box):
    """Rows of 4 MiB each, by a broadcast: a small input, an absurd output."""
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
             for name, shape in (("x", ["N", 1]), ("y", ["N", 1 << 20]))]
    built = helper.make_graph([node("Add", ["x", "w"], ["y"])], "wide", ports[:1], ports[1:],
                              [numpy_helper.from_array(np.zeros(1 << 20, "f4"), "w")])
    model = box.file("wide.onnx", helper.make_model(
        built, opset_imports=[helper.make_opsetid("", 13)],
        ir_version=models.IR_VERSION).SerializeToString())
    with h5py.File(box.folder / "many.h5", "w") as file:
        file.create_dataset("x", (1 << 31, 1), "u1", chunks=(1 << 16, 1))
    return box.score(model=model, source=f"{box.folder}/many.h5:/x")


@case("srun without --mpi", "2 tasks", "1 rank", "--mpi=pmix", ranks=(None,),
      prefix=lambda box: ("env", "-u", "PMIX_RANK", "SLURM_STEP_NUM_TASKS=2", "SLURM_PROCID=0",
                          "SLURM_JOB_ID=1"))
def _(box):
    return box.score()
