"""The process that compares files for the server: asked over its standard input, killed when it takes too long.

The library that finds the changes cannot be interrupted, so it works in a child of this process; when the child has not
answered in time it is killed, and the coarser way is taken here.
"""
from __future__ import annotations

import gc
import os
import resource
import select
import signal
import socket
from array import array
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from math import ceil
from time import monotonic
from typing import Any

import orjson

from api.domain.diff import (
    HUNK_LIMIT,
    Difference,
    Precision,
    decode_pair,
    difference,
    hunks_of,
    split_lines,
)
from api.domain.edit_script import Change, coarse_changes, exact_changes, explains
from api.domain.unified import unified
from api.execution.diff_channel import Channel, ChannelLost

# Hunks of long lines are left out beyond this size, in bytes of JSON.
SHOWN_LIMIT = 32 << 20
PIPE_READ = 1 << 16
MEMORY_LIMIT = 1 << 30
WORD = array("Q").itemsize


class ExactAttempt:
    """The exact comparison in a child process."""

    def __init__(self, expected: bytes, actual: bytes, seconds: float) -> None:
        self._deadline = monotonic() + seconds
        self._output, sink = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            _compare_and_exit(expected, actual, sink, seconds)
        os.close(sink)

    def changes(self) -> list[Change] | None:
        """What the child found; None where it did not get ready in time, or died."""
        try:
            found = self._collect()
        finally:
            os.close(self._output)
            os.kill(self._child, signal.SIGKILL)
        return unpacked(found)

    def end(self) -> None:
        """Wait until the child is gone: its memory takes a while to be given back, which is time for other work."""
        os.waitpid(self._child, 0)

    def _collect(self) -> bytes:
        parts: list[bytes] = []
        while (left := self._deadline - monotonic()) > 0:
            if select.select([self._output], [], [], left)[0]:
                part = os.read(self._output, PIPE_READ)
                if not part:
                    return b"".join(parts)
                parts.append(part)
        return b""


def _compare_and_exit(expected: bytes, actual: bytes, sink: int, seconds: float) -> None:
    """In the child: write the changes, and end."""
    try:
        # The server's end of the connection is to see the parent's death, not wait for the child's.
        os.close(0)
        resource.setrlimit(resource.RLIMIT_CPU, (ceil(seconds) + 1, ceil(seconds) + 1))
        with open(sink, "wb") as output:
            output.write(packed(exact_changes(expected, actual)))
    finally:
        os._exit(0)


def packed(changes: Sequence[Change]) -> bytes:
    """Changes as unsigned numbers, and how many numbers those are."""
    numbers = array("Q", chain.from_iterable(changes))
    numbers.append(len(numbers))
    return numbers.tobytes()


def unpacked(content: bytes) -> list[Change] | None:
    """The changes that were packed; None where some of it is missing."""
    if not content or len(content) % WORD:
        return None
    numbers = array("Q", content)
    if numbers.pop() != len(numbers):
        return None
    fields = iter(numbers)
    return list(map(Change, fields, fields, fields, fields))


def compare(expected: bytes, actual: bytes, question: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """The answer's header, and its body in parts; `question` holds context_lines, unified, name, seconds."""
    attempt = ExactAttempt(expected, actual, question["seconds"])
    try:
        return _answer(attempt, expected, actual, question)
    finally:
        attempt.end()


def _answer(attempt: ExactAttempt, expected: bytes, actual: bytes, question: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    try:
        encoding, expected_text, actual_text = decode_pair(expected, actual)
        sides = split_lines(expected_text), split_lines(actual_text)
    finally:
        exact = attempt.changes()
    lines = sides[0].comparable, sides[1].comparable
    # Where it runs out of memory, the library may find nothing instead of failing.
    is_exact = exact is not None and explains(exact, *lines)
    changes = exact if exact is not None and is_exact else coarse_changes(*lines)
    found = difference(*sides, changes, question["context_lines"])
    shown, truncated = _unified_json(found, question["name"]) if question["unified"] else _hunks_json(found)
    counts = found.summary
    return {
        "precision": Precision.EXACT if is_exact else Precision.COARSE, "encoding": encoding, "truncated": truncated,
        "added_lines": counts.added_lines, "removed_lines": counts.removed_lines, "changed_hunks": counts.changed_hunks}, shown


def _unified_json(found: Difference, name: str) -> tuple[list[bytes], bool]:
    text, truncated = unified(found, name)
    return [orjson.dumps(text)], truncated


def _hunks_json(found: Difference) -> tuple[list[bytes], bool]:
    """The list of hunks in parts, since to put several megabytes together takes as long as a good part of making them."""
    parts: list[bytes] = []
    size, truncated = 0, False
    for hunk in hunks_of(found):
        encoded = orjson.dumps(hunk)
        size += len(encoded)
        truncated = len(parts) == HUNK_LIMIT or size > SHOWN_LIMIT
        if truncated:
            break
        parts.append((b"," if parts else b"[") + encoded)
    return [*(parts or [b"["]), b"]"], truncated


def serve(channel: Channel) -> None:
    """Answer until the server closes the connection."""
    while True:
        try:
            question, body = channel.receive()
        except ChannelLost:
            return
        content = memoryview(body)
        expected, actual = bytes(content[:question["expected"]]), bytes(content[question["expected"]:])
        del content, body
        header, shown = compare(expected, actual, question)
        channel.send(header, sum(map(len, shown)), shown)
        del expected, actual, shown
        gc.collect()


def main() -> None:
    """Serve the process at the other end of standard input, with less right to the processor than it has."""
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    # There are no cycles in hundreds of thousands of lines, and looking for them takes as long as making them.
    gc.disable()
    with socket.socket(fileno=0) as connection, suppress(ChannelLost, MemoryError):
        serve(Channel(connection))


if __name__ == "__main__":
    main()
