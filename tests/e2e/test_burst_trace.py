"""The denser arrivals of scripts/evidence/burst_trace.py, as a trace."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

EVIDENCE = Path(__file__).parents[2] / "scripts" / "evidence"


def densify(tmp_path, pattern, *options):
    return subprocess.run([sys.executable, EVIDENCE / "burst_trace.py", pattern, tmp_path / "t.csv", *options],
                          capture_output=True, text=True, check=False)


def tenths_of(table):
    ends = np.array([float(line.split(",")[2]) for line in table.read_text().splitlines()[1:]])
    assert (np.diff(ends) >= 0).all()
    return np.bincount((ends / 0.1 + 1e-9).astype(int))


def test_each_stands_for_many_in_its_tenth_of_a_second(widepipe, tmp_path):
    (tmp_path / "pattern.txt").write_text("# seconds\n60.30 60.39 60.52\n71.00\n")
    done = densify(tmp_path, tmp_path / "pattern.txt", "--requests", "4000", "--functions", "3")
    assert done.returncode == 0, done.stderr
    tenths = tenths_of(tmp_path / "t.csv")
    assert {at: count for at, count in enumerate(tenths) if count} == {0: 2000, 2: 1000, 107: 1000}
    result = widepipe.run("trace", "t.csv", "t.h5", cwd=tmp_path).expect(0)
    assert result.stdout.startswith("t.h5: 4,000 requests of 3 functions for 10 models, ")
    with h5py.File(tmp_path / "t.h5") as trace:
        models = np.bincount(trace["model"][:])
    assert models / 4000 == pytest.approx([6 / 11, 3 / 11, 2 / 11], abs=0.05), "Zipf's law"


def test_the_pattern_of_the_evidence_is_bursty(tmp_path):
    done = densify(tmp_path, EVIDENCE / "azure-llm-code.txt", "--requests", "10000")
    assert done.returncode == 0, done.stderr
    tenths = tenths_of(tmp_path / "t.csv")
    assert tenths[0] > 0 and 370 < len(tenths) < 375
    assert 6 < tenths.max() / tenths.mean() < 9
    assert (tenths == 0).mean() > 0.4


def test_a_pattern_without_times_is_named(tmp_path):
    (tmp_path / "pattern.txt").write_text("# nothing\n")
    done = densify(tmp_path, tmp_path / "pattern.txt")
    assert done.returncode == 2
    assert "pattern.txt: expected times, found none" in done.stderr
    assert not (tmp_path / "t.csv").exists()
