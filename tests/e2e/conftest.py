"""Fixtures of the end-to-end tests.

Environment: WIDEPIPE_BIN (the command to test), WIDEPIPE_MPIEXEC (its launcher), WIDEPIPE_SEED
(random data and moments; printed with the results), WIDEPIPE_KILLS (kills of test_resume.py).
"""

import os
import random
import shutil
import subprocess

import pytest

import data
import long_job
import models
from data import ROOT, seed
from runner import Runner

LENET = ROOT / "jobs/examples/fashion_lenet/fashion_lenet.onnx"


def command_under_test():
    # Absolute: the tests run it from folders of their own.
    return os.path.abspath(os.environ.get("WIDEPIPE_BIN", ROOT / "build/release/widepipe"))


def launcher_under_test():
    chosen = os.environ.get("WIDEPIPE_MPIEXEC")
    return chosen or ("mpirun.openmpi" if shutil.which("mpirun.openmpi") else "mpirun")


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")
    parser.addoption("--slurm", action="store_true", help="run the tests marked slurm, too")


def pytest_report_header(config):
    return (f"widepipe: {command_under_test()}, launcher: {launcher_under_test()}, "
            f"seed: {seed()}{', with slow tests' if config.getoption('--slow') else ''}")


def pytest_collection_modifyitems(config, items):
    unwanted = [marker for marker in ("slow", "slurm") if not config.getoption(f"--{marker}")]
    if os.environ.get("WIDEPIPE_SANITIZED"):
        unwanted.append("unsanitized")
    left_out = [item for item in items if any(map(item.get_closest_marker, unwanted))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def widepipe():
    command = command_under_test()
    if not os.access(command, os.X_OK):
        pytest.exit(f"{command}: no such command; build it (scripts/build.sh) or set "
                    "WIDEPIPE_BIN", returncode=4)
    return Runner(command, launcher_under_test())


@pytest.fixture(scope="session")
def faulty(widepipe):
    """A widepipe whose device and disk have faults to order (tests/faults)."""
    command = os.path.join(os.path.dirname(widepipe.command), "tests", "widepipe_faulty")
    if not os.access(command, os.X_OK):
        pytest.fail(f"{command}: no such command; build all of the tests")
    return Runner(command, " ".join(widepipe.launcher))


@pytest.fixture
def rng(request):
    """Random numbers of this test alone, whichever other tests run."""
    return random.Random(f"{seed()} {request.node.nodeid}")


@pytest.fixture(scope="session")
def lenet():
    return LENET


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """700 rows for the LeNet: random pixels, /images u8 (700, 1, 28, 28)."""
    path = tmp_path_factory.mktemp("images") / "images.h5"
    data.write(path, images=data.pixels(700, seed()))
    return path


@pytest.fixture(scope="session")
def heavy(tmp_path_factory):
    """A convolutional model of some 14 million multiply-adds a row, (1, 28, 28) -> 10: a few
    thousand rows keep two cores busy for seconds, with little to read and write."""
    path = tmp_path_factory.mktemp("heavy") / "heavy.onnx"
    models.save(models.heavy_cnn(seed()), path)
    return path


@pytest.fixture(scope="session")
def job_kind(widepipe, heavy, tmp_path_factory):
    """A job of seconds, and what it makes when nobody disturbs it."""
    return long_job.make(widepipe, heavy, tmp_path_factory.mktemp("long"))


@pytest.fixture
def small_disk(tmp_path, request):
    """A file system of its own, of so many MB as the test says (indirect parametrization), which
    only a privileged test can make."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={request.param}m", "tmpfs", disk],
                             capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out.h5"
