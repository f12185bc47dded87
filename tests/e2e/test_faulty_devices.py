"""Devices that fail, lie, hang or are not there: the work goes to the others, or the job ends
resumable, and the result has the bytes of an undisturbed run.

Run with a widepipe that knows a device with faults to order (tests/faults/faulty_device.h).
"""

import json
import re
import socket

import pytest

import data
import journal
import long_job
from runner import check_refused

HOST = socket.gethostname()
WATCHDOG = 8  # seconds; more than a busy machine takes for a row


@pytest.fixture(scope="session")
def undisturbed(faulty, lenet, images, tmp_path_factory):
    output = tmp_path_factory.mktemp("sound") / "out.h5"
    faulty.score(lenet, f"{images}:/images", f"{output}:/scores", "--device", "faulty",
                 ranks=3).expect(0)
    return output


def run(faulty, lenet, images, output, faults, *options, ranks=3):
    report = output.with_suffix(".json")
    result = faulty.score(lenet, f"{images}:/images", f"{output}:/scores", "--device", "faulty",
                          "--batch", "8", "--report", report, *options, ranks=ranks,
                          env={"WIDEPIPE_FAULT": faults})
    return result, json.loads(report.read_text()) if report.exists() else None


def check_whole(undisturbed, output):
    assert data.same_bytes(undisturbed, output)
    counts = journal.times_recorded(long_job.journal_of(output), 700)
    assert set(counts) == {1}


def left_out(report):
    return {device["rank"]: device["left_out"] for device in report["devices"]
            if device["left_out"]}


AT_START = {
    "absent": r"there is none",
    "fail": r"start-up check: the device reports error 7",
    "wrong": r"start-up check: output '.*': \d+ of 40 bytes differ, expected none",
    "nan": r"start-up check: output '.*': \d+ of 40 bytes differ, expected none",
    "hang": rf"start-up check: the device did not bring a row back in {WATCHDOG}\.00 s",
}


@pytest.mark.parametrize("fault", AT_START)
@pytest.mark.parametrize("rank", [0, 2])
def test_a_device_that_is_not_sound_gets_no_work(faulty, lenet, images, undisturbed, output,
                                                 fault, rank):
    result, report = run(faulty, lenet, images, output, f"{rank}:{fault}:0", "--watchdog",
                         WATCHDOG)
    result.expect(0)
    check_whole(undisturbed, output)
    assert list(left_out(report)) == [rank]
    assert report["devices"][rank]["rows_done"] == 0
    line, = result.errors
    assert line.startswith(f"widepipe: the device of rank {rank}@{HOST} gets no work: "), line
    assert re.search(AT_START[fault], line), line


def test_fewer_sound_devices_than_asked_for(faulty, lenet, images, output):
    result, report = run(faulty, lenet, images, output, "1:wrong:0", "--min-devices", 3)
    result.expect(2)
    assert report is None and not output.exists()
    assert "--min-devices 3: 2 of 3 devices passed the start-up check" in result.stderr
    assert f"rank 1@{HOST}: " in result.stderr


def test_devices_that_are_trusted(faulty, lenet, images, undisturbed, output):
    result, report = run(faulty, lenet, images, output, "1:wrong:0", "--trust-devices")
    result.expect(0)
    assert left_out(report) == {}
    assert not data.same_bytes(undisturbed, output), "the device is wrong, and got work"


def test_a_dry_run_makes_the_check(faulty, lenet, images, output):
    result, _ = run(faulty, lenet, images, output, "2:wrong:0", "--dry-run")
    result.expect(0)
    assert f"the device of rank 2@{HOST} gets no work" in result.stderr
    row = next(line for line in result.stdout.splitlines() if re.match(r" +2 ", line))
    assert "left out" in row
    assert not output.exists()


def test_no_sound_device(faulty, lenet, images, output):
    result, _ = run(faulty, lenet, images, output, "0:absent:0,1:absent:0,2:absent:0")
    check_refused(result, ["device faulty: there is none"])


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("faults", ["{}:fail:3", "{}:fail:1,{}:slow:0"])
def test_a_device_that_begins_to_fail_is_quarantined(faulty, lenet, images, undisturbed, output,
                                                     rank, faults):
    result, report = run(faulty, lenet, images, output, faults.format(rank, rank))
    result.expect(0)
    check_whole(undisturbed, output)
    assert list(left_out(report)) == [rank]
    assert "at last: the device reports error 7" in left_out(report)[rank]
    assert f"rank {rank}@{HOST} gets no more work" in result.stderr


@pytest.mark.parametrize("via", ["gather", "ranks"])
@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("fault", ["wrong", "nan"])
def test_a_device_that_begins_to_lie_is_found_by_a_recheck(faulty, lenet, images, undisturbed,
                                                           output, fault, rank, via):
    result, report = run(faulty, lenet, images, output, f"{rank}:{fault}:4", "--recheck", "0.3",
                         "--write-via", via)
    result.expect(0)
    check_whole(undisturbed, output)
    assert "taken_back" in journal.kinds(long_job.journal_of(output))
    assert list(left_out(report)) == [rank]
    assert re.match(r"its results of rows \d+ to \d+ are not those of two other devices",
                    left_out(report)[rank])
    assert sum(device["rows_rechecked"] for device in report["devices"]) > 0


@pytest.mark.parametrize("options", [(), ("--rows-via", "scatter"), ("--write-via", "ranks")],
                         ids=["plain", "scatter", "ranks"])
def test_a_recheck_of_sound_devices(faulty, lenet, images, undisturbed, output, options):
    result, report = run(faulty, lenet, images, output, "", "--recheck", "1", *options)
    result.expect(0)
    check_whole(undisturbed, output)
    assert left_out(report) == {}
    assert sum(device["rows_rechecked"] for device in report["devices"]) == 700
    assert sum(device["rows_done"] for device in report["devices"]) == 700


def test_two_devices_that_disagree(faulty, lenet, images, undisturbed, output):
    result, _ = run(faulty, lenet, images, output, "1:wrong:4", "--recheck", "0.5", ranks=2)
    result.expect(4)
    assert re.search(r"devices disagree on rows \d+ to \d+, and none is left to tell which is right",
                     result.stderr)
    for rank in 0, 1:
        assert f"the device of rank {rank}@{HOST} gets no more work" in result.stderr
    result, _ = run(faulty, lenet, images, output, "", "--recheck", "0.5", ranks=2)
    result.expect(0)
    check_whole(undisturbed, output)


@pytest.mark.parametrize("ranks, options, expected", [
    (1, (), "--recheck: needs a second device to compare with, found 1"),
    (2, ("--dedicated-scheduler",), "--recheck: needs a second device to compare with, found 1")])
def test_a_recheck_that_cannot_be(faulty, lenet, images, output, ranks, options, expected):
    result, _ = run(faulty, lenet, images, output, "", "--recheck", "0.1", *options, ranks=ranks)
    check_refused(result, [expected])
    assert not output.exists()


def test_a_slow_device(faulty, lenet, images, undisturbed, output):
    result, report = run(faulty, lenet, images, output, "1:slow:0")
    result.expect(0)
    check_whole(undisturbed, output)
    assert left_out(report) == {}


@pytest.mark.parametrize("ranks, faults", [(1, "0:memory:3"), (3, "1:memory:3"),
                                           (2, "0:memory:1,1:memory:2")])
def test_batches_that_do_not_fit_in_memory(faulty, lenet, images, undisturbed, output, ranks,
                                           faults):
    result, report = run(faulty, lenet, images, output, faults, ranks=ranks)
    result.expect(0)
    check_whole(undisturbed, output)
    assert left_out(report) == {}
    assert report["devices"][int(faults[0])]["batches_failed"] > 0


def test_a_device_without_memory_for_a_row(faulty, lenet, images, undisturbed, output):
    # The others are slow, so that they do not do all of it before it has had three of its batches.
    result, report = run(faulty, lenet, images, output, "0:slow:0,1:memory:0,2:slow:0",
                         "--trust-devices")
    result.expect(0)
    check_whole(undisturbed, output)
    assert "no memory for a batch of 1 row" in left_out(report)[1]


@pytest.mark.parametrize("rank", [0, 2])
def test_a_device_that_hangs_ends_the_job_resumable(faulty, lenet, images, undisturbed, output,
                                                    rank):
    result, _ = run(faulty, lenet, images, output, f"{rank}:hang:4", "--watchdog", WATCHDOG)
    result.expect(3)
    assert re.search(rf"rank {rank}@{HOST}: rows \d+ to \d+ have been out for", result.stderr)
    result, _ = run(faulty, lenet, images, output, "")
    result.expect(0)
    check_whole(undisturbed, output)
