"""Replays and simulations beside each other: how they are run, and rounds for the one as the other
had them."""

import json
import subprocess
import sys


def widepipe(options, launcher, *words):
    """The report of a command, which runs in `options.folder`."""
    report = options.folder / "report.json"
    command = [*launcher, str(options.widepipe.resolve()), *map(str, words), "--report", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=options.timeout,
                          cwd=options.folder)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(report.read_text())


def travel(report):
    """Seconds that a batch was on its way, order and answer together."""
    return report["runs"][0]["travel_seconds"]


def rounds_of(real, simulate):
    """Period and delay, in seconds, with which batches of a simulation are on their way for as long as
    those of the replay were. `simulate(period, delay)` gives the report of one. News waits for half a
    period as well, and orders for cores that are not free yet: that is what the simulation is for."""
    period = real["live"]["ended_seconds"] / real["live"]["rounds"]
    delay = max(travel(real) - period / 2, 0) / 2
    more = travel(simulate(period, delay)) - travel(real)
    return period, max(delay - more / 2, 0)
