"""widepipe inspect: models, data, outputs, devices. It never starts MPI."""

import os
import re

import h5py
import numpy as np
import pytest
from onnx import TensorProto, helper

import data
import models
from runner import check_refused, control_characters


def inspect(widepipe, *arguments, code=0, **how):
    result = widepipe.run("inspect", *arguments, **how).expect(code)
    assert not control_characters(result.stdout), result.story()
    return result


def check_facts(result, facts):
    for fact in facts:
        assert re.search(fact, result.stdout), f"expected /{fact}/{result.story()}"


def test_model(widepipe, lenet):
    result = inspect(widepipe, lenet)
    check_facts(result, [r"80,602", r"image f32\[N, 1, 28, 28\]", r"probabilities f32\[N, 10\]",
                         r"Conv 2\b", r"Gemm 2\b", r"MaxPool 2\b", r"Softmax 1\b",
                         r"supported\s+yes"])
    # 16 x 9 x 784 + 32 x 144 x 196 + 1568 x 48 + 48 x 10 = 1,091,904 if padded as trained
    assert re.search(r"multiply-adds\s+1\.09 M a row", result.stdout), result.story()


def test_memory_by_batch(widepipe, lenet):
    result = inspect(widepipe, lenet, "--batch", "2,32,512")
    table = result.stdout[result.stdout.index("memory"):]
    rows = [line.split()[0] for line in table.splitlines() if re.match(r"\s+\d+\s", line)]
    assert rows == ["2", "32", "512"], result.story()
    assert re.search(r"[\d.]+ [kM]B", table)


def test_kernels(widepipe, lenet):
    """Which kernel computes each node, and why others declined."""
    result = inspect(widepipe, lenet, "--kernels")
    for node in ("conv1", "conv2", "fc1", "fc2", "softmax"):
        assert node in result.stdout, result.story()


def broken_model(path):
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in "xy"]
    nodes = [helper.make_node("Relu", ["x"], ["a"], "fine"),
             helper.make_node("Unique", ["a"], ["y"], "culprit")]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:])
    return models.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)],
                                         ir_version=models.IR_VERSION), path)


def test_unsupported_model(widepipe, tmp_path):
    result = inspect(widepipe, broken_model(tmp_path / "bad.onnx"), code=2)
    text = result.stdout + "\n".join(result.errors)
    for fact in ("bad.onnx", "culprit", "Unique", r"\b13\b"):
        assert re.search(fact, text), f"expected /{fact}/{result.story()}"
    assert len(result.errors) == 1


def test_data_file_and_data_set(widepipe, images):
    check_facts(inspect(widepipe, images), [r"images\.h5", r"/images\s+u8\s+\[700, 1, 28, 28\]"])
    check_facts(inspect(widepipe, f"{images}:/images"),
                [r"type\s+u8", r"shape\s+\[700, 1, 28, 28\]", r"layout\s+contiguous", "parallel"])


def test_compressed_data_set(widepipe, tmp_path):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file.create_dataset("x", data=np.zeros((100, 5), ">f8"), chunks=(10, 5),
                            compression="gzip")
    check_facts(inspect(widepipe, f"{tmp_path}/in.h5:/x"),
                [r"f64 big-endian", r"chunks of \[10, 5\]", "gzip"])


def test_output_and_its_journal(widepipe, lenet, images, tmp_path):
    output = tmp_path / "out.h5"
    widepipe.score(lenet, f"{images}:/images", f"{output}:/scores", ranks=3).expect(0)
    before = data.snapshot(tmp_path)
    check_facts(inspect(widepipe, output), [
        r"/scores\s+f32\s+\[700, 10\]", r"/scores_status\s+u8\s+\[700\]", "output of widepipe",
        r"700 of 700 done", "complete", "ranks 3"])
    assert data.snapshot(tmp_path) == before
    output.with_name("out.h5.journal").unlink()
    check_facts(inspect(widepipe, output), [r"journal\s+none"])


def test_devices(widepipe):
    check_facts(inspect(widepipe, "devices"), [
        os.uname().nodename, r"\bcpu\b", rf"may use\s+{len(os.sched_getaffinity(0))} CPUs"])


@pytest.mark.parametrize("make, facts", [
    (lambda folder: folder / "gone.onnx", (r"gone\.onnx", "no such file")),
    (lambda folder: folder / "gone.h5", (r"gone\.h5", "no such file")),
    (lambda folder: f"{data.write(folder / 'in.h5', x=np.arange(3))}:/y",
     (r"in\.h5", "/y", "/x")),
    (lambda folder: folder, ("folder|directory",)),
], ids=["no model", "no file", "no data set", "folder"])
def test_bad_target(widepipe, tmp_path, make, facts):
    check_refused(widepipe.run("inspect", make(tmp_path)), facts)


def test_never_starts_mpi(widepipe, lenet):
    """Under a launcher whose MPI_Init would fail it still works, as on a login node."""
    broken = {"OMPI_MCA_ess": "nonsense", "PMI_FD": "999", "PMI_RANK": "0", "PMI_SIZE": "1"}
    inspect(widepipe, lenet, env=broken)
