"""A job that does not fit its allocation stops before the end of it, and goes on in the next."""

import re
import time

import pytest

import long_job
from runner import PATIENCE


def by_option(seconds):
    return ["--time-left", f"0:{seconds:02}"], {}


def by_slurm(seconds):
    return [], {"SLURM_JOB_END_TIME": str(int(time.time()) + seconds)}


@pytest.mark.parametrize("ranks, how", [(None, by_option), (3, by_option), (2, by_slurm)],
                         ids=["alone", "ranks3", "slurm"])
def test_allocation_after_allocation(widepipe, job_kind, output, ranks, how):
    granted = 3
    runs = 0
    recorded = 0
    while True:
        options, environment = how(granted)
        job = long_job.start(widepipe, job_kind, output, *options, ranks=ranks, env=environment)
        result = job.finish(60)
        runs += 1
        if result.code == 0:
            break
        result.expect(3)
        # The launcher's own start and end, on a busy machine, are not in the time granted.
        assert result.seconds < granted + 10 * PATIENCE, result.story()
        assert result.errors[-1].startswith(
            "widepipe: stopped early, as the time left ends; "), result.story()
        before, recorded = recorded, long_job.recorded_rows(output)
        if recorded == before:
            granted += 1  # too short to begin anything, on a busy machine
        assert runs < 20 and granted < 10, "the job does not get on"
    assert runs > 1, f"the job fitted into {granted} s{result.story()}"
    long_job.check_complete(job_kind, output)


def test_progress_tells(widepipe, job_kind, output):
    one_core = ["--instances", "1", "--time-left", "0:04"]  # the first line comes after 2 s
    result = long_job.start(widepipe, job_kind, output, *one_core).finish(60).expect(3)
    assert re.search(r"rows/s, .* left \(stops in .*, at about \d+ %\)", result.stderr), \
        result.story()
    long_job.start(widepipe, job_kind, output, "--time-left", "1:0:0").finish(60).expect(0)
    long_job.check_complete(job_kind, output)


@pytest.mark.parametrize("ranks", [None, 3])
def test_no_time_at_all(widepipe, job_kind, output, ranks):
    """Nothing is begun, nothing is broken."""
    for options, environment in [(["--time-left", "0"], {}), by_slurm(-100)]:
        job = long_job.start(widepipe, job_kind, output, *options, ranks=ranks, env=environment)
        job.finish(60).expect(3)
        assert long_job.recorded_rows(output) == 0
    # What a person says counts, whatever the environment does.
    job = long_job.start(widepipe, job_kind, output, "--time-left", "UNLIMITED", ranks=ranks,
                         env=environment)
    job.finish(60).expect(0)
    long_job.check_complete(job_kind, output)
