"""Seeded input files, and what the tests need to know about files."""

import os
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def seed():
    return int(os.environ.get("WIDEPIPE_SEED", "20240229"))


def pixels(rows, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (rows, 1, 28, 28), np.uint8)


def normal(rows, row_shape, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, *row_shape)).astype(np.float32)


def write(path, **datasets):
    """An HDF5 file with these data sets, contiguous."""
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file.create_dataset(name, data=values)
    return path


def read(path, name="scores"):
    with h5py.File(path, "r") as file:
        return file[name][...]


def same_bytes(a, b):
    """What cmp(1) compares: whole files."""
    with open(a, "rb") as first, open(b, "rb") as second:
        return first.read() == second.read()


def beside(output):
    """Files that a run may leave or make beside its output."""
    return [output.with_name(output.name + suffix)
            for suffix in (".part", ".journal", ".journal.part", ".lock")]


def snapshot(folder):
    """Every entry below a folder and its content."""
    entries = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            entries[name] = ("link", str(path.readlink()))
        elif path.is_file():
            entries[name] = ("file", path.read_bytes())
        else:
            entries[name] = ("folder", None)
    return entries
