"""Logs of `widepipe simulate`."""

import csv
import sys
from collections import defaultdict

import numpy as np

TEXTS = ("stream", "reason")


def read(path):
    """By column, an array: of numbers, but for texts."""
    columns = defaultdict(list)
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            for name, value in row.items():
                columns[name].append(value)
    if not columns:
        sys.exit(f"{path}: no line in it")
    return {name: np.array(values, dtype=str if name in TEXTS else float)
            for name, values in columns.items()}
