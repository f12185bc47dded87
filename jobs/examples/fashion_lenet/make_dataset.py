#!/usr/bin/python3
"""Write Fashion-MNIST as an HDF5 file: /images (n, 1, 28, 28) and /labels (n,), both uint8.

With --repeat or --rows the images are written over and over, for runs that need more work than
the data set has. Needs numpy and h5py only (Debian: python3-numpy, python3-h5py).

    ./make_dataset.py test.h5
    ./make_dataset.py --rows 2000000 benchmark.h5
"""

import argparse
import os
import sys

import h5py
import numpy as np

import fashion_data
from fashion_data import SIDE

SLAB = 20000  # rows written at a time: 16 MB of pixels, whatever the size of the file


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a positive number")
    return value


def write(path, images, labels, rows):
    """Writes `rows` rows, starting over at the first image whenever the last one is reached."""
    with h5py.File(path, "w") as file:
        # No chunk shape: both data sets are contiguous, so that a reader of rows a to b has one
        # piece of the file to fetch.
        image_set = file.create_dataset("images", (rows, 1, SIDE, SIDE), np.uint8)
        label_set = file.create_dataset("labels", (rows,), np.uint8)
        for begin in range(0, rows, SLAB):
            end = min(begin + SLAB, rows)
            source = np.arange(begin, end) % len(images)
            image_set[begin:end] = images[source][:, None]
            label_set[begin:end] = labels[source]


def main():
    parser = argparse.ArgumentParser(description="Write Fashion-MNIST as an HDF5 file.")
    parser.add_argument("--data", metavar="DIR", default=fashion_data.DIRECTORY,
                        help="directory of the idx .gz files (default: %(default)s)")
    parser.add_argument("--split", choices=["test", "train"], default="test",
                        help="10000 test or 60000 training images (default: %(default)s)")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--repeat", metavar="K", type=positive, default=1,
                        help="write the whole split K times, one after the other")
    amount.add_argument("--rows", metavar="N", type=positive,
                        help="write exactly N rows: the first N, or the split over and over")
    parser.add_argument("output", help="HDF5 file to write; replaced if it exists")
    options = parser.parse_args()

    try:
        images, labels = fashion_data.load(options.data, options.split)
    except fashion_data.DataError as error:
        print(f"make_dataset.py: {error}", file=sys.stderr)
        return 2
    rows = options.rows or options.repeat * len(images)

    # The name appears when the content is complete; a run that fails leaves no half file.
    temporary = f"{options.output}.{os.getpid()}.part"
    try:
        write(temporary, images, labels, rows)
        os.replace(temporary, options.output)
    except (OSError, RuntimeError) as error:  # h5py reports a full disk as either of them
        print(f"make_dataset.py: {options.output}: cannot be written: {error}", file=sys.stderr)
        return 1
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)
    print(f"{options.output}: {rows} rows, {os.path.getsize(options.output)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
