"""The table of test_bad_input.py: what is wrong, how to make it, which facts the message names.

A case is a function of a Box (a folder with a good model and good data) that gives the arguments
of a run. Its facts are patterns that must all be found, in any order and case, in the one line
that widepipe says. The cases are in bad_data.py and bad_use.py.
"""

from dataclasses import dataclass, field
from typing import Callable

import data

ROWS = 20

CASES = []


@dataclass
class Case:
    name: str
    facts: tuple
    arguments: Callable
    ranks: tuple = (None, 3)
    prefix: Callable = lambda box: ()


@dataclass
class Box:
    folder: object
    model: object
    options: list = field(default_factory=list)

    def __post_init__(self):
        self.input = data.write(self.folder / "in.h5", images=data.pixels(ROWS))
        self.output = self.folder / "out.h5"

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def h5(self, name, **datasets):
        return data.write(self.folder / name, **datasets)

    def score(self, *options, model=None, source=None, output=None):
        return ["score", "--model", model or self.model,
                "--input", source or f"{self.input}:/images",
                "--output", output or f"{self.output}:/scores", *options]


def case(name, *facts, **more):
    def register(function):
        CASES.append(Case(name, facts, function, **more))
        return function
    return register


def option_case(name, options, *facts, **more):
    CASES.append(Case(name, facts, lambda box: box.score(*options), **more))
