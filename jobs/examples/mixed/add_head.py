"""Teaches a sentence encoder what people like: fits a logistic head to the vectors that it makes of
the tweets to learn from, and adds the head to the network. The new network's output
`probabilities`, f32 [N, 2], is how likely a tweet is negative and positive.

    python add_head.py --model paraphrase_l3.onnx --vectors vectors.h5 --tweets tweets.h5 \\
        --output tweets.onnx
"""

import argparse
import pathlib

import h5py
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

VECTORS = "461"  # the encoder's output that holds a vector for the whole sentence


def with_head(encoder, weights, bias):
    """`weights` of shape [length of a vector, classes], `bias` one a class."""
    model = onnx.ModelProto()
    model.CopyFrom(encoder)
    graph = model.graph
    graph.initializer.append(numpy_helper.from_array(weights.astype(np.float32), "head.weights"))
    graph.initializer.append(numpy_helper.from_array(bias.astype(np.float32), "head.bias"))
    graph.node.append(helper.make_node(
        "Gemm", [VECTORS, "head.weights", "head.bias"], ["head"], "head"))
    graph.node.append(helper.make_node("Softmax", ["head"], ["probabilities"], "softmax", axis=1))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(
        "probabilities", TensorProto.FLOAT, [None, len(bias)]))
    return model


def fit(vectors, labels):
    """Weights and bias of two classes from a head of one number."""
    from sklearn.linear_model import LogisticRegression
    head = LogisticRegression(C=1.0, max_iter=2000).fit(vectors, labels)
    return np.stack([-head.coef_[0], head.coef_[0]], 1) / 2, np.array([-1, 1]) * head.intercept_ / 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("model", "vectors", "tweets", "output"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    options = parser.parse_args()
    with h5py.File(options.vectors) as vectors, h5py.File(options.tweets) as tweets:
        head = fit(vectors["vectors"][:], tweets["train/labels"][:])
    part = options.output.with_suffix(".part")
    onnx.save(with_head(onnx.load(options.model), *head), part)
    part.rename(options.output)


if __name__ == "__main__":
    main()
