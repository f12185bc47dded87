"""A job that was killed or stopped goes on where it was, on any number of ranks."""

import os
import signal
import time

import pytest

import data
import journal
import long_job
from runner import PATIENCE

KILLS = int(os.environ.get("WIDEPIPE_KILLS", "6"))
KILLS_A_JOB = 4
RANKS = [None, 1, 2, 3, 4]


def other_ranks(rng, previous):
    return rng.choice([ranks for ranks in RANKS if ranks != previous])


def kill_once(widepipe, job_kind, output, ranks, share, options):
    """Kills a run when `share` of the time that it should need is over. False if it was faster
    than that and has finished the job."""
    left = 1 - long_job.recorded_rows(output) / job_kind.rows
    job = long_job.start(widepipe, job_kind, output, *options, ranks=ranks)
    time.sleep(share * (0.3 + left * job_kind.seconds))
    if not job.running():
        job.finish(10).expect(0)
        return False
    moment = time.monotonic() - job.begin
    job.kill()
    job.finish(10)
    print(f"{output.name}: ranks {ranks} killed after {moment:.2f} s, "
          f"{long_job.recorded_rows(output)} of {job_kind.rows} rows recorded")
    return True


def test_kill_at_random_moments(widepipe, job_kind, tmp_path, rng):
    """kill -9 of everything, at moments spread over the whole run, again and again; then to the
    end, on yet another number of ranks."""
    shares = [(number + rng.random()) / KILLS for number in range(KILLS)]
    rng.shuffle(shares)
    jobs = 0
    while shares:
        jobs += 1
        output = tmp_path / f"job{jobs}.h5"
        ranks = None
        for share in shares[:KILLS_A_JOB]:
            ranks = other_ranks(rng, ranks)
            via = ["--write-via", rng.choice(["gather", "ranks"])]
            if not kill_once(widepipe, job_kind, output, ranks, share, via):
                shares[0] *= 0.9  # it stays in the list: each counts only once it has hit
                break
            shares.pop(0)
        widepipe.score(job_kind.model, job_kind.source, f"{output}:/scores",
                       ranks=other_ranks(rng, ranks), timeout=long_job.TIMEOUT).expect(0)
        long_job.check_complete(job_kind, output)
    print(f"{KILLS} kills, {jobs} jobs")


def test_recorded_rows_are_not_computed_again(widepipe, job_kind, output):
    job = long_job.start(widepipe, job_kind, output, ranks=2)
    long_job.wait_for_rows(job, output)
    job.kill()
    job.finish(10)
    recorded = long_job.recorded_rows(output)
    assert 0 < recorded < job_kind.rows
    assert (output.parent / "out.h5.lock").exists(), "expected the stale lock of a killed run"
    report = long_job.finish(widepipe, job_kind, output, ranks=3)
    assert report["rows_before"] == recorded
    assert report["rows_done"] == job_kind.rows - recorded
    assert report["rows_total"] == job_kind.rows
    assert sum(device["rows_done"] for device in report["devices"]) == report["rows_done"]
    long_job.check_complete(job_kind, output)
    assert journal.kinds(long_job.journal_of(output)).count("run") == 2


@pytest.mark.parametrize("victim", [0, -1], ids=["first", "last"])
def test_one_lost_rank(widepipe, job_kind, output, victim):
    """The launcher ends the job; what was recorded stays."""
    job = long_job.start(widepipe, job_kind, output, ranks=3)
    long_job.wait_for_rows(job, output)
    ranks = job.processes(widepipe.program)
    assert len(ranks) == 3
    os.kill(ranks[victim], signal.SIGKILL)
    result = job.finish(60)
    assert result.code not in (0, 1, 2), result.story()
    assert long_job.recorded_rows(output) > 0
    assert long_job.finish(widepipe, job_kind, output)["rows_before"] > 0
    long_job.check_complete(job_kind, output)


@pytest.mark.parametrize("number, ranks", [(signal.SIGTERM, None), (signal.SIGUSR1, None),
                                           (signal.SIGINT, None), (signal.SIGTERM, 3)],
                         ids=lambda value: getattr(value, "name", f"ranks{value}"))
def test_stop_signal(widepipe, job_kind, output, number, ranks):
    """As Slurm sends it: to every rank. What was computed is recorded, not lost."""
    job = long_job.start(widepipe, job_kind, output, ranks=ranks)
    long_job.wait_for(job, lambda: "run" in long_job.kinds(output), "the start of work")
    time.sleep(0.4)
    assert job.signal(number, widepipe.program)
    signalled = time.monotonic()
    result = job.finish(60).expect(3)
    assert time.monotonic() - signalled < 5 * PATIENCE, result.story()
    recorded = long_job.recorded_rows(output)
    assert 0 < recorded < job_kind.rows
    assert not (output.parent / "out.h5.lock").exists()
    assert any("again" in line for line in result.errors), result.story()
    assert long_job.finish(widepipe, job_kind, output, ranks=2)["rows_before"] == recorded
    long_job.check_complete(job_kind, output)


def test_stop_signal_before_work(widepipe, job_kind, output):
    """Early signals end the run, too: at whatever point, the job can be run again."""
    for delay in (0.0, 0.01, 0.03, 0.1):
        job = long_job.start(widepipe, job_kind, output)
        long_job.wait_for(job, lambda: job.processes(widepipe.program), "the process")
        time.sleep(delay)
        job.signal(signal.SIGTERM, widepipe.program)
        result = job.finish(60)
        assert result.code in (3, -signal.SIGTERM, 128 + signal.SIGTERM), result.story()
    long_job.finish(widepipe, job_kind, output)
    long_job.check_complete(job_kind, output)


@pytest.mark.parametrize("ranks", [None, 3], ids=["plain", "ranks3"])
@pytest.mark.parametrize("options", [[], ["--restart"]], ids=["again", "restart"])
def test_second_writer(widepipe, job_kind, output, ranks, options):
    job = long_job.start(widepipe, job_kind, output, ranks=2)
    long_job.wait_for(job, lambda: "run" in long_job.kinds(output), "the start of work")
    holders = job.processes(widepipe.program)
    job.signal(signal.SIGSTOP, widepipe.program)  # so that it cannot end too early
    second = widepipe.score(job_kind.model, job_kind.source, f"{output}:/scores", *options,
                            ranks=ranks)
    job.signal(signal.SIGCONT, widepipe.program)
    second.expect(2)
    assert len(second.errors) == 1, second.story()
    assert os.uname().nodename in second.errors[0], second.errors[0]
    assert any(str(pid) in second.errors[0].split() for pid in holders), second.errors[0]
    job.finish(long_job.TIMEOUT).expect(0)
    long_job.check_complete(job_kind, output)


def test_mixed_instruction_sets_on_request(widepipe, job_kind, output):
    """--allow-mixed goes on, and says so; the recorded rows keep the bits they have."""
    job = long_job.start(widepipe, job_kind, output)
    long_job.wait_for_rows(job, output)
    job.kill()
    job.finish(10)
    options = ["--isa", "sse41"]
    refused = widepipe.score(job_kind.model, job_kind.source, f"{output}:/scores", *options)
    refused.expect(2)
    assert "instruction set" in refused.errors[0] and "sse41" in refused.errors[0]
    result = widepipe.score(job_kind.model, job_kind.source, f"{output}:/scores", *options,
                            "--allow-mixed", timeout=long_job.TIMEOUT).expect(0)
    assert "warning" in result.stdout + result.stderr, result.story()
    assert (data.read(output, "scores_status") == 1).all()
    difference = abs(data.read(output) - data.read(job_kind.output)).max()
    assert difference < 1e-5
