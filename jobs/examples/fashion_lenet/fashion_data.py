"""What the scripts of this example share: reading Fashion-MNIST in its published idx form."""

import gzip
import math
import os
import struct

import numpy as np

DIRECTORY = "/usr/share/datasets/fashion-mnist"  # where Debian's dataset-fashion-mnist puts it
SIDE = 28
CLASS_NAMES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
               "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
FILE_PREFIX = {"train": "train", "test": "t10k"}


class DataError(Exception):
    """The data is missing or not what it should be; the text says which file and why."""


def read_idx(path, rank):
    """Reads a gzipped idx file of unsigned bytes that has `rank` dimensions."""
    try:
        with gzip.open(path, "rb") as stream:
            content = stream.read()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file (Debian package: dataset-fashion-mnist)") from None
    except Exception as error:  # gzip lets OSError, EOFError and zlib.error through
        raise DataError(f"{path}: cannot be read: {error}") from error
    start = 4 + 4 * rank
    if len(content) < start or content[:4] != bytes([0, 0, 8, rank]):
        raise DataError(f"{path}: not an idx file of unsigned bytes of rank {rank}")
    shape = struct.unpack(f">{rank}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise DataError(f"{path}: holds {len(content) - start} values, "
                        f"its shape {shape} needs {math.prod(shape)}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def load(directory, split):
    """The images of "train" or "test" as (n, 28, 28) and their labels as (n,), both uint8."""
    prefix = os.path.join(directory, FILE_PREFIX[split])
    images = read_idx(f"{prefix}-images-idx3-ubyte.gz", 3)
    labels = read_idx(f"{prefix}-labels-idx1-ubyte.gz", 1)
    if len(images) == 0 or images.shape != (len(labels), SIDE, SIDE):
        raise DataError(f"{prefix}-*: images of shape {images.shape} and labels of shape "
                        f"{labels.shape} do not belong together")
    if labels.max() >= len(CLASS_NAMES):
        raise DataError(f"{prefix}-labels-idx1-ubyte.gz: label {labels.max()} is not a class")
    return images, labels
