"""What goes wrong around a job: inputs that vanish, logs that close, files with our names, nodes
that see other files."""

import os
import re
import shutil
from pathlib import Path

import h5py
import pytest
from onnx import TensorProto, helper

import data
import long_job
import models
from runner import Runner, check_refused


@pytest.fixture(scope="module")
def job_kind(widepipe, heavy, tmp_path_factory):
    return long_job.make(widepipe, heavy, tmp_path_factory.mktemp("misfortune"), seconds=2.5)


@pytest.mark.unsanitized  # the job would be too short
@pytest.mark.parametrize("via", ["ranks", "scatter"])
def test_an_input_cut_during_the_run_writes_off_no_rows(widepipe, job_kind, tmp_path, via):
    original = job_kind.source.removesuffix(":/images")
    copy = shutil.copy2(original, tmp_path / "in.h5")
    output = tmp_path / "out.h5"
    job = widepipe.start_score(job_kind.model, f"{copy}:/images", f"{output}:/scores",
                               "--rows-via", via, ranks=2)
    long_job.wait_for_rows(job, output)
    os.truncate(copy, 100_000)
    result = job.finish(60).expect(4)
    assert any("rows failed" in line and "run the same command again" in line
               for line in result.errors), result.story()
    shutil.copy2(original, copy)
    widepipe.score(job_kind.model, f"{copy}:/images", f"{output}:/scores", ranks=3,
                   timeout=long_job.TIMEOUT).expect(0)
    long_job.check_complete(job_kind, output)


@pytest.mark.parametrize("via", ["gather", "ranks"])
@pytest.mark.parametrize("name, harm, message", [
    ("out.h5", lambda path: os.truncate(path, path.stat().st_size // 2),
     r"out.h5 was cut by another program: expected \d+ bytes, found \d+: rows that were in it are "
     "lost; begin anew with --restart"),
    ("out.h5", os.unlink, r"out.h5 was removed by another program"),
    ("out.h5.journal", lambda path: os.truncate(path, 10),
     r"out.h5.journal was cut by another program"),
    ("out.h5.journal", os.unlink, r"out.h5.journal was removed by another program")])
def test_an_output_that_another_program_harms(widepipe, job_kind, tmp_path, name, harm, message,
                                              via):
    """What is lost is said at once, and no run builds on it."""
    output = tmp_path / "out.h5"
    options = (job_kind.model, job_kind.source, f"{output}:/scores", "--write-via", via)
    job = widepipe.start_score(*options, ranks=2)
    long_job.wait_for_rows(job, output)
    harm(tmp_path / name)
    assert re.search(message, job.finish(60).expect(4).stderr)
    if os.listdir(tmp_path) != ["out.h5.journal"]:  # a new output, and the journal begins anew
        widepipe.score(*options, ranks=2).expect(2)
    widepipe.score(*options, "--restart", ranks=3, timeout=long_job.TIMEOUT).expect(0)
    long_job.check_complete(job_kind, output)


def fill(folder):
    with pytest.raises(OSError), open(folder / "filler", "wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 12))


@pytest.mark.parametrize("small_disk", [8], indirect=True)
def test_a_disk_that_is_full_from_the_start(widepipe, lenet, images, small_disk):
    fill(small_disk)
    result = widepipe.score(lenet, f"{images}:/images", f"{small_disk}/out.h5:/scores", ranks=2)
    check_refused(result, [r"out.h5: needs .* has only \d+ bytes free: free some, or write elsewhere"])
    assert os.listdir(small_disk) == ["filler"]


def at_the_end_of_a_long_path(model, folder, length):
    """A copy of the model whose path has so many characters."""
    while length - len(str(folder)) > 250 + len(model.name):
        folder = folder / ("d" * 200)
    folder = folder / ("d" * (length - len(str(folder)) - len(model.name) - 2))
    folder.mkdir(parents=True)
    return Path(shutil.copy(model, folder))


@pytest.mark.parametrize("small_disk", [8], indirect=True)
def test_a_disk_that_fills_up(widepipe, job_kind, tmp_path, small_disk):
    """The output has its space from the start; it is the journal that finds none. For that its first
    records, which name the model, must fill its first page: the rest of that is its own, too."""
    lines = long_job.journal_of(job_kind.output).read_bytes().splitlines(keepends=True)
    others = len(lines[0]) + len(lines[1]) - len(str(job_kind.model))
    model = at_the_end_of_a_long_path(job_kind.model, tmp_path, 4096 - 20 - others)
    output = small_disk / "out.h5"
    options = (model, job_kind.source, f"{output}:/scores")
    job = widepipe.start_score(*options, ranks=2)
    long_job.wait_for(job, lambda: "run" in long_job.kinds(output), "a run record")
    fill(small_disk)
    result = job.finish(60).expect(4)
    assert re.search(r"out.h5.journal: cannot be written: (No space left|only \d+ of)",
                     result.stderr), result.story()
    os.unlink(small_disk / "filler")
    widepipe.score(*options, ranks=3, timeout=long_job.TIMEOUT).expect(0)
    long_job.check_complete(job_kind, output)


def test_a_job_outlives_its_log(widepipe, job_kind, tmp_path):
    """Without a launcher: some launchers do not outlive theirs."""
    output = tmp_path / "out.h5"
    full = ["sh", "-c", 'exec "$@" >/dev/full 2>&1', "sh"]
    widepipe.score(job_kind.model, job_kind.source, f"{output}:/scores", prefix=full,
                   timeout=long_job.TIMEOUT).expect(0)
    long_job.check_complete(job_kind, output)


@pytest.mark.parametrize("suffix", [".lock", ".journal"])
@pytest.mark.parametrize("options", [(), ("--restart",)], ids=["plain", "restart"])
def test_files_with_our_names_are_left_alone(widepipe, lenet, images, tmp_path, suffix, options):
    output = tmp_path / "out.h5"
    other = tmp_path / f"out.h5{suffix}"
    other.write_text("my notes\n")
    result = widepipe.score(lenet, f"{images}:/images", f"{output}:/scores", *options)
    check_refused(result, [str(other), "not made by widepipe"])
    assert other.read_text() == "my notes\n"
    assert not output.exists()


@pytest.mark.parametrize("suffix", [".part", ".lock", ".journal", ".journal.part"])
def test_an_input_beside_the_output_is_not_overwritten(widepipe, lenet, tmp_path, suffix):
    source = data.write(tmp_path / f"out.h5{suffix}", images=data.pixels(5))
    before = data.snapshot(tmp_path)
    result = widepipe.score(lenet, f"{source}:/images", f"{tmp_path}/out.h5:/scores")
    check_refused(result, [str(source), "input of the job"])
    assert data.snapshot(tmp_path) == before


def in_folders_of_their_own(widepipe, folder, ranks):
    """A runner whose ranks work in folder/0, folder/1 ..."""
    for rank in range(ranks):
        (folder / str(rank)).mkdir()
    wrapper = folder / "widepipe"
    wrapper.write_text(f'#!/bin/sh\ncd "{folder}/${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}}" &&\n'
                       f'exec "{os.path.abspath(widepipe.command)}" "$@"\n')
    wrapper.chmod(0o755)
    return Runner(str(wrapper), " ".join(widepipe.launcher))


def test_ranks_that_would_write_different_files_are_refused(widepipe, lenet, tmp_path):
    """As on a node that does not have the output's file system, or has another one there."""
    elsewhere = in_folders_of_their_own(widepipe, tmp_path, 3)
    source = data.write(tmp_path / "in.h5", images=data.pixels(50))
    shutil.copy(source, tmp_path / "2" / "out.h5")
    for rank in range(3):
        (tmp_path / str(rank) / "out.h5.lock").write_text("{}" if rank == 2 else "")
    (tmp_path / "0" / "out.h5.lock").unlink()
    before = data.snapshot(tmp_path)
    result = elsewhere.score(lenet, f"{source}:/images", "out.h5:/scores", "--write-via", "ranks",
                             ranks=3)
    check_refused(result, ["1@", "output 'out.h5' is not the one that rank 0 made",
                           "--write-via ranks needs a file system that all ranks share"])
    assert data.snapshot(tmp_path) == before


def test_ranks_that_read_different_files_are_refused(widepipe, lenet, tmp_path):
    elsewhere = in_folders_of_their_own(widepipe, tmp_path, 2)
    for rank in range(2):
        data.write(tmp_path / str(rank) / "in.h5", images=data.pixels(50, rank))
    result = elsewhere.score(lenet, "in.h5:/images", f"{tmp_path}/out.h5:/scores", ranks=2)
    check_refused(result, ["1@", "not the one that rank 0 reads"])
    assert not (tmp_path / "out.h5").exists()
    elsewhere.score(lenet, "in.h5:/images", f"{tmp_path}/out.h5:/scores", "--rows-via", "scatter",
                    ranks=2).expect(0)


@pytest.mark.parametrize("options, way_out", [
    (("--rows-via", "scatter", "--write-via", "ranks"),
     "inputs takes 300 MB .* 4 ranks: use fewer ranks, or --rows-via ranks"),
    ((), "outputs takes 300 MB .* 4 ranks: use fewer ranks, or --write-via ranks")])
def test_a_row_too_large_for_a_round(widepipe, tmp_path, options, way_out):
    """One row, of which no byte is on the disk; 4 ranks share rounds of 1 GiB."""
    width = 300_000_000
    ports = [helper.make_tensor_value_info(name, TensorProto.UINT8, ["N", width]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "wide",
                              ports[:1], ports[1:])
    wide = models.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)],
                                         ir_version=models.IR_VERSION), tmp_path / "wide.onnx")
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    with h5py.File(tmp_path / "in.h5", "w") as file:
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_UINT8,
                        h5py.h5s.create_simple((1, width)), layout)
    run = widepipe.score(wide, f"{tmp_path}/in.h5:/x", f"{tmp_path}/out.h5:/y", *options, ranks=4)
    check_refused(run, ("wide.onnx: a row of " + way_out,))
    assert not (tmp_path / "out.h5").exists()
