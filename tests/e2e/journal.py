"""Reads journals as docs/file-formats.md describes them: 16 hex digits, a space, JSON."""

import json


def records(path_or_bytes):
    """The whole lines of a journal as (first byte, end, record)."""
    content = path_or_bytes if isinstance(path_or_bytes, bytes) else path_or_bytes.read_bytes()
    found = []
    begin = 0
    for line in content.splitlines(keepends=True):
        end = begin + len(line)
        if line.endswith(b"\n"):
            checksum, payload = line[:-1].split(b" ", 1)
            assert len(checksum) == 16 and int(checksum, 16) >= 0, line
            found.append((begin, end, json.loads(payload)))
        begin = end
    return found


def ranges(record):
    """Row ranges (first, count) that a record says are done."""
    return [tuple(pair) for pair in record["ranges"]] if record["kind"] == "rows" else []


def failed_ranges(record):
    """Row ranges (first, count) that a record says have failed."""
    return [(record["first"], record["count"])] if record["kind"] == "failed" else []


def times_recorded(path, rows):
    """How often the journal names each row as done, and does not take it back."""
    counts = [0] * rows
    for _, _, record in records(path):
        if record["kind"] == "taken_back":
            for first, count in record["ranges"]:
                for row in range(first, first + count):
                    counts[row] -= 1
        for first, count in ranges(record):
            for row in range(first, first + count):
                counts[row] += 1
    return counts


def kinds(path):
    return [record["kind"] for _, _, record in records(path)]
