#!/usr/bin/python3
"""Compare class scores with the true labels: recall of each class, then the accuracy.

The last line is always `accuracy 0.1234`. Exit code 2 means that the files cannot be compared.
With --show the first images are drawn as text, next to what the model made of them.

    ./accuracy.py --scores out.h5:/probabilities --labels test.h5:/labels --show 6
"""

import argparse
import sys

import h5py
import numpy as np

from fashion_data import CLASS_NAMES, SIDE

CLASSES = len(CLASS_NAMES)
SLAB = 100000     # rows read at a time
COLUMNS = 3       # images side by side: 3 * 28 characters and the gaps stay below 100
GAP = "    "
SHADES = np.array(list(" .:-=+*#%@"))


class Mismatch(Exception):
    pass


def open_data(place):
    """Opens the data set that FILE:/path names."""
    file_name, _, path = place.rpartition(":")
    if not file_name or not path.startswith("/"):
        raise Mismatch(f"{place}: expected FILE:/path")
    try:
        file = h5py.File(file_name, "r")
    except OSError as error:
        raise Mismatch(f"{file_name}: cannot be opened as HDF5: {error}") from error
    if not isinstance(file.get(path), h5py.Dataset):
        raise Mismatch(f"{file_name}: has no data set {path}")
    return file[path]


def check(place, data, shape, kinds, description):
    """`shape` may have None for a size that is free, `kinds` are numpy's dtype kinds."""
    fits = len(data.shape) == len(shape) and all(
        wanted in (None, size) for wanted, size in zip(shape, data.shape))
    if not fits:
        wanted = str(shape).replace("None", "n")
        raise Mismatch(f"{place}: {description} must have shape {wanted}, not {data.shape}")
    if data.dtype.kind not in kinds:
        raise Mismatch(f"{place}: {description} cannot be of type {data.dtype}")


def count(options, scores, labels):
    """confusion[t, p] is the number of rows of true class t whose best score is class p."""
    confusion = np.zeros((CLASSES, CLASSES), np.int64)
    for begin in range(0, len(labels), SLAB):
        truth = labels[begin:begin + SLAB].astype(np.int64)
        rows = scores[begin:begin + SLAB]
        wrong = np.flatnonzero((truth < 0) | (truth >= CLASSES))
        if wrong.size:
            raise Mismatch(f"{options.labels}: row {begin + wrong[0]} has label "
                           f"{truth[wrong[0]]}, classes are 0 to {CLASSES - 1}")
        wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if wrong.size:
            raise Mismatch(f"{options.scores}: row {begin + wrong[0]} has a score that is not a "
                           "finite number")
        np.add.at(confusion, (truth, rows.argmax(axis=1)), 1)
    return confusion


def print_recall(confusion):
    print(f"{'class':<14}{'rows':>9}{'correct':>9}{'recall':>8}  most often mistaken for")
    for number, name in enumerate(CLASS_NAMES):
        rows, correct = confusion[number].sum(), confusion[number, number]
        recall = f"{correct / rows:.4f}" if rows else "-"
        others = confusion[number].copy()
        others[number] = 0
        rival = f"{CLASS_NAMES[others.argmax()]} ({others.max()})" if others.max() else "-"
        print(f"{name:<14}{rows:>9}{correct:>9}{recall:>8}  {rival}")


def draw(image):
    """28x28 pixels as 14 lines: a character cell is about twice as high as it is wide."""
    pairs = image.astype(np.float64).reshape(SIDE // 2, 2, SIDE).mean(axis=1)
    levels = np.clip(pairs * len(SHADES) / 256.0, 0, len(SHADES) - 1).astype(int)
    return ["".join(line) for line in SHADES[levels]]


def show(images, scores, labels, rows):
    for begin in range(0, len(rows), COLUMNS):
        cells = []
        for row in rows[begin:begin + COLUMNS]:
            truth, best = int(labels[row]), int(np.argmax(scores[row]))
            verdict = "" if truth == best else "  WRONG"
            cells.append(draw(images[row, 0]) + [
                f"row {row}{verdict}",
                f"true  {CLASS_NAMES[truth]}",
                f"model {CLASS_NAMES[best]} {scores[row, best]:.4f}"])
        for parts in zip(*cells):
            print(GAP.join(part.ljust(SIDE) for part in parts).rstrip())
        print()


def rows_to_show(options, scores, labels):
    """The first K rows, or the first K that the model has wrong."""
    if not options.wrong:
        return list(range(min(options.show, len(labels))))
    found = []
    for begin in range(0, len(labels), SLAB):
        wrong = scores[begin:begin + SLAB].argmax(axis=1) != labels[begin:begin + SLAB]
        found += [begin + int(row) for row in np.flatnonzero(wrong)]
        if len(found) >= options.show:
            break
    return found[:options.show]


def compare(options):
    scores, labels = open_data(options.scores), open_data(options.labels)
    check(options.scores, scores, (None, CLASSES), "f", "scores")
    check(options.labels, labels, (None,), "ui", "labels")
    if len(scores) != len(labels):
        raise Mismatch(f"{options.scores} has {len(scores)} rows, "
                       f"{options.labels} has {len(labels)}")
    if len(labels) == 0:
        raise Mismatch(f"{options.labels}: has no rows")
    confusion = count(options, scores, labels)
    if options.show:
        place = options.images or options.labels.rpartition(":")[0] + ":/images"
        images = open_data(place)
        check(place, images, (len(labels), 1, SIDE, SIDE), "uif", "images")
        show(images, scores, labels, rows_to_show(options, scores, labels))
    print_recall(confusion)
    print(f"accuracy {np.trace(confusion) / confusion.sum():.4f}")


def main():
    parser = argparse.ArgumentParser(description="Compare class scores with the true labels.")
    parser.add_argument("--scores", metavar="FILE:/PATH", required=True,
                        help="one row of 10 class scores for each image")
    parser.add_argument("--labels", metavar="FILE:/PATH", required=True,
                        help="the true class of each image, 0 to 9")
    parser.add_argument("--images", metavar="FILE:/PATH",
                        help="pixels for --show (default: /images in the file of the labels)")
    parser.add_argument("--show", metavar="K", type=int, default=0,
                        help="draw the first K images with label, prediction and probability")
    parser.add_argument("--wrong", action="store_true",
                        help="let --show draw only images that the model has wrong")
    options = parser.parse_args()
    if options.show < 0 or (options.wrong and not options.show):
        parser.error("--show needs a positive number, and --wrong needs --show")
    try:
        compare(options)
    except (Mismatch, OSError) as problem:  # OSError: a damaged file, found while reading
        print(f"accuracy.py: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
