"""The ONNX project's light_* networks with weights in them: cost models, not classifiers.

The files have the structure of well-known networks, and a constant in the place of each weight.
"""

import math

import numpy as np
from onnx import numpy_helper


def fill(model, seed):
    """Puts random weights in the place of the constants, scaled so that activations stay sound."""
    rng = np.random.default_rng(seed)
    graph = model.graph
    values = {constant.name: constant for constant in graph.initializer}
    readers = {}
    for node in graph.node:
        for i, name in enumerate(node.input):
            readers.setdefault(name, []).append((node, i))
    shapes = {}
    for node in [node for node in graph.node if node.op_type == "ConstantOfShape"]:
        shape = [int(size) for size in numpy_helper.to_array(values[node.input[0]])]
        shapes[node.input[0]] = shape
        name = node.output[0]
        graph.initializer.append(
            numpy_helper.from_array(weights_for(readers[name][0], shape, rng), name))
        graph.node.remove(node)
    for constant in [c for c in graph.initializer if c.name in shapes]:
        graph.initializer.remove(constant)
    inputs = [i for i in graph.input if i.name in shapes]
    for item in inputs:
        graph.input.remove(item)
    model.ir_version = 4  # initializers need not be inputs


def weights_for(reader, shape, rng):
    node, i = reader
    noise = rng.standard_normal(shape)
    if node.op_type == "Conv" and i == 1:
        return (noise * math.sqrt(2 / math.prod(shape[1:]))).astype(np.float32)
    if node.op_type == "Gemm" and i == 1:
        return (noise / math.sqrt(max(shape))).astype(np.float32)
    if node.op_type == "BatchNormalization" and i in (1, 4):  # scale, variance
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    if node.op_type == "Unsqueeze":  # scale and shift of a channel, multiplied and added later
        return rng.uniform(0.5, 1.0, shape).astype(np.float32)
    return (noise * 0.1).astype(np.float32)


def free_batch(model):
    """Makes the batch, fixed at 1, a symbolic dimension."""
    graph = model.graph
    for value in [*graph.input, *graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    del graph.value_info[:]
    shapes = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    for constant in graph.initializer:
        if constant.name in shapes:
            shape = numpy_helper.to_array(constant).copy()
            if shape[0] == 1:
                shape[0] = -1
                constant.CopyFrom(numpy_helper.from_array(shape, constant.name))
