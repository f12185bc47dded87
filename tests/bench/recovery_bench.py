#!/usr/bin/env python3
"""How long a job stands still after a fault, and what it computes once more.

    recovery_bench.py                     every fault, 5 times each, the watchdog at 60 s
    recovery_bench.py --faults killed signal --repeats 20

Each run is disturbed in the middle and started again. `ended`: seconds from the fault until the job
has ended and can be started again. `on_again`: from that start to the first batch, MPI's own start
included. `again`: seconds of work whose rows were written and not yet recorded, and are computed
once more; a signal leaves none. `lost`: rows that are in the file and should be others, or are not there. Prints
CSV rows, one a run, then medians. Needs what the end-to-end tests need.
"""

import argparse
import csv
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import data  # noqa: E402
import journal  # noqa: E402
import long_job  # noqa: E402
import models  # noqa: E402
from runner import Runner  # noqa: E402
from test_watchdog import ranks_of  # noqa: E402

FIELDS = ["fault", "ranks", "repeat", "ended", "on_again", "again", "lost"]
FAULTS = {  # what is done to the processes of the job, by rank
    "killed": lambda job, pids: job.kill(),
    "rank killed": lambda job, pids: os.kill(pids[max(pids)], signal.SIGKILL),
    "rank 0 killed": lambda job, pids: os.kill(pids[0], signal.SIGKILL),
    "signal": lambda job, pids: [os.kill(pid, signal.SIGUSR1) for pid in pids.values()],
    "rank stopped": lambda job, pids: os.kill(pids[max(pids)], signal.SIGSTOP),
    "rank 0 stopped": lambda job, pids: os.kill(pids[0], signal.SIGSTOP),
}


def wrong_rows(kind, output):
    found, expected = data.read(output), data.read(kind.output)
    counts = journal.times_recorded(long_job.journal_of(output), kind.rows)
    return sum(int(count != 1 or bytes(a) != bytes(b))
               for count, a, b in zip(counts, found, expected))


def disturb(widepipe, kind, fault, ranks, watchdog, folder):
    output, report = folder / "out.h5", folder / "report.json"
    for path in (output, report, long_job.journal_of(output)):
        path.unlink(missing_ok=True)
    options = ["--watchdog", watchdog]
    job = widepipe.start_score(kind.model, kind.source, f"{output}:/scores", *options, ranks=ranks,
                               timeout=1000)
    long_job.wait_for_rows(job, output)
    time.sleep(kind.seconds / 3)
    FAULTS[fault](job, ranks_of(job, widepipe))
    begin = time.monotonic()
    job.finish(1000)
    ended = time.monotonic() - begin
    unrecorded = int((data.read(output, "scores_status") == 1).sum()) - long_job.recorded_rows(output)
    begin = time.monotonic()
    widepipe.score(kind.model, kind.source, f"{output}:/scores", *options, "--report", report,
                   ranks=ranks, timeout=1000).expect(0)
    whole = time.monotonic() - begin
    numbers = json.loads(report.read_text())
    return {"ended": round(ended, 2), "on_again": round(whole - numbers["seconds"], 2),
            "again": round(unrecorded / numbers["rows_per_second"], 2), "lost": wrong_rows(kind, output)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", nargs="+", default=list(FAULTS), choices=list(FAULTS))
    parser.add_argument("--ranks", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--watchdog", type=float, default=60)
    parser.add_argument("--widepipe", default=data.ROOT / "build/release/widepipe")
    parser.add_argument("--mpiexec", default="mpiexec --bind-to none")
    options = parser.parse_args()
    widepipe = Runner(str(options.widepipe), options.mpiexec)
    writer = csv.DictWriter(sys.stdout, FIELDS)
    writer.writeheader()
    runs = []
    with tempfile.TemporaryDirectory(dir=data.ROOT / "build") as name:
        folder = Path(name)
        models.save(models.heavy_cnn(data.seed()), folder / "heavy.onnx")
        print_to, sys.stdout = sys.stdout, sys.stderr  # what the helpers say
        kind = long_job.make(widepipe, folder / "heavy.onnx", folder, seconds=8)
        sys.stdout = print_to
        for repeat in range(options.repeats):
            for fault in options.faults:
                runs.append({"fault": fault, "ranks": options.ranks, "repeat": repeat,
                             **disturb(widepipe, kind, fault, options.ranks, options.watchdog,
                                       folder)})
                writer.writerow(runs[-1])
                sys.stdout.flush()
    print(f"\n{'fault':>16} {'ended':>8} {'on again':>9} {'again':>7} {'lost':>5}")
    for fault in options.faults:
        of = [run for run in runs if run["fault"] == fault]
        medians = {name: statistics.median(run[name] for run in of)
                   for name in ("ended", "on_again", "again")}
        print(f"{fault:>16} {medians['ended']:8.2f} {medians['on_again']:9.2f} "
              f"{medians['again']:7.2f} {sum(run['lost'] for run in of):5}")
    return 1 if any(run["lost"] for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
