#!/usr/bin/env python3
"""Train a small LeNet-style network on Fashion-MNIST and write it as an ONNX file.

The network is trained with numpy alone; the `onnx` package only writes the file. The exported
model takes raw pixel values (0..255 as float32), because that is what the data set stores: the
division by 255 used during training is folded into the weights of the first convolution.

    python3 -m venv env && env/bin/pip install numpy onnx
    env/bin/python train.py --output fashion_lenet.onnx
"""

import argparse
import math
import os
import sys
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import fashion_data
from fashion_data import SIDE

CLASSES = len(fashion_data.CLASS_NAMES)
PIXEL_SCALE = 255.0


# Data ----------------------------------------------------------------------------------------

def mirror_half(images, rng):
    """Mirrors a random half of the images: a shoe that points right is a shoe as well.

    Random shifts were tried too, in one run of 10 epochs: 0.9158 held out, 0.9212 without.
    """
    flip = rng.random(len(images)) < 0.5
    return np.where(flip[:, None, None], images[:, :, ::-1], images)


# Layers --------------------------------------------------------------------------------------
#
# Inside the convolutional part tensors are laid out channel first: (C, N, H, W). A 3x3
# convolution is then one product, weights (O, C*9) times patches (C*9, N*H*W), with nothing to
# transpose, and (O, C*9) is the ONNX weight tensor (O, C, 3, 3) seen as a matrix.
#
# backward() receives the gradient of the loss with respect to the layer's output, leaves the
# parameter gradients in `gradients` and returns the gradient with respect to the layer's input.

class Layer:
    parameters = ()
    gradients = ()

    def make_parameters(self, rng, inputs, outputs):
        """Random weights that keep the variance through a Relu; biases start at zero."""
        deviation = math.sqrt(2.0 / inputs)
        self.weight = (rng.standard_normal((outputs, inputs)) * deviation).astype(np.float32)
        self.bias = np.zeros(outputs, np.float32)
        self.parameters = (self.weight, self.bias)


class Conv3x3(Layer):
    """3x3 convolution with a border of one zero pixel, so that height and width stay."""

    TAPS = [(i, j) for i in range(3) for j in range(3)]

    def __init__(self, rng, inputs, outputs, is_first=False):
        self.make_parameters(rng, inputs * 9, outputs)
        self.is_first = is_first  # nothing lies before it, so no gradient needs to leave it

    def forward(self, x):
        self.shape = channels, count, height, width = x.shape
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        patches = np.empty((channels, 9, count, height, width), np.float32)
        for tap, (i, j) in enumerate(self.TAPS):
            patches[:, tap] = padded[:, :, i:i + height, j:j + width]
        self.patches = patches.reshape(channels * 9, -1)
        y = self.weight @ self.patches
        y += self.bias[:, None]
        return y.reshape(-1, count, height, width)

    def backward(self, dy):
        channels, count, height, width = self.shape
        dy = dy.reshape(len(dy), -1)
        self.gradients = (dy @ self.patches.T, dy.sum(axis=1))
        if self.is_first:
            return None
        patches = (self.weight.T @ dy).reshape(channels, 9, count, height, width)
        padded = np.zeros((channels, count, height + 2, width + 2), np.float32)
        for tap, (i, j) in enumerate(self.TAPS):
            padded[:, :, i:i + height, j:j + width] += patches[:, tap]
        return padded[:, :, 1:-1, 1:-1]


class ReluMaxPool(Layer):
    """Relu and 2x2 max pooling. The two commute, so the smaller tensor gets the Relu here."""

    CORNERS = [(i, j) for i in range(2) for j in range(2)]

    def forward(self, x):
        corners = [x[:, :, i::2, j::2] for i, j in self.CORNERS]
        y = np.maximum(np.maximum(corners[0], corners[1]), np.maximum(corners[2], corners[3]))
        np.maximum(y, 0.0, out=y)
        self.x, self.y = x, y
        return y

    def backward(self, dy):
        dx = np.empty_like(self.x)
        # Several pixels of a window may share the maximum: the first one takes the gradient.
        open_windows = self.y > 0.0
        for i, j in self.CORNERS:
            winner = (self.x[:, :, i::2, j::2] == self.y) & open_windows
            dx[:, :, i::2, j::2] = dy * winner
            open_windows &= ~winner
        return dx


class Flatten(Layer):
    """(C, N, H, W) to rows of C*H*W values, the order that the ONNX model's Flatten gives."""

    def forward(self, x):
        self.shape = x.shape
        return x.transpose(1, 0, 2, 3).reshape(x.shape[1], -1)

    def backward(self, dy):
        channels, count, height, width = self.shape
        return dy.reshape(count, channels, height, width).transpose(1, 0, 2, 3)


class Dense(Layer):
    """y = x W' + b with W of shape (outputs, inputs), as Gemm with transB has it."""

    def __init__(self, rng, inputs, outputs):
        self.make_parameters(rng, inputs, outputs)

    def forward(self, x):
        self.x = x
        return x @ self.weight.T + self.bias

    def backward(self, dy):
        self.gradients = (dy.T @ self.x, dy.sum(axis=0))
        return dy @ self.weight


class Relu(Layer):
    def forward(self, x):
        self.positive = x > 0.0
        return x * self.positive

    def backward(self, dy):
        return dy * self.positive


class Network:
    def __init__(self, rng):
        self.conv1 = Conv3x3(rng, 1, 16, is_first=True)
        self.conv2 = Conv3x3(rng, 16, 32)
        self.fc1 = Dense(rng, 32 * 7 * 7, 48)
        self.fc2 = Dense(rng, 48, CLASSES)
        self.layers = [self.conv1, ReluMaxPool(), self.conv2, ReluMaxPool(), Flatten(),
                       self.fc1, Relu(), self.fc2]
        self.parameters = [p for layer in self.layers for p in layer.parameters]

    def logits(self, images):
        x = images[None].astype(np.float32) / np.float32(PIXEL_SCALE)
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def probabilities(self, images, batch=500):
        parts = [softmax(self.logits(images[i:i + batch])) for i in range(0, len(images), batch)]
        return np.concatenate(parts)

    def gradients(self, gradient):
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)
        return [g for layer in self.layers for g in layer.gradients]


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


# Training ------------------------------------------------------------------------------------

class Adam:
    def __init__(self, parameters, weight_decay):
        self.parameters = parameters
        self.weight_decay = weight_decay
        self.mean = [np.zeros_like(p) for p in parameters]
        self.square = [np.zeros_like(p) for p in parameters]
        self.steps = 0

    def step(self, gradients, rate, beta1=0.9, beta2=0.999):
        self.steps += 1
        # Both averages start at zero; this factor takes that bias out of the first steps.
        rate_now = rate * math.sqrt(1.0 - beta2 ** self.steps) / (1.0 - beta1 ** self.steps)
        for p, g, m, s in zip(self.parameters, gradients, self.mean, self.square):
            m += (1.0 - beta1) * (g - m)
            s += (1.0 - beta2) * (g * g - s)
            if p.ndim == 2:  # weights decay, biases do not
                p *= 1.0 - rate * self.weight_decay
            p -= rate_now * m / (np.sqrt(s) + 1e-8)


def accuracy(network, images, labels):
    return float(np.mean(network.probabilities(images).argmax(axis=1) == labels))


def train(network, images, labels, held_images, held_labels, options, rng, vary=mirror_half):
    """`vary(images, rng)` shows a batch in another form each time."""
    optimizer = Adam(network.parameters, options.weight_decay)
    batches = math.ceil(len(images) / options.batch)
    started = time.monotonic()
    for epoch in range(options.epochs):
        loss_sum, correct = 0.0, 0
        order = rng.permutation(len(images))
        for index in range(batches):
            # Half a cosine from the full rate down to zero over the whole run.
            progress = (epoch * batches + index) / (options.epochs * batches)
            rate = options.rate * 0.5 * (1.0 + math.cos(math.pi * progress))
            chosen = order[index * options.batch:(index + 1) * options.batch]
            wanted, rows = labels[chosen], np.arange(len(chosen))
            p = softmax(network.logits(vary(images[chosen], rng)))
            loss_sum -= float(np.log(p[rows, wanted] + 1e-12).sum())
            correct += int((p.argmax(axis=1) == wanted).sum())
            p[rows, wanted] -= 1.0  # now the gradient of the cross entropy by the logits
            optimizer.step(network.gradients(p / np.float32(len(chosen))), rate)
        held = ""
        if len(held_labels):
            held = f"  held out {accuracy(network, held_images, held_labels):.4f}"
        print(f"epoch {epoch + 1:2d}/{options.epochs}  loss {loss_sum / len(images):.4f}  "
              f"accuracy {correct / len(images):.4f}{held}  "
              f"{time.monotonic() - started:.0f} s", flush=True)


# Export --------------------------------------------------------------------------------------

def export(network, path, epochs, seed, data_set="Fashion-MNIST"):
    # conv(x / 255, W) = conv(x, W / 255); the zero border stays zero. Divided in double
    # precision, so that every weight is rounded once.
    folded = (network.conv1.weight.astype(np.float64) / PIXEL_SCALE).astype(np.float32)
    weights = {"conv1": folded.reshape(16, 1, 3, 3),
               "conv2": network.conv2.weight.reshape(32, 16, 3, 3),
               "fc1": network.fc1.weight, "fc2": network.fc2.weight}
    tensors = {}
    for name, weight in weights.items():
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = weight, getattr(network, name).bias
    convolution = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [1, 1]}
    pooling = {"kernel_shape": [2, 2], "strides": [2, 2]}
    chain = [
        ("Conv", "conv1", convolution), ("Relu", "relu1", {}), ("MaxPool", "pool1", pooling),
        ("Conv", "conv2", convolution), ("Relu", "relu2", {}), ("MaxPool", "pool2", pooling),
        ("Flatten", "flatten", {"axis": 1}),
        ("Gemm", "fc1", {"transB": 1}), ("Relu", "relu3", {}), ("Gemm", "fc2", {"transB": 1}),
        ("Softmax", "softmax", {"axis": 1}),
    ]
    nodes, value = [], "image"
    for operator, name, attributes in chain:
        inputs = [value] + ([f"{name}.weight", f"{name}.bias"] if name in weights else [])
        value = "probabilities" if operator == "Softmax" else f"{name}.out"
        nodes.append(helper.make_node(operator, inputs, [value], name=name, **attributes))

    graph = helper.make_graph(
        nodes, os.path.splitext(os.path.basename(path))[0],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", CLASSES])],
        [numpy_helper.from_array(np.ascontiguousarray(t), n) for n, t in tensors.items()])
    model = helper.make_model(
        graph, producer_name="widepipe train.py", ir_version=8,
        opset_imports=[helper.make_opsetid("", 13)],
        doc_string=f"LeNet-style classifier for {data_set}. Input: raw pixel values 0..255. "
                   f"Trained for {epochs} epochs with seed {seed}.")
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def main():
    parser = argparse.ArgumentParser(description="Train the Fashion-MNIST example model.")
    parser.add_argument("--data", metavar="DIR", default=fashion_data.DIRECTORY,
                        help="directory of the four idx .gz files (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--batch", type=int, default=128, help="default: %(default)s")
    parser.add_argument("--rate", type=float, default=2e-3, help="default: %(default)s")
    parser.add_argument("--weight-decay", type=float, default=0.02, help="default: %(default)s")
    parser.add_argument("--hold-out", metavar="N", type=int, default=0,
                        help="keep the last N training images out and report on them, to judge "
                             "other settings without the test images (default: %(default)s)")
    parser.add_argument("--output", metavar="FILE", default="fashion_lenet.onnx",
                        help="default: %(default)s")
    options = parser.parse_args()
    try:
        images, labels = fashion_data.load(options.data, "train")
        test_images, test_labels = fashion_data.load(options.data, "test")
    except fashion_data.DataError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2
    rng = np.random.default_rng(options.seed)
    network = Network(rng)
    kept = len(images) - options.hold_out
    train(network, images[:kept], labels[:kept], images[kept:], labels[kept:], options, rng)
    print(f"test accuracy {accuracy(network, test_images, test_labels):.4f}")
    export(network, options.output, options.epochs, options.seed)
    print(f"wrote {options.output}: {sum(p.size for p in network.parameters)} parameters, "
          f"{os.path.getsize(options.output)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
