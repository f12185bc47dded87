"""Small ONNX models with seeded weights: a zoo for the oracle, a heavy one, and broken ones."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

IR_VERSION = 7


class Net:
    """Builds a graph node by node; each method gives the name of its output."""

    def __init__(self, seed, opset=13):
        self.rng = np.random.default_rng(seed)
        self.opset = opset
        self.nodes = []
        self.initializers = []
        self.count = 0

    def name(self, base):
        self.count += 1
        return f"{base}_{self.count}"

    def constant(self, values, dtype=np.float32):
        name = self.name("w")
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def weight(self, *shape):
        """Scaled so that values keep their size through the layers."""
        fan_in = max(1, int(np.prod(shape[1:])))
        return self.constant(self.rng.standard_normal(shape) / np.sqrt(fan_in))

    def add(self, op, *inputs, outputs=None, **attributes):
        node = self.name(op.lower())
        outputs = outputs or [node + "_out"]
        self.nodes.append(helper.make_node(op, list(inputs), outputs, node, **attributes))
        return outputs[0]

    def conv(self, x, channels_in, channels_out, kernel, bias=True, **attributes):
        group = attributes.get("group", 1)
        weights = [self.weight(channels_out, channels_in // group, *kernel)]
        if bias:
            weights.append(self.constant(self.rng.standard_normal(channels_out)))
        return self.add("Conv", x, *weights, kernel_shape=list(kernel), **attributes)

    def batch_norm(self, x, channels):
        scale, shift, mean = (self.constant(self.rng.standard_normal(channels)) for _ in range(3))
        variance = self.constant(self.rng.uniform(0.5, 2, channels))
        return self.add("BatchNormalization", x, scale, shift, mean, variance, epsilon=1e-5)

    def gemm(self, x, size_in, size_out, **attributes):
        shape = (size_out, size_in) if attributes.get("transB") else (size_in, size_out)
        bias = self.constant(self.rng.standard_normal(size_out))
        return self.add("Gemm", x, self.weight(*shape), bias, **attributes)

    def clip(self, x, low, high):
        return self.add("Clip", x, self.constant(low), self.constant(high))

    def model(self, inputs, outputs):
        """`inputs`, `outputs`: name -> row shape."""
        def ports(shapes):
            return [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
                    for name, shape in shapes.items()]
        for name in outputs:  # the last nodes' outputs under the names that people see
            assert any(name in node.output for node in self.nodes), name
        graph = helper.make_graph(self.nodes, "net", ports(inputs), ports(outputs),
                                  self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)],
                                  ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model


def save(model, path):
    path.write_bytes(model.SerializeToString())
    return path


def heavy_cnn(seed):
    net = Net(seed)
    x = net.add("Relu", net.conv("image", 1, 32, (3, 3), pads=[1, 1, 1, 1]))
    for _ in range(2):
        x = net.add("Relu", net.conv(x, 32, 32, (3, 3), pads=[1, 1, 1, 1]))
    x = net.add("Flatten", net.add("GlobalAveragePool", x))
    net.add("Softmax", net.gemm(x, 32, 10), outputs=["scores"], axis=1)
    return net.model({"image": (1, 28, 28)}, {"scores": (10,)})


@dataclass
class ZooCase:
    name: str
    model: onnx.ModelProto
    inputs: dict   # name -> row shape
    outputs: list  # names


def _mlp(seed, opset):
    net = Net(seed, opset)
    x = net.add("Relu", net.gemm("x", 40, 64, transB=1))
    x = net.add("Relu", net.gemm(x, 64, 33))
    net.add("Gemm", x, net.weight(33, 7), net.constant(net.rng.standard_normal(7)),
            outputs=["y"], alpha=0.5, beta=2.0)
    return net.model({"x": (40,)}, {"y": (7,)})


def _matmul(seed, opset):
    net = Net(seed, opset)
    x = net.add("Add", net.add("MatMul", "x", net.weight(31, 65)), net.weight(65))
    x = net.clip(x, -1.0, 1.0)
    net.add("Add", net.weight(5), net.add("MatMul", x, net.weight(65, 5)), outputs=["y"])
    return net.model({"x": (31,)}, {"y": (5,)})


def _grouped(seed, opset):
    net = Net(seed, opset)
    x = net.conv("x", 4, 6, (3, 3), group=2, strides=[2, 1], pads=[0, 1, 2, 1], bias=False)
    x = net.clip(net.batch_norm(x, 6), 0.0, 6.0)
    x = net.batch_norm(net.conv(x, 6, 8, (1, 2)), 8)
    net.add("Flatten", x, outputs=["y"])
    return net.model({"x": (4, 11, 9)}, {"y": (8 * 6 * 8,)})


def _depthwise(seed, opset):
    net = Net(seed, opset)
    x = net.conv("x", 12, 12, (3, 3), group=12, pads=[1, 1, 1, 1], strides=[2, 2])
    x = net.clip(net.batch_norm(x, 12), 0.0, 6.0)
    x = net.add("GlobalAveragePool", net.conv(x, 12, 20, (1, 1)))
    net.add("Softmax", net.add("Flatten", x), outputs=["y"], axis=1)
    return net.model({"x": (12, 15, 15)}, {"y": (20,)})


def _residual(seed, opset):
    net = Net(seed, opset)
    x = net.add("Relu", net.conv("x", 3, 16, (3, 3), pads=[1, 1, 1, 1]))
    for _ in range(2):
        inner = net.add("Relu", net.batch_norm(net.conv(x, 16, 16, (3, 3), pads=[1] * 4), 16))
        inner = net.batch_norm(net.conv(inner, 16, 16, (3, 3), pads=[1] * 4), 16)
        x = net.add("Relu", net.add("Add", inner, x))
    x = net.add("Flatten", net.add("GlobalAveragePool", x))
    net.add("Softmax", net.gemm(x, 16, 10, transB=1), outputs=["y"], axis=1)
    return net.model({"x": (3, 12, 12)}, {"y": (10,)})


def _pools(seed, opset):
    net = Net(seed, opset)
    x = net.conv("x", 2, 9, (3, 3))
    x = net.add("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    x = net.add("MaxPool", x, kernel_shape=[2, 2], strides=[1, 1], pads=[0, 0, 1, 1])
    x = net.add("AveragePool", x, kernel_shape=[2, 3], pads=[1, 1, 0, 1], count_include_pad=1)
    net.add("Flatten", x, outputs=["y"], axis=1)
    return net.model({"x": (2, 14, 16)}, {"y": (9 * 6 * 7,)})


def _reshape(seed, opset):
    net = Net(seed, opset)
    x = net.add("Relu", net.conv("x", 1, 5, (5, 5)))
    x = net.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = net.add("Reshape", x, net.constant([-1, 5 * 4 * 4], np.int64))
    net.add("Reshape", net.gemm(x, 80, 12), net.constant([0, 3, 4], np.int64), outputs=["y"])
    return net.model({"x": (1, 12, 12)}, {"y": (3, 4)})


def _conv1d(seed, opset):
    net = Net(seed, opset)
    x = net.add("Relu", net.conv("x", 3, 8, (5,), pads=[2, 2]))
    x = net.add("MaxPool", x, kernel_shape=[2], strides=[2])
    net.add("Softmax", net.gemm(net.add("Flatten", x), 8 * 16, 6), outputs=["y"], axis=1)
    return net.model({"x": (3, 32)}, {"y": (6,)})


def _same_pads(seed, opset):
    net = Net(seed, opset)
    x = net.conv("x", 3, 7, (4, 3), auto_pad="SAME_UPPER", strides=[2, 2])
    x = net.add("Relu", net.conv(x, 7, 7, (3, 3), dilations=[2, 2], pads=[2, 2, 2, 2]))
    x = net.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_LOWER")
    net.add("Flatten", x, outputs=["y"])
    return net.model({"x": (3, 13, 10)}, {"y": (7 * 4 * 3,)})


def _folded(seed, opset):
    """Constants that are computed from constants, and a branch that leads nowhere."""
    net = Net(seed, opset)
    weight = net.add("Add", net.weight(10, 6), net.weight(10, 6))
    net.add("Relu", "x")
    net.add("Add", net.add("MatMul", "x", weight), net.add("Relu", net.weight(6)), outputs=["y"])
    return net.model({"x": (10,)}, {"y": (6,)})


def _two_inputs(seed, opset):
    net = Net(seed, opset)
    x = net.add("Add", net.gemm("left", 8, 16), net.gemm("right", 5, 16))
    net.add("Relu", x, outputs=["y"])
    return net.model({"left": (8,), "right": (5,)}, {"y": (16,)})


def _two_outputs(seed, opset):
    net = Net(seed, opset)
    x = net.add("Relu", net.gemm("x", 9, 16), outputs=["features"])
    net.add("Softmax", net.gemm(x, 16, 4), outputs=["head/probabilities"], axis=1)
    return net.model({"x": (9,)}, {"features": (16,), "head/probabilities": (4,)})


def _gated(seed, opset):
    """As in mobile nets: hard swish in pieces, and a gate for each channel."""
    net = Net(seed, opset)
    x = net.conv("x", 3, 20, (3, 3), pads=[1, 1, 1, 1], strides=[2, 2])
    x = net.add("Mul", x, net.clip(net.add("Add", x, net.constant(3.0)), 0.0, 6.0))
    x = net.add("Div", x, net.constant(6.0))
    gate = net.conv(net.add("GlobalAveragePool", x), 20, 20, (1, 1))
    x = net.add("Mul", x, net.add("HardSigmoid", gate, alpha=0.2, beta=0.5))
    x = net.add("Sub", net.conv(x, 20, 12, (1, 1)), net.weight(12, 1, 1))
    x = net.add("Mul", x, net.add("Sigmoid", x))
    net.add("ReduceMean", x, outputs=["y"], axes=[2, 3], keepdims=0)
    return net.model({"x": (3, 14, 14)}, {"y": (12,)})


def _normalized(seed, opset):
    """As in sentence encoders: a layer norm and a GELU in pieces."""
    net = Net(seed, opset)
    x = net.add("Sub", "x", net.add("ReduceMean", "x", axes=[-1]))
    variance = net.add("ReduceMean", net.add("Pow", x, net.constant(2.0)), axes=[-1])
    x = net.add("Div", x, net.add("Sqrt", net.add("Add", variance, net.constant(1e-5))))
    x = net.add("Add", net.add("Mul", x, net.weight(24)), net.weight(24))
    x = net.add("Add", net.add("MatMul", x, net.weight(24, 50)), net.weight(50))
    half = net.add("Mul", x, net.constant(0.5))
    erf = net.add("Erf", net.add("Div", x, net.constant(np.sqrt(2))))
    x = net.add("Mul", half, net.add("Add", erf, net.constant(1.0)))
    x = net.add("Softmax", net.add("Tanh", x), axis=-1)
    x = net.add("Where", net.add("Greater", x, net.constant(0.02)), x, net.constant(0.0))
    net.add("ReduceMax", x, outputs=["y"], axes=[1], keepdims=0)
    return net.model({"x": (7, 24)}, {"y": (50,)})


def _upsampled(seed, opset):
    """As in segmentation nets: down, up again in three ways, and the parts side by side."""
    net = Net(seed, opset)
    x = net.add("Relu", net.conv("x", 3, 16, (3, 3), pads=[1, 1, 1, 1]))
    down = net.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    down = net.add("Relu", net.conv(down, 16, 24, (3, 3), pads=[1, 1, 1, 1]))
    up = net.add("ConvTranspose", down, net.weight(24, 8, 2, 2), strides=[2, 2])
    up = net.add("Relu", net.batch_norm(up, 8))
    wide = net.add("ConvTranspose", down, net.weight(24, 2, 3, 3), net.weight(4), group=2,
                   strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])
    scales = net.constant([1, 1, 2, 2])
    nearest = net.add("Resize", down, "", scales, mode="nearest",
                      coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    linear = net.add("Resize", down, "", scales, mode="linear")
    x = net.add("Concat", x, nearest, up, linear, wide, axis=1)
    x = net.add("Pad", x, net.constant([0, 0, 1, 2, 0, 0, 1, 0], np.int64), mode="reflect")
    net.add("GlobalMaxPool", net.conv(x, 76, 10, (3, 3)), outputs=["y"])
    return net.model({"x": (3, 12, 10)}, {"y": (10, 1, 1)})


def _sequence(seed, opset):
    """Recurrent layers over steps, with the batch on axis 1; states of a size that is computed."""
    net = Net(seed, opset)
    steps = net.add("Transpose", "x", perm=[1, 0, 2])
    rows = net.add("Slice", net.add("Shape", "x"), net.constant([0], np.int64),
                   net.constant([1], np.int64))
    shape = net.add("Concat", net.constant([2], np.int64), rows, net.constant([5], np.int64),
                    axis=0)
    start = net.add("Expand", net.constant([[[0.5]]]), shape)
    both = net.name("lstm_out")
    net.add("LSTM", steps, net.weight(2, 20, 6), net.weight(2, 20, 5), net.weight(2, 40), "",
            start, start, outputs=[both], hidden_size=5, direction="bidirectional")
    y = net.add("Reshape", net.add("Transpose", both, perm=[0, 2, 1, 3]),
                net.constant([9, -1, 10], np.int64))
    last = net.name("gru_out")
    net.add("GRU", y, net.weight(1, 12, 10), net.weight(1, 12, 4), net.weight(1, 24),
            outputs=["", last], hidden_size=4, direction="reverse", linear_before_reset=1)
    state = net.add("Squeeze", last, net.constant([0], np.int64))
    right = net.name("right")
    left = net.add("Split", state, outputs=[net.name("left"), right], axis=1)
    tiled = net.add("Tile", right, net.constant([1, 2], np.int64))
    best = net.add("TopK", tiled, net.constant([3], np.int64), axis=1,
                   outputs=[net.name("best"), net.name("where")])
    net.add("Concat", left, best, outputs=["y"], axis=1)
    return net.model({"x": (9, 6)}, {"y": (5,)})


_KINDS = [_mlp, _matmul, _grouped, _depthwise, _residual, _pools, _reshape, _conv1d, _same_pads,
          _folded, _two_inputs, _two_outputs, _gated, _normalized, _upsampled, _sequence]


def _row_shapes(ports):
    return {port.name: tuple(dim.dim_value for dim in port.type.tensor_type.shape.dim[1:])
            for port in ports}


def zoo(seed):
    """Every kind at opset 13, and some at each other opset from 11 to 17."""
    plan = [(kind, 13) for kind in _KINDS]
    plan += [(kind, opset) for opset in (11, 12, 14, 15, 16, 17)
             for kind in (_mlp, _residual, _reshape, _pools)]
    cases = []
    for number, (kind, opset) in enumerate(plan):
        model = kind(seed + number, opset)
        cases.append(ZooCase(f"{kind.__name__[1:]}-opset{opset}", model,
                             _row_shapes(model.graph.input),
                             [port.name for port in model.graph.output]))
    return cases
