"""Trains the LeNet of the Fashion-MNIST example on the digits that make_data.py did not hold back.

    python train_digits.py digits.h5 digits.onnx
"""

import argparse
import pathlib
import sys

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fashion_lenet"))
import train  # noqa: E402

SETTINGS = argparse.Namespace(epochs=12, batch=64, rate=2e-3, weight_decay=0.02)
SEED = 1
FARTHEST = 2  # pixels


def shifted(images, rng):
    """Each image moved by up to FARTHEST pixels: a digit is never mirrored."""
    padded = np.pad(images, ((0, 0), (FARTHEST, FARTHEST), (FARTHEST, FARTHEST)))
    side = images.shape[1]
    corners = rng.integers(0, 2 * FARTHEST + 1, (len(images), 2))
    return np.stack([image[top:top + side, left:left + side]
                     for image, (top, left) in zip(padded, corners)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    options = parser.parse_args()
    with h5py.File(options.data) as file:
        images, labels = file["train/images"][:, 0], file["train/labels"][:]
    rng = np.random.default_rng(SEED)
    network = train.Network(rng)
    train.train(network, images, labels, images[:0], labels[:0], SETTINGS, rng, vary=shifted)
    part = options.output.with_suffix(".part")
    train.export(network, part, SETTINGS.epochs, SEED, data_set="MNIST")
    part.rename(options.output)


if __name__ == "__main__":
    main()
