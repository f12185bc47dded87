"""The journal never promises a row that a power cut could take: shown from the system calls of a
run, and by continuing from what a cut at random moments would have left on the disk."""

import os
import random
import subprocess

import h5py
import numpy as np
import pytest

import data
import journal
import long_job
import write_log
from data import seed

pytestmark = [pytest.mark.xdist_group("durability"),  # the traced runs are made once
              pytest.mark.unsanitized]

CUTS = 10
RECORDS = 3  # of rows, at least; there is one a second
SECONDS = (4.5, 8, 16)  # of the traced run; longer ones where the machine is too busy to tell
COLUMNS = ("scores", "scores_status")


class Trace:
    """A run of the long job under strace, and what it left."""

    def __init__(self, job_kind, folder):
        self.job_kind = job_kind
        self.output = folder / "out.h5"
        self.journal = folder / "out.h5.journal"
        self.events = write_log.read(folder / "strace.log")
        self.content = np.frombuffer(self.output.read_bytes(), np.uint8)
        self.journal_content = self.journal.read_bytes()
        self.columns = []  # (first byte, bytes a row)
        with h5py.File(self.output) as file:
            for name in COLUMNS:
                data_set = file[name]
                self.columns.append((data_set.id.get_offset(),
                                     data_set.dtype.itemsize * int(np.prod(data_set.shape[1:]))))
        renames = [number for number, event in enumerate(self.events)
                   if event.target == str(self.output)]
        assert len(renames) == 1, "expected the output to be renamed into place once"
        self.created = renames[0]

    def named(self, path):
        return [event for event in self.events if event.path == str(path)]

    def is_write(self, event, path):
        return "write" in event.call and event.path == str(path)

    def bytes_of(self, first, count):
        """Slices of the output file that hold these rows."""
        return [slice(offset + first * size, offset + (first + count) * size)
                for offset, size in self.columns]

    def raw_mask(self):
        mask = np.zeros(len(self.content), bool)
        for piece in self.bytes_of(0, self.job_kind.rows):
            mask[piece] = True
        return mask


def traced(widepipe, heavy, tmp_path_factory, *options):
    probe = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "true"],
                           capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"strace may not trace here: {probe.stderr.strip()}")
    for seconds in SECONDS:
        folder = tmp_path_factory.mktemp("traced")
        job_kind = long_job.make(widepipe, heavy, folder, seconds)
        widepipe.score(job_kind.model, job_kind.source, f"{folder}/out.h5:/scores", *options,
                       prefix=write_log.strace(folder / "strace.log"),
                       timeout=long_job.TIMEOUT).expect(0)
        assert data.same_bytes(job_kind.output, folder / "out.h5")
        found = Trace(job_kind, folder)
        if journal.kinds(found.journal).count("rows") >= RECORDS:
            return found
    return pytest.fail(f"no run had {RECORDS} records of rows, which an order needs")


@pytest.fixture(scope="module")
def trace(widepipe, heavy, tmp_path_factory):
    return traced(widepipe, heavy, tmp_path_factory)


@pytest.fixture(scope="module")
def trace_of_ranks(widepipe, heavy, tmp_path_factory):
    """Where the thread that records rows is not the one that wrote them."""
    return traced(widepipe, heavy, tmp_path_factory, "--write-via", "ranks")


@pytest.fixture
def either(request):
    return request.getfixturevalue(request.param)


EITHER = pytest.mark.parametrize("either", ["trace", "trace_of_ranks"], indirect=True)


def position(events, what, after=-1):
    """Of the first event behind `after` for which `what` holds."""
    for number in range(after + 1, len(events)):
        if what(events[number]):
            return number
    raise AssertionError(f"no such event behind {after}")


@EITHER
def test_the_trace_is_whole(either):
    """Guards all that follows: every byte of the journal and each row is in the log."""
    trace = either
    written = sum(event.size for event in trace.events
                  if trace.is_write(event, trace.journal)
                  or trace.is_write(event, f"{trace.journal}.part"))
    assert written == len(trace.journal_content)
    covered = np.zeros(len(trace.content), bool)
    for event in trace.named(trace.output):
        assert event.call in ("openat", "pwrite64", "fdatasync", "fsync", "close"), event
        assert "O_TRUNC" not in event.target, event
        if event.call == "pwrite64":
            covered[event.offset:event.offset + event.size] = True
    assert (covered == trace.raw_mask()).all(), "raw data, all of it and nothing else"


@pytest.mark.parametrize("name", ["out.h5", "out.h5.journal"])
def test_order_of_creation(trace, name):
    """Written, synced, renamed, the folder synced; all before the first row is written."""
    events = trace.events
    path = str(trace.output.with_name(name))
    last_write = max(number for number, event in enumerate(events)
                     if trace.is_write(event, path + ".part"))
    synced = position(events, lambda event: event.call in ("fsync", "fdatasync")
                      and event.path == path + ".part", last_write)
    renamed = position(events, lambda event: event.target == path, synced)
    folder = position(events, lambda event: event.call == "fsync"
                      and event.path == os.path.dirname(path), renamed)
    first_row = position(events, lambda event: trace.is_write(event, trace.output))
    assert last_write < synced < renamed < folder < first_row
    assert events[renamed].path == path + ".part"


def test_disk_space_is_reserved(trace):
    """posix_fallocate over all raw data, before the output has its name."""
    reserved = [event for event in trace.events[:trace.created]
                if event.call == "fallocate" and event.path == f"{trace.output}.part"]
    assert reserved, "expected fallocate of the output"
    blocks = trace.output.stat().st_blocks * 512
    assert blocks >= trace.raw_mask().sum()


@EITHER
def test_rows_are_on_disk_before_their_record(either):
    trace = either
    synced = np.zeros(len(trace.content), bool)
    waiting = []  # pwrites of the output that no sync covers yet
    at = sum(event.size for event in trace.events
             if trace.is_write(event, f"{trace.journal}.part"))
    lines = [(end, record) for _, end, record in journal.records(trace.journal_content)]
    checked = 0
    for event in trace.events:
        if trace.is_write(event, trace.output):
            waiting.append(event)
        elif event.call in ("fdatasync", "fsync") and event.path == str(trace.output):
            for write in [write for write in waiting if write.end < event.begin]:
                synced[write.offset:write.offset + write.size] = True
                waiting.remove(write)
        elif trace.is_write(event, trace.journal):
            for end, record in lines:
                if not at < end <= at + event.size:
                    continue
                for first, count in journal.ranges(record):
                    for piece in trace.bytes_of(first, count):
                        assert synced[piece].all(), (
                            f"rows {first} to {first + count - 1} were recorded before bytes "
                            f"{piece.start} to {piece.stop} of the output were synced")
                        checked += 1
            at += event.size
    assert at == len(trace.journal_content)
    assert checked >= len(COLUMNS) * RECORDS


def test_each_record_is_synced(trace):
    """Before the next one is written, and the last before the program ends."""
    events = trace.events
    writes = [number for number, event in enumerate(events)
              if trace.is_write(event, trace.journal)]
    for number, following in zip(writes, writes[1:] + [len(events)]):
        synced = position(events, lambda event: event.call in ("fdatasync", "fsync")
                          and event.path == str(trace.journal)
                          and event.begin > events[number].end, number)
        assert synced < following


def image_after(trace, cut, rng, keep_unsynced):
    """The output file as the first `cut` events leave it on the disk. Writes without a sync
    behind them are lost, or with `keep_unsynced` each of them by the toss of a coin."""
    image = trace.content.copy()
    image[trace.raw_mask()] = 0
    waiting = []
    for event in trace.events[:cut]:
        if trace.is_write(event, trace.output):
            waiting.append(event)
        elif event.call in ("fdatasync", "fsync") and event.path == str(trace.output):
            for write in waiting:
                piece = slice(write.offset, write.offset + write.size)
                image[piece] = trace.content[piece]
            waiting = []
    for write in waiting:
        if keep_unsynced and rng.random() < 0.5:
            piece = slice(write.offset, write.offset + write.size)
            image[piece] = trace.content[piece]
    return image.tobytes()


def journal_after(trace, cut):
    """With all its writes, synced or not: the order must be right whatever survives."""
    size = sum(event.size for event in trace.events[:cut]
               if trace.is_write(event, trace.journal)
               or trace.is_write(event, f"{trace.journal}.part"))
    return trace.journal_content[:size]


def torn(content, rng):
    """Without the end of its last line, which may come back as zeros."""
    last = content[:-1].rfind(b"\n") + 1
    if last == 0:  # only the header, which was synced before it got its name
        return content
    keep = rng.randrange(last, len(content))
    return content[:keep] + bytes(rng.choice([0, len(content) - keep]))


def cuts():
    """Ten moments: how far through the run, whether unsynced writes may survive, whether the
    journal's last line is torn."""
    rng = random.Random(seed())
    return [pytest.param((number + rng.random()) / CUTS, number % 2 == 1, number % 3 == 2,
                         id=f"cut{number}{'-unsynced' * (number % 2)}{'-torn' * (number % 3 == 2)}")
            for number in range(CUTS)]


@pytest.mark.parametrize("share, keep_unsynced, tear", cuts())
def test_power_cut(widepipe, trace, tmp_path, rng, share, keep_unsynced, tear):
    first = trace.created + 1
    cut = first + int(share * (len(trace.events) - first))
    output = tmp_path / "out.h5"
    output.write_bytes(image_after(trace, cut, rng, keep_unsynced))
    left = journal_after(trace, cut)
    long_job.journal_of(output).write_bytes(torn(left, rng) if tear else left)
    recorded = long_job.recorded_rows(output)
    print(f"event {cut} of {len(trace.events)}: {recorded} of {trace.job_kind.rows} rows recorded")
    ranks = rng.choice([None, 2, 3])
    if recorded < trace.job_kind.rows:
        report = long_job.finish(widepipe, trace.job_kind, output, ranks)
        assert report["rows_before"] == recorded
    else:
        widepipe.score(trace.job_kind.model, trace.job_kind.source, f"{output}:/scores",
                       ranks=ranks).expect(0)
    assert data.same_bytes(trace.output, output)


@pytest.mark.parametrize("renamed", ["nothing", "journal"])
def test_power_cut_during_creation(widepipe, trace, tmp_path, renamed):
    """Half-made files are no obstacle."""
    output = tmp_path / "out.h5"
    (tmp_path / "out.h5.part").write_bytes(os.urandom(5000))
    header = journal.records(trace.journal_content)[0][1]
    name = "out.h5.journal" if renamed == "journal" else "out.h5.journal.part"
    (tmp_path / name).write_bytes(trace.journal_content[:header])
    report = long_job.finish(widepipe, trace.job_kind, output, ranks=2)
    assert report["rows_before"] == 0
    assert data.same_bytes(trace.output, output)
