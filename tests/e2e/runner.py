"""Starts the widepipe command, alone or under a launcher, and never lets it run for ever.

Every process of a run carries a mark in its environment, so that a whole job (launcher, its
daemons, all ranks, whatever process groups they made) can be found and killed at once.
"""

import os
import pty
import re
import select
import shlex
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass, field

MARK = "WIDEPIPE_TEST_RUN"
KILL_AFTER = 10  # seconds between timeout's TERM and its KILL
TIMED_OUT = (124, 137)  # what timeout(1) returns
PATIENCE = 5 if os.environ.get("WIDEPIPE_SANITIZED") else 1  # so much slower may it be

MPI_ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}


@dataclass
class Result:
    code: int
    stdout: str
    stderr: str
    seconds: float
    command: list = field(repr=False, default_factory=list)

    @property
    def errors(self):
        """What widepipe itself said on stderr; launchers add lines of their own."""
        return [line for line in self.stderr.splitlines() if line.startswith("widepipe:")]

    def story(self):
        """All there is to know about the run, for the message of a failed assertion."""
        return (f"\n$ {shlex.join(self.command)}\nexit code {self.code} after "
                f"{self.seconds:.2f} s\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}")

    def expect(self, code):
        assert self.code == code, f"expected exit code {code}{self.story()}"
        return self


class Job:
    """A run under way."""

    def __init__(self, command, environment, cwd):
        self.command = command
        self.mark = uuid.uuid4().hex
        self.begin = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**environment, MARK: self.mark}, cwd=cwd, start_new_session=True)

    def finish(self, timeout):
        """Waits for the end. A run that outlives even timeout(1) is killed and fails the test."""
        try:
            stdout, stderr = self.process.communicate(timeout=timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            stdout, stderr = self.process.communicate()
        # A rank that outlived its launcher would disturb the next test.
        self.kill()
        return Result(self.process.returncode, stdout.decode(errors="replace"),
                      stderr.decode(errors="replace"), time.monotonic() - self.begin,
                      self.command)

    def processes(self, name=None):
        """Ids of the job's processes, ascending; only those running the program `name`."""
        wanted = f"{MARK}={self.mark}".encode()
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    if wanted not in file.read().split(b"\0"):
                        continue
                if name is None or os.path.basename(os.readlink(f"/proc/{entry}/exe")) == name:
                    found.append(int(entry))
            except OSError:  # ended meanwhile
                continue
        return sorted(found)

    def signal(self, number, name=None):
        """To every process of the job that runs `name`; tells whether there was one."""
        targets = self.processes(name)
        for pid in targets:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        return bool(targets)

    def kill(self):
        """kill -9 for everything, until nothing is left (a launcher may just be forking)."""
        deadline = time.monotonic() + 20
        while self.signal(signal.SIGKILL):
            assert time.monotonic() < deadline, f"processes survive kill -9: {self.processes()}"
            time.sleep(0.01)

    def running(self):
        return self.process.poll() is None


class Runner:
    """Runs `command` (the widepipe binary) with `launcher` (mpirun, mpiexec) where ranks are
    asked for; without ranks it is run plainly."""

    def __init__(self, command, launcher):
        self.command = command
        self.launcher = shlex.split(launcher)
        self.environment = {**os.environ, **MPI_ENVIRONMENT}
        for name in list(self.environment):  # a terminal of the caller must not matter
            if name in ("COLUMNS", "LINES"):
                del self.environment[name]

    @property
    def program(self):
        """As its processes are named."""
        return os.path.basename(os.path.realpath(self.command))

    def line(self, args, ranks, timeout, prefix=()):
        line = ["timeout", "-k", str(KILL_AFTER), str(timeout * PATIENCE), *prefix]
        if ranks:
            line += [*self.launcher, "-n", str(ranks)]
        return [*line, self.command, *map(str, args)]

    def start(self, *args, ranks=None, timeout=120, env=None, cwd=None, prefix=()):
        return Job(self.line(args, ranks, timeout, prefix), {**self.environment, **(env or {})},
                   cwd)

    def run(self, *args, ranks=None, timeout=60, env=None, cwd=None, prefix=()):
        job = self.start(*args, ranks=ranks, timeout=timeout, env=env, cwd=cwd, prefix=prefix)
        result = job.finish(timeout + KILL_AFTER + 10)
        assert result.code not in TIMED_OUT, f"hung, or was killed{result.story()}"
        return result

    def score(self, model, source, output, *options, **how):
        """widepipe score; `source` and `output` as FILE:/path."""
        return self.run("score", "--model", model, "--input", source, "--output", output,
                        *options, **how)

    def start_score(self, model, source, output, *options, **how):
        return self.start("score", "--model", model, "--input", source, "--output", output,
                          *options, **how)

    def run_in_terminal(self, *args, timeout=60):
        """With stdout and stderr on a terminal of its own; gives (exit code, all output)."""
        master, slave = pty.openpty()
        process = subprocess.Popen(
            self.line(args, None, timeout, ()), stdin=subprocess.DEVNULL, stdout=slave,
            stderr=slave, env={**self.environment, "TERM": "xterm"}, start_new_session=True)
        os.close(slave)
        text = b""
        while True:
            ready, _, _ = select.select([master], [], [], timeout + KILL_AFTER)
            try:
                piece = os.read(master, 65536) if ready else b""
            except OSError:  # the terminal's last user is gone
                piece = b""
            if not piece:
                break
            text += piece
        os.close(master)
        return process.wait(timeout=KILL_AFTER), text.decode(errors="replace")


CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


def control_characters(text):
    """Those that have no place in a batch log: everything but newlines."""
    return sorted(set(CONTROL.findall(text)))


def check_refused(result, facts):
    """Exit code 2 and one line of error in which every fact (a pattern) is found."""
    result.expect(2)
    assert len(result.errors) == 1, f"expected one line of error{result.story()}"
    line = result.errors[0]
    assert line.startswith("widepipe: "), line
    assert not control_characters(line), f"control characters in: {line!r}"
    for fact in facts:
        assert re.search(fact, line, re.IGNORECASE), f"expected /{fact}/ in: {line}"
    assert result.stdout == "", f"expected silence on stdout{result.story()}"
