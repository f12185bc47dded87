"""A job that runs for seconds on this machine, to be disturbed while it does."""

import json
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import data
import journal
from data import seed

SECONDS = 3.5  # on all cores; the journal gets a record of rows about once a second
BUSIEST = 1.75  # so much longer may it take beside other tests than it would alone
TIMEOUT = 120


@dataclass
class LongJob:
    model: Path
    source: str
    rows: int
    output: Path     # of the undisturbed run
    seconds: float   # it took, start-up included


def score(widepipe, model, rows, folder):
    """(source, output, seconds of the run, wall seconds) of an undisturbed run."""
    source = data.write(folder / f"in{rows}.h5", images=data.pixels(rows, seed()))
    output, report = folder / f"undisturbed{rows}.h5", folder / f"report{rows}.json"
    before = cpu_seconds()
    result = widepipe.score(model, f"{source}:/images", f"{output}:/scores", "--report", report,
                            timeout=TIMEOUT).expect(0)
    alone = (cpu_seconds() - before) / len(os.sched_getaffinity(0))
    took = min(json.loads(report.read_text())["seconds"], BUSIEST * alone)
    return f"{source}:/images", output, took, result.seconds


def cpu_seconds():
    """Of all programs that this process has run."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def make(widepipe, model, folder, seconds=SECONDS):
    """Enough rows for so many seconds on this machine, and the undisturbed output."""
    rows, took = 400, 0
    while took < 0.8 * seconds:  # a short sample, or a busy machine, misleads: measure again
        source, output, took, wall = score(widepipe, model, rows, folder)
        found = LongJob(model, source, rows, output, wall)
        rows = int(rows * 1.1 * seconds / took)
    print(f"long job: {found.rows} rows, {found.seconds:.1f} s undisturbed")
    return found


def start(widepipe, long_job, output, *options, **how):
    return widepipe.start_score(long_job.model, long_job.source, f"{output}:/scores", *options,
                                timeout=TIMEOUT, **how)


def finish(widepipe, long_job, output, ranks=None):
    """Runs it to the end and gives the report."""
    report = output.with_suffix(".json")
    widepipe.score(long_job.model, long_job.source, f"{output}:/scores", "--report", report,
                   ranks=ranks, timeout=TIMEOUT).expect(0)
    return json.loads(report.read_text())


def journal_of(output):
    return output.with_name(output.name + ".journal")


def kinds(output):
    """Of the records in its journal, if there is one already."""
    path = journal_of(output)
    return journal.kinds(path) if path.exists() else []


def recorded_rows(output):
    path = journal_of(output)
    if not path.exists():
        return 0
    return sum(count for _, _, record in journal.records(path)
               for _, count in journal.ranges(record))


def wait_for(job, condition, what):
    """Until `condition()`; the job must still run then."""
    deadline = time.monotonic() + 60
    while not condition():
        assert job.running(), f"the job ended before {what}{job.finish(10).story()}"
        assert time.monotonic() < deadline, f"no sign of {what} within 60 s"
        time.sleep(0.01)


def wait_for_rows(job, output, least=1):
    wait_for(job, lambda: recorded_rows(output) >= least, f"{least} recorded rows")


def check_complete(long_job, output):
    """The undisturbed bytes, and a journal that names each row exactly once."""
    assert data.same_bytes(long_job.output, output)
    counts = journal.times_recorded(journal_of(output), long_job.rows)
    wrong = [(row, count) for row, count in enumerate(counts) if count != 1]
    assert not wrong, f"{len(wrong)} rows not recorded exactly once: {wrong[:5]} (row, times)"
    assert journal.kinds(journal_of(output))[-1] == "done"
    assert [path for path in data.beside(output) if path.exists()] == [journal_of(output)]
