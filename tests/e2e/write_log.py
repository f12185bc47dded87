"""The system calls of a run that matter for durability, from `strace -f -y`, in their order."""

import re
from dataclasses import dataclass

CALLS = ("openat,write,pwrite64,writev,pwritev,pwritev2,fdatasync,fsync,rename,renameat,"
         "renameat2,ftruncate,fallocate,sync_file_range,msync,close")


def strace(log):
    """The prefix that runs a command and writes its calls to `log`; -s: names, not data."""
    return ("strace", "-f", "-y", "-qq", "-s", "4096", "-e", f"trace={CALLS}", "-e",
            "signal=none", "-o", str(log))


@dataclass
class Event:
    begin: int      # line in which the call was entered
    end: int        # line in which it had returned
    call: str
    path: str       # file, or the old name of a rename
    target: str     # new name of a rename; arguments of an openat
    offset: int     # of a pwrite64, else -1
    size: int       # bytes written


LINE = re.compile(r"^(?P<pid>\d+)\s+(?P<text>.*)$")
RESUMED = re.compile(r"^<\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)$")
CALL = re.compile(r"^(?P<call>\w+)\((?P<arguments>.*)\)\s+= (?P<result>-?\d+)")
DESCRIPTOR = re.compile(r"^\d+<(?P<path>[^>]*)>")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


def _event(begin, end, text):
    match = CALL.match(text)
    if not match or int(match["result"]) < 0:
        return None
    call, arguments, result = match["call"], match["arguments"], int(match["result"])
    if call.startswith("rename"):
        old, new = STRING.findall(arguments)[:2]
        return Event(begin, end, call, old, new, -1, 0)
    if call == "openat":
        return Event(begin, end, call, STRING.search(arguments)[1], arguments, -1, 0)
    descriptor = DESCRIPTOR.match(arguments)
    if not descriptor:
        return None
    offset = int(arguments.rsplit(",", 1)[1]) if call == "pwrite64" else -1
    size = result if "write" in call else 0
    return Event(begin, end, call, descriptor["path"], "", offset, size)


def read(log):
    """Successful calls in the order in which they returned."""
    events = []
    entered = {}  # thread -> (line, text so far)
    for number, line in enumerate(log.read_text(errors="replace").splitlines()):
        match = LINE.match(line)
        if not match:
            continue
        pid, text = match["pid"], match["text"]
        begin = number
        if text.endswith("<unfinished ...>"):
            entered[pid] = (number, text[:-len("<unfinished ...>")].rstrip())
            continue
        resumed = RESUMED.match(text)
        if resumed:
            begin, head = entered.pop(pid, (None, None))
            if begin is None:
                continue
            text = head + resumed["rest"].lstrip() if head.endswith("(") else head + resumed["rest"]
        event = _event(begin, number, text)
        if event:
            events.append(event)
    return events
