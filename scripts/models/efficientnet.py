"""EfficientNet-Lite0 as ONNX, from the weights of a PyTorch file, without PyTorch."""

import collections
import pickle

import numpy as np
from onnx import TensorProto, helper, numpy_helper

BN_EPSILON = 1e-3
CLASSES = 1000
# (blocks, kernel, stride of the first, expansion, channels out)
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
          (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]
DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class Unpickler(pickle.Unpickler):
    """Knows what a file of tensors holds, and nothing else."""

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if name == "_rebuild_tensor_v2":
            return lambda storage, offset, size, stride, *_: (storage, offset, size, stride)
        if module == "torch" and name in DTYPES:
            return name
        raise pickle.UnpicklingError(f"unexpected {module}.{name}")

    def persistent_load(self, pid):
        _, kind, key, _, count, _ = pid
        return kind, key, count


def read_pth(path):
    """The tensors of a file in PyTorch's first format: name -> array."""
    with open(path, "rb") as file:
        for _ in range(3):  # magic number, protocol, sizes of types
            Unpickler(file).load()
        tensors = Unpickler(file).load()
        kinds = {storage[1]: storage[0] for storage, *_ in tensors.values()}
        storages = {}
        for key in Unpickler(file).load():
            count = int.from_bytes(file.read(8), "little")
            dtype = DTYPES[kinds[key]]
            storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    arrays = {}
    for name, (storage, offset, size, stride) in tensors.items():
        flat = storages[storage[1]][offset:]
        # Strides tell the true order of the elements: not that of the shape.
        steps = [step * flat.itemsize for step in stride]
        arrays[name] = np.ascontiguousarray(np.lib.stride_tricks.as_strided(flat, size, steps))
    return arrays


class Network:
    """Appends the nodes of a network to a graph."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes = []
        self.constants = {}

    def constant(self, name, value=None):
        self.constants[name] = self.weights[name] if value is None else value
        return name

    def node(self, op, inputs, **attributes):
        output = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def conv(self, x, name, norm, size, kernel, stride, groups=1, clip=True):
        """Convolution with TensorFlow's SAME padding, normalization, Clip; returns the new size."""
        padding = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        before, after = padding // 2, padding - padding // 2
        x = self.node("Conv", [x, self.constant(f"{name}.weight")], kernel_shape=[kernel] * 2,
                      strides=[stride] * 2, group=groups, pads=[before, before, after, after])
        parts = ["weight", "bias", "running_mean", "running_var"]
        x = self.node("BatchNormalization",
                      [x] + [self.constant(f"{norm}.{part}") for part in parts],
                      epsilon=BN_EPSILON)
        if clip:
            x = self.node("Clip", [x, self.constant("zero", np.float32(0)),
                                   self.constant("six", np.float32(6))])
        return x, -(-size // stride)

    def block(self, x, name, size, kernel, stride, expansion, channels_in, channels_out):
        start = x
        channels = channels_in * expansion
        if expansion != 1:
            x, size = self.conv(x, f"{name}._expand_conv", f"{name}._bn0", size, 1, 1)
        x, size = self.conv(x, f"{name}._depthwise_conv", f"{name}._bn1", size, kernel, stride,
                            groups=channels)
        x, size = self.conv(x, f"{name}._project_conv", f"{name}._bn2", size, 1, 1, clip=False)
        if stride == 1 and channels_in == channels_out:
            x = self.node("Add", [x, start])
        return x, size


def make_model(pth):
    """The ONNX model: images f32 [N, 3, 224, 224], (pixel / 255 - 0.5) / 0.5 -> logits [N, 1000]."""
    net = Network(read_pth(pth))
    x, size = net.conv("images", "_conv_stem", "_bn0", 224, 3, 2)
    channels, index = 32, 0
    for blocks, kernel, stride, expansion, channels_out in STAGES:
        for i in range(blocks):
            x, size = net.block(x, f"_blocks.{index}", size, kernel, stride if i == 0 else 1,
                                expansion, channels, channels_out)
            channels, index = channels_out, index + 1
    x, _ = net.conv(x, "_conv_head", "_bn1", size, 1, 1)
    x = net.node("Flatten", [net.node("GlobalAveragePool", [x])])
    x = net.node("Gemm", [x, net.constant("_fc.weight"), net.constant("_fc.bias")], transB=1)
    net.nodes[-1].output[0] = "logits"
    graph = helper.make_graph(
        net.nodes, "efficientnet_lite0",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 3, 224, 224])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])],
        [numpy_helper.from_array(np.asarray(value), name)
         for name, value in net.constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
