"""A rank that falls silent: the job ends in time, says which, and can go on."""

import os
import re
import signal
import socket
import time

import pytest

import data
import long_job

LIMIT = 4  # seconds, more than a busy machine keeps a rank waiting; the default is 60


def ranks_of(job, widepipe):
    """Process ids by rank."""
    found = {}
    for pid in job.processes(widepipe.program):
        with open(f"/proc/{pid}/environ", "rb") as file:
            variables = dict(part.split(b"=", 1) for part in file.read().split(b"\0") if b"=" in part)
        rank = variables.get(b"OMPI_COMM_WORLD_RANK", variables.get(b"PMI_RANK"))
        if rank is not None:
            found[int(rank)] = pid
    return found


@pytest.mark.parametrize("ranks, victims", [(3, [2]), (4, [1, 3]), (3, [0])])
def test_a_stopped_rank(widepipe, job_kind, output, ranks, victims):
    job = long_job.start(widepipe, job_kind, output, "--watchdog", LIMIT, ranks=ranks)
    long_job.wait_for_rows(job, output)
    pids = ranks_of(job, widepipe)
    for victim in victims:
        os.kill(pids[victim], signal.SIGSTOP)
    stopped = time.monotonic()
    result = job.finish(60)
    took = time.monotonic() - stopped
    assert result.code not in (0, 1, 2), result.story()
    assert LIMIT - 0.5 < took < 3 * LIMIT + 10, f"after {took:.1f} s{result.story()}"
    names = ", ".join(f"{victim}@{socket.gethostname()}" for victim in victims)
    expected = {
        1: rf"rank {names} has not answered for 4\.00 s",
        2: rf"ranks {names} have not answered for 4\.00 s",
    }[len(victims)] if victims != [0] else rf"rank 1@\S+ hears nothing from rank {names} for 4\.00 s"
    assert any(re.search(expected, line) for line in result.errors), result.story()
    assert any("run the same command again" in line for line in result.errors), result.story()
    recorded = long_job.recorded_rows(output)
    assert 0 < recorded < job_kind.rows
    assert long_job.finish(widepipe, job_kind, output, ranks=2)["rows_before"] == recorded
    long_job.check_complete(job_kind, output)


@pytest.mark.parametrize("ranks", [None, 3])
def test_a_suspended_job(widepipe, job_kind, output, ranks):
    """As Slurm suspends one: all ranks stop, and go on. Nobody is to blame."""
    job = long_job.start(widepipe, job_kind, output, "--watchdog", LIMIT, ranks=ranks)
    long_job.wait_for_rows(job, output)
    assert job.signal(signal.SIGSTOP, widepipe.program)
    time.sleep(2 * LIMIT + 1)
    job.signal(signal.SIGCONT, widepipe.program)
    job.finish(60).expect(0)
    long_job.check_complete(job_kind, output)


def test_a_short_silence(widepipe, job_kind, output):
    job = long_job.start(widepipe, job_kind, output, "--watchdog", 2 * LIMIT, ranks=3)
    long_job.wait_for_rows(job, output)
    victim = ranks_of(job, widepipe)[1]
    os.kill(victim, signal.SIGSTOP)
    time.sleep(1.3 * LIMIT)  # long enough for questions to be asked
    os.kill(victim, signal.SIGCONT)
    job.finish(60).expect(0)
    long_job.check_complete(job_kind, output)


def test_without(widepipe, job_kind, output):
    job = long_job.start(widepipe, job_kind, output, "--watchdog", 0, ranks=2)
    long_job.wait_for_rows(job, output)
    victim = ranks_of(job, widepipe)[1]
    os.kill(victim, signal.SIGSTOP)
    time.sleep(2 * LIMIT)
    assert job.running()
    os.kill(victim, signal.SIGCONT)
    job.finish(60).expect(0)


def start_faulty(faulty, lenet, images, output, fault, **env):
    return faulty.start_score(lenet, f"{images}:/images", f"{output}:/scores", "--device", "faulty",
                              "--watchdog", LIMIT, ranks=3, env={"WIDEPIPE_FAULT": fault, **env})


@pytest.mark.parametrize("victim", [2, 1, 0])
def test_a_rank_that_is_stopped_before_work_starts(faulty, lenet, images, output, victim):
    """While rank 1 loads its model, which takes its time."""
    sign = output.with_name("loading")
    job = start_faulty(faulty, lenet, images, output, "1:load:60", WIDEPIPE_FAULT_SIGN=str(sign))
    long_job.wait_for(job, sign.exists, "a rank that loads")
    time.sleep(1)
    os.kill(ranks_of(job, faulty)[victim], signal.SIGSTOP)
    stopped = time.monotonic()
    result = job.finish(60)
    took = time.monotonic() - stopped
    assert result.code not in (0, 1, 2), result.story()
    assert LIMIT - 1.5 < took < 3 * LIMIT + 10, f"after {took:.1f} s{result.story()}"
    name = f"{victim}@{socket.gethostname()}"
    expected = (rf"rank 1@\S+ hears nothing from rank {name} for 4\.00 s" if victim == 0 else
                rf"rank {name} has not answered for 4\.00 s")
    assert any(re.search(expected, line) for line in result.errors), result.story()
    assert not output.exists()


def test_a_slow_start(faulty, lenet, images, output):
    """Nobody is silent: the rank that loads its model says so all the time."""
    start_faulty(faulty, lenet, images, output, f"1:load:{2 * LIMIT}").finish(60).expect(0)


@pytest.mark.parametrize("ranks", [None, 1, 3])
def test_a_sync_that_hangs(faulty, lenet, images, output, ranks):
    """The last one: there are no rounds any more."""
    words = [lenet, f"{images}:/images", f"{output}:/scores", "--watchdog", LIMIT]
    result = faulty.score(*words, ranks=ranks, env={"WIDEPIPE_FAULT": "0:sync:2"})
    assert result.code not in (0, 1, 2), result.story()
    assert any(re.search(r"rank 0@\S+ has not got on for 4\.00 s \(a file system", line)
               for line in result.errors), result.story()
    faulty.score(*words, ranks=ranks).expect(0)
    undisturbed = output.with_name("undisturbed.h5")
    faulty.score(lenet, f"{images}:/images", f"{undisturbed}:/scores").expect(0)
    assert data.same_bytes(undisturbed, output)
