"""Cases of bad use: where the output goes, and the command line."""

import os

import h5py
import numpy as np

import data
from bad_table import CASES, Case, case, option_case

# --- where the output goes

@case("output folder missing", r"nowhere", r"out\.h5", "does not exist|no such")
def _(box):
    return box.score(output=f"{box.folder}/nowhere/out.h5:/scores")


def as_if_not_root(box):
    """root is bound by permissions once these two capabilities are gone."""
    if os.geteuid() != 0:
        return ()
    return ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")


@case("unwritable folder", "locked", "cannot be (written|used)|permission", prefix=as_if_not_root)
def _(box):
    (box.folder / "locked").mkdir(mode=0o555)
    return box.score(output=f"{box.folder}/locked/out.h5:/scores")


@case("folder that takes no files", r"/proc/widepipe-out\.h5", "cannot|free|denied|no such")
def _(box):
    return box.score(output="/proc/widepipe-out.h5:/scores")


@case("disk too small", r"out\.h5", "free|space|room", r"\d")
def _(box):
    # Declared and never written: a small file with more rows than any disk has room for.
    with h5py.File(box.folder / "huge.h5", "w") as file:
        file.create_dataset("images", (10**13, 1, 28, 28), np.uint8, chunks=(1024, 1, 28, 28))
    return box.score(source=f"{box.folder}/huge.h5:/images")


# Plain only: under such a limit the launcher itself could not make its files.
@case("beyond the file size limit", r"out\.h5", "large|limit|space|reserve|created",
      ranks=(None,), prefix=lambda box: ("prlimit", "--fsize=100000"))
def _(box):
    box.h5("more.h5", images=data.pixels(5000))
    return box.score(source=f"{box.folder}/more.h5:/images")


@case("output is the input", r"in\.h5", "input")
def _(box):
    return box.score(output=f"{box.input}:/scores")


@case("output is the input, other spelling", r"in\.h5", "input")
def _(box):
    return box.score(output=f"{box.folder}/../{box.folder.name}/./in.h5:/scores")


@case("output is the input by symbolic link", r"link\.h5", r"in\.h5", "input")
def _(box):
    (box.folder / "link.h5").symlink_to(box.input)
    return box.score(output=f"{box.folder}/link.h5:/scores")


@case("output is the input by hard link", r"link\.h5", r"in\.h5", "input")
def _(box):
    os.link(box.input, box.folder / "link.h5")
    return box.score(output=f"{box.folder}/link.h5:/scores")


@case("output is the model", r"copy\.onnx", "input|not made by widepipe|HDF5")
def _(box):
    copy = box.file("copy.onnx", box.model.read_bytes())
    return box.score(model=copy, output=f"{copy}:/scores")


FOREIGN = "not made by widepipe|did not (make|create)"


@case("output is a foreign HDF5 file", r"other\.h5", FOREIGN)
def _(box):
    return box.score(output=f"{box.h5('other.h5', x=np.arange(3))}:/scores")


@case("output is a foreign text file", r"other\.h5", FOREIGN)
def _(box):
    return box.score(output=f"{box.file('other.h5', b'my notes')}:/scores")


@case("output is a foreign file, --restart", r"other\.h5", FOREIGN)
def _(box):
    return box.score("--restart", output=f"{box.h5('other.h5', x=np.arange(3))}:/scores")


@case("output is an empty file", r"other\.h5", FOREIGN + "|empty")
def _(box):
    return box.score(output=f"{box.file('other.h5', b'')}:/scores")


@case("output is a folder", "results", "folder|directory")
def _(box):
    (box.folder / "results").mkdir()
    return box.score(output=f"{box.folder}/results:/scores")


@case("output is the root group", r"out\.h5", "expected")
def _(box):
    return box.score(output=f"{box.output}:/")


@case("report in a missing folder", r"nowhere", "--report", "no such|does not exist")
def _(box):
    return box.score("--report", box.folder / "nowhere/report.json")


@case("report is a folder", "reports", "--report", "folder|directory")
def _(box):
    (box.folder / "reports").mkdir()
    return box.score("--report", box.folder / "reports")


@case("report is a device or a pipe", "--report", "file")
def _(box):
    os.mkfifo(box.folder / "pipe")  # which a rename would replace, as it would /dev/stdout
    return box.score("--report", box.folder / "pipe")


def report_case(name, *facts):
    CASES.append(Case(f"report is {name}", ("--report", *facts),
                      lambda box: box.score("--report", box.folder / name)))


report_case("in.h5", r"in\.h5")
report_case("model.onnx", r"model\.onnx")
report_case("out.h5", r"out\.h5")
report_case("out.h5.journal", r"out\.h5\.journal")


# --- the command line

for spelling in ("in.h5", "in.h5:", ":/images", "in.h5:images", ""):
    CASES.append(Case(f"malformed input '{spelling}'", (r"FILE|expected|'[^']*:/",),
                      lambda box, text=spelling: ["score", "--model", box.model, "--input", text,
                                                  "--output", f"{box.output}:/scores"]))
CASES.append(Case("malformed output", ("scores", "FILE|expected"),
                  lambda box: box.score(output="out.h5:scores")))

option_case("unknown option", ["--frobnicate"], "--frobnicate")
option_case("misspelt option", ["--btach", "3"], "--btach")
option_case("extra argument", ["surplus"], "surplus")
CASES.append(Case("no verb", ("verb|subcommand",), lambda box: []))
CASES.append(Case("unknown verb", ("scroe",), lambda box: ["scroe"]))
for missing in ("--model", "--input", "--output"):
    def drop(box, option=missing):
        line = box.score()
        at = line.index(option)
        return line[:at] + line[at + 2:]
    CASES.append(Case(f"{missing} missing", (missing, "required"), drop))
CASES.append(Case("--model without its value", ("--model",),
                  lambda box: box.score()[:1] + box.score()[3:] + ["--model"]))
CASES.append(Case("--input twice", ("--input|input", r"in\.h5"),
                  lambda box: box.score("--input", f"{box.input}:/images")))

WORDS = {"--isa": "instruction set", "--device": "device"}

for option, values in {
        "--batch": ["0", "-3", "abc", "1e30", "3.5", "99999999999999999999", ""],
        "--instances": ["0", "-1", "two", "1e9", "99999999999"],
        "--cores": ["0", "-2", "x", "100000", "1000"],
        "--round-period": ["-1", "soon", "nan", "1e300"],
        "--rows": ["5", "a:b", "-1:", "3:2.5", "9:3", ""],
        "--limit": ["0", "-1", "few"],
        "--watchdog": ["-1", "soon", "nan"],
        "--time-left": ["soon", "-5", "1:2:3:4", "1.5"],
        "--isa": ["bogus", ""],
        "--device": ["bogus", ""],
        "--rows-via": ["bogus", ""]}.items():
    for value in values:
        # "--batch=-3": so that the value is not taken for an option. One under the launcher is
        # enough: the command line is read in the same way.
        option_case(f"{option} '{value}'", [f"{option}={value}"],
                    f"{option[2:]}|{WORDS.get(option, option)}",
                    *([value] if value.isalnum() else []),
                    ranks=(None, 3) if value == values[0] else (None,))
option_case("--dedicated-scheduler alone", ["--dedicated-scheduler"], "--dedicated-scheduler",
            "2 ranks", ranks=(None, 1))
