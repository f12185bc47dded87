"""What `widepipe submit` writes, and what it refuses; test_slurm.py runs it."""

import os
import shlex
import subprocess

import pytest

import data
from data import ROOT
from runner import check_refused

EXAMPLES = {
    "score": ["--model", "model.onnx", "--input", "images.h5:/images", "--output",
              "scores.h5:/scores", "--nodes", "2-8", "--time", "4:00:00", "--tasks-per-node", "2"],
    "array": ["job.toml", "--shards", "16", "--nodes", "1", "--time", "4:00:00"],
    "scheduler-node": ["job.toml", "--scheduler-node", "--nodes", "16-64", "--time", "12:00:00",
                       "--tasks-per-node", "4"],
}
STREAM = ["--model", "m.onnx", "--input", "in.h5:/images", "--output", "out.h5:/scores"]


def script_of(widepipe, *options, **how):
    return widepipe.run("submit", "--print", "--unchecked", *options, **how).expect(0).stdout


@pytest.fixture
def folder(tmp_path, lenet):
    (tmp_path / "m.onnx").write_bytes(lenet.read_bytes())
    data.write(tmp_path / "in.h5", images=data.pixels(10))
    return tmp_path


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(widepipe, name):
    """slurm/examples holds what submit prints, and a shell can read it."""
    script = script_of(widepipe, "--program", "widepipe", *EXAMPLES[name])
    assert script == (ROOT / "slurm/examples" / f"{name}.sbatch").read_text()
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def arguments_in(script):
    """Of widepipe, as the shell would see them in the first allocation."""
    head = script[:script.index("left=")]
    shown = subprocess.run(["bash", "-c", head + 'printf "%s\\n" "${arguments[@]}"'], text=True,
                           capture_output=True, check=True, env={"SLURM_ARRAY_TASK_ID": "3"})
    return shown.stdout.splitlines()


def test_arguments_survive_the_shell(widepipe):
    odd = "it's $HOME; `id` \"x\" *.h5:/a b"
    script = script_of(widepipe, "-m", "m.onnx", "-i", odd, "-o", "-out.h5:/s", "--batch", "7",
                       "--carry", "k.h5:/a", "--carry", "k.h5:/b", "--quiet", "--shards", "8",
                       "--write-via", "ranks")
    assert arguments_in(script) == [
        "--model=m.onnx", f"--input={odd}", "--output=-out.h5:/s", "--carry=k.h5:/a",
        "--carry=k.h5:/b", "--batch=7", "--write-via=ranks", "--quiet", "--shard", "3/8"]


def test_options_of_sbatch(widepipe):
    script = script_of(widepipe, *STREAM, "--nodes", "3", "--partition", "long", "--account", "lab",
                       "--job-name", "night", "--log", "logs/%j.txt", "--sbatch=--gres=npu:4",
                       "--sbatch", "--mail-type=END", "--time", "1-0", "--cpus-per-task", "12")
    options = [line.removeprefix("#SBATCH ") for line in script.splitlines()
               if line.startswith("#SBATCH")]
    assert options == [
        "--job-name=night", "--time=1-0", "--account=lab", "--output=logs/%j.txt",
        "--open-mode=append", "--requeue", "--signal=USR1@60", "--gres=npu:4", "--mail-type=END",
        "--partition=long", "--nodes=3", "--exclusive"]
    assert "cpus=12\n" in script
    assert "--signal=USR1@6\n" in script_of(widepipe, *STREAM, "--time", "1")
    assert "--signal=USR1@60\n" in script_of(widepipe, *STREAM)
    assert "set -u\nmax_requeues=20\n" in script


REFUSED = {
    "nodes": (["--nodes", "few"], r"--nodes: expected a number of nodes, or MIN-MAX, found 'few'"),
    "nodes backwards": (["--nodes", "4-2"], r"--nodes: .* found '4-2'"),
    "no nodes": (["--nodes", "0"], r"--nodes: .* found '0'"),
    "time": (["--time", "soon"], r"--time: expected a time as Slurm writes it: .*; found 'soon'"),
    "blank": (["--partition", "a b"], r"--partition: expected a word without blanks, .*'a b'"),
    "comment": (["--account", "a#b"], r"--account: expected a word .*'a#b'"),
    "sbatch": (["--sbatch", "gres"], r"--sbatch: expected an option of sbatch, .* found 'gres'"),
    "tasks": (["--tasks-per-node", "0"], r"--tasks-per-node"),
    "shards": (["--shards", "0"], r"--shards"),
    "partition of nothing": (["--scheduler-partition", "small"], r"requires --scheduler-node"),
    "more shards than rows": (["--shards", "11"], r"in\.h5:/images: expected at least one row for "
                                                  r"each of 11 shards, found 10 rows"),
    "time left": (["--time-left", "5"], r"--time-left"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(widepipe, folder, case):
    options, expected = REFUSED[case]
    before = data.snapshot(folder)
    check_refused(widepipe.run("submit", *STREAM, *options, cwd=folder), [expected])
    assert data.snapshot(folder) == before


def test_a_bad_job_is_refused_before_it_waits_in_a_queue(widepipe, folder):
    check_refused(widepipe.run("submit", "-m", "m.onnx", "-i", "in.h5:/image", "-o", "out.h5:/s",
                               cwd=folder), [r"no data set '/image'", r"did you mean '/images'"])


def fake_programs(folder, **texts):
    for name, text in texts.items():
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\n" + text)
        program.chmod(0o755)
    return {"PATH": f"{folder}/bin:/usr/bin:/bin"}


def test_submits(widepipe, folder):
    path = fake_programs(folder, sbatch='echo "$1"; cat "$2" >script; echo "4242;cluster"\n')
    result = widepipe.run("submit", *STREAM, env=path, cwd=folder).expect(0)
    assert result.stdout == "--parsable\n"  # the first line is the job's id
    path = fake_programs(folder, sbatch='cat "$2" >script; echo "4242;cluster"\n')
    result = widepipe.run("submit", *STREAM, "--shards", "2", env=path, cwd=folder).expect(0)
    assert result.stdout == "4242\n"
    assert "squeue --job 4242" in result.stderr and "widepipe merge" in result.stderr
    words = shlex.split((folder / "script").read_text().split("srun", 1)[1].split("status=")[0])
    assert os.path.realpath(widepipe.command) in words
    assert not (folder / "out.h5").exists()


def test_without_sbatch(widepipe, folder):
    (folder / "empty").mkdir()
    check_refused(widepipe.run("submit", *STREAM, cwd=folder, prefix=["/usr/bin/env", "PATH=empty"]),
                  [r"sbatch was not found: submit from a login node"])


def test_sbatch_refuses(widepipe, folder):
    path = fake_programs(folder, sbatch="echo 'sbatch: error: no such account' >&2; exit 1\n")
    result = widepipe.run("submit", *STREAM, env=path, cwd=folder).expect(2)
    assert "no such account" in result.stderr
    assert "widepipe: sbatch refused the job" in result.stderr


ENDED = {  # what rank 0 left, what srun returned: what the script ends with, and whether it requeued
    "done": ("0", 0, 0, False),
    "rows failed, and a rank was killed behind it": ("1", 143, 1, False),
    "bad input, and a rank crashed behind it": ("2", 139, 2, False),
    "bad input before rank 0 could say so": (None, 2, 2, False),
    "stopped": ("3", 3, 0, True),
    "failed, and a rank was killed behind it": ("4", 137, 0, True),
    "a rank was lost": (None, 137, 0, True),
    "nothing was left but a file": ("", 137, 0, True),
}


@pytest.mark.parametrize("case", ENDED)
def test_what_counts_is_how_rank_0_ended(widepipe, tmp_path, case):
    left, returned, expected, requeued = ENDED[case]
    leave = "" if left is None else f'printf "%s" "{left}" >"$WIDEPIPE_EXIT_CODE_FILE"; '
    path = fake_programs(tmp_path, srun=f"{leave}exit {returned}\n", squeue="echo 5:00\n",
                         scontrol=f'echo "$@" >{tmp_path}/said\n')
    script = script_of(widepipe, *STREAM)
    (tmp_path / "tmp").mkdir()
    ended = subprocess.run(["bash"], input=script, text=True, capture_output=True, timeout=60,
                           env={**path, "SLURM_JOB_ID": "7", "SLURM_JOB_CPUS_PER_NODE": "2(x3)",
                                "TMPDIR": str(tmp_path / "tmp")})
    assert ended.returncode == expected, ended.stderr
    said = tmp_path / "said"
    assert (said.read_text() if said.exists() else "") == ("requeue 7\n" if requeued else "")
    assert not any((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize("ranks", [None, 1, 2, 3, 4])
def test_rank_0_leaves_its_exit_code(widepipe, folder, ranks):
    file = folder / "code"
    named = {"WIDEPIPE_EXIT_CODE_FILE": str(file)}
    widepipe.run("score", *STREAM, ranks=ranks, env=named, cwd=folder).expect(0)
    assert file.read_text() == "0\n"
    widepipe.run("score", *STREAM[:-1], "in.h5:/x", ranks=ranks, env=named, cwd=folder).expect(2)
    assert file.read_text() == "2\n"
    widepipe.run("score", "--nonsense", ranks=ranks, env=named, cwd=folder).expect(2)
    assert file.read_text() == "2\n"
    result = widepipe.run("score", *STREAM, "--restart", ranks=ranks, cwd=folder,
                          env={"WIDEPIPE_EXIT_CODE_FILE": str(folder)}).expect(0)
    assert f"{folder}: the exit code cannot be written" in result.stderr
