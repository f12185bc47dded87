"""Compares what the mixed job answered with what is right: a table, and a picture of some inputs.
Exit code 1 if a stream was right less often than it should be.

    python answers.py FOLDER [--picture examples.png]
"""

import argparse
import json
import pathlib
import sys
import textwrap
from dataclasses import dataclass

import h5py
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "fashion_lenet"))
import fashion_data  # noqa: E402

MOODS = ["negative", "positive"]
SHOWN = 6


@dataclass
class Answers:
    """`right` one a row; show(axes, row) draws an input; said(row) is the answer as text."""
    right: np.ndarray
    expected: float  # share that must be right
    show: object
    said: object


def done(status):
    """A row that failed has no answer."""
    if not (status == 1).all():
        raise SystemExit(f"{(status != 1).sum()} rows have no answer")


def clothes(folder, answers):
    file = h5py.File(folder / "clothes.h5")
    return pictures(file["images"], answers, "labels", fashion_data.CLASS_NAMES, 0.91)


def digits(folder, answers):
    file = h5py.File(folder / "digits.h5")
    names = [str(digit) for digit in range(10)]
    return pictures(file["test/images"], answers, "test/labels", names, 0.97)


def pictures(images, answers, labels, names, expected):
    done(answers["best/status"][:])
    best, value = answers["best/indices"][:, 0], answers["best/values"][:, 0]
    return Answers(best == answers[labels][:], expected,
                   lambda axes, row: axes.imshow(images[row, 0], cmap="gray_r"),
                   lambda row: f"{names[best[row]]} {value[row]:.2f}")


def tweets(folder, answers):
    done(answers["probabilities_status"][:])
    texts = h5py.File(folder / "tweets.h5")["test/texts"].asstr()
    probabilities = answers["probabilities"][:]
    best = probabilities.argmax(1)
    return Answers(best == answers["test/labels"][:], 0.88,
                   lambda axes, row: write(axes, texts[row]),
                   lambda row: f"{MOODS[best[row]]} {probabilities[row].max():.2f}")


def files(folder, answers):
    done(answers["kind_status"][:])
    source = h5py.File(folder / "files.h5")
    classes, paths = source["classes"].asstr()[:], source["paths"].asstr()
    kind = answers["kind"][:]
    return Answers(kind == answers["labels"][:], 0.85,
                   lambda axes, row: write(axes, pathlib.Path(paths[row]).name),
                   lambda row: classes[kind[row]])


def photos(folder, answers):
    done(answers["best/status"][:])
    source = h5py.File(folder / "photos.h5")
    classes = source["classes"].asstr()[:]
    best = answers["best/indices"][:, 0]
    accepted = answers["accepted"][:].astype(bool)
    return Answers(accepted[np.arange(len(best)), best], 0.8,
                   lambda axes, row: axes.imshow(source["images"][row]),
                   lambda row: classes[best[row]])


STREAMS = {stream.__name__: stream for stream in (clothes, digits, tweets, files, photos)}


def write(axes, text):
    lines = textwrap.wrap(text.replace("$", r"\$"), 22)
    if len(lines) > 7:
        lines = [*lines[:7], "..."]
    axes.text(0.5, 0.5, "\n".join(lines), ha="center", va="center", fontsize=7.5,
              transform=axes.transAxes)


def rows_to_show(right):
    """Spread over the stream; if any were wrong, one that was is the last."""
    rows = np.linspace(0, len(right) - 1, min(SHOWN, len(right))).astype(int)
    wrong = np.flatnonzero(~right)
    if len(wrong) and right[rows].all():
        rows[-1] = wrong[len(wrong) // 2]
    return rows


def draw(streams, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, grid = pyplot.subplots(len(streams), SHOWN, figsize=(11, 10.5), squeeze=False)
    for line, (name, answers) in zip(grid, streams.items()):
        for axes in line:
            axes.set_axis_off()
        for axes, row in zip(line, rows_to_show(answers.right)):
            axes.set_axis_on()
            axes.set_xticks([])
            axes.set_yticks([])
            right = answers.right[row]
            colour = "tab:green" if right else "tab:red"
            for side in axes.spines.values():
                side.set_color(colour)
                side.set_linewidth(2)
            answers.show(axes, row)
            axes.set_title(answers.said(row), fontsize=9, color=colour)
        line[0].set_ylabel(f"{name}\n{answers.right.mean():.1%} of {len(answers.right):,}",
                           fontsize=11)
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def table(streams, report):
    print(f"\n{'stream':<10}{'rows':>8}{'right':>8}{'accuracy':>10}{'rows/s':>9}")
    rates = {stream["name"]: stream["rows_per_second"] for stream in report["streams"]}
    for name, answers in streams.items():
        right = answers.right
        print(f"{name:<10}{len(right):>8,}{right.sum():>8,}{right.mean():>10.4f}"
              f"{rates[name]:>9,.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--picture", type=pathlib.Path)
    options = parser.parse_args()
    streams = {name: make(options.folder, h5py.File(options.folder / "answers" / f"{name}.h5"))
               for name, make in STREAMS.items()}
    if options.picture:
        draw(streams, options.picture)
    table(streams, json.loads((options.folder / "report.json").read_text()))
    poor = [f"{name}: expected an accuracy of {answers.expected}, found {answers.right.mean():.4f}"
            for name, answers in streams.items() if answers.right.mean() < answers.expected]
    print("\n".join(poor))
    return 1 if poor else 0


if __name__ == "__main__":
    sys.exit(main())
