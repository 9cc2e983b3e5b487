"""The program of a diff process: reads requests from its standard input, answers with differences.

A child of this process looks for git's changes while this one reads the lines; when the child has not answered in time it is
killed, and the coarser way is taken here.
"""
from __future__ import annotations

import gc
import os
import resource
import socket
from codecs import BOM_UTF8
from contextlib import suppress
from dataclasses import asdict
from time import monotonic, process_time
from typing import Any

import orjson

from api.diffs.channel import Channel, ChannelClosed
from api.diffs.child import ExactChild
from api.diffs.cues_json import cues_json, places_json
from api.domain.captions.cue_diff import cue_diff
from api.domain.captions.facts import facts
from api.domain.results.failure_code import FailureCode
from api.domain.text.byte_difference import byte_difference
from api.domain.text.decoding import MARK, Encoding, Reading, decode_cp1252, decode_pair
from api.domain.text.diff import HUNK_LIMIT, Difference, Precision, difference, hunks_of, split_lines
from api.domain.text.edit_script import coarse_changes, explains
from api.domain.text.unified import unified

# Hunks of long lines are left out beyond this size, in bytes of JSON.
SHOWN_LIMIT = 32 << 20
MEMORY_LIMIT = 1 << 30


def compare(
    child: ExactChild, expected: bytes, actual: bytes, question: dict[str, Any],
) -> tuple[dict[str, Any], list[bytes]]:
    """The answer's header, and its body in parts; `question` holds context_lines, unified, name, seconds.

    Of stretches of larger files it also holds the lines that are before them, and their reading.
    """
    binary = byte_difference(expected, actual)
    reading = Reading(**question["reading"]) if "reading" in question else Reading.of(expected, actual)
    expected, actual = reading.as_utf_8(expected), reading.as_utf_8(actual)
    child.ask(expected, actual, question["seconds"])
    encoding, expected_text, actual_text = decode_pair(expected, actual)
    sides = split_lines(expected_text), split_lines(actual_text)
    exact = child.changes()
    lines = sides[0].comparable, sides[1].comparable
    # Where it runs out of memory, the library may find nothing instead of failing.
    is_exact = exact is not None and explains(exact, *lines)
    changes = exact if exact is not None and is_exact else coarse_changes(*lines)
    mark = decode_cp1252(BOM_UTF8) if encoding is Encoding.CP1252 else MARK
    found = difference(
        *sides, changes, question["context_lines"], mark=mark if reading.expected_mark or reading.actual_mark else "",
        before=question.get("before", 0))
    shown, truncated = _unified_json(found, question["name"]) if question["unified"] else _hunks_json(found)
    counts = found.summary
    return {
        "precision": Precision.EXACT if is_exact else Precision.COARSE, "encoding": reading.wide or encoding, "bom": reading.bom,
        "truncated": truncated, "binary": None if binary is None else asdict(binary),
        "added_lines": counts.added_lines, "removed_lines": counts.removed_lines, "changed_hunks": counts.changed_hunks}, shown


def compare_cues(expected: bytes, actual: bytes, question: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """The answer's header, and its body; `question` holds the code of how the program ended, and `places`."""
    code = question["code"]
    found = cue_diff(expected, actual, None if code is None else FailureCode[code], clock=process_time)
    shown = cues_json(found) | ({"places": places_json(found)} if question["places"] else {})
    return {"is_final": not found.is_late, "is_read": found.is_read}, [orjson.dumps(shown)]


def facts_of_pairs(content: memoryview, question: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """The facts of the first pairs of many, of all that were begun within a part of the time; `question` holds sizes and codes."""
    end, start, found = monotonic() + question["seconds"], 0, []
    for expected, actual, code in question["pairs"]:
        middle, behind = start + expected, start + expected + actual
        shown = facts(
            bytes(content[start:middle]), bytes(content[middle:behind]), None if code is None else FailureCode[code], whole=True,
            clock=process_time)
        found.append([fact.fields for fact in shown])
        start = behind
        if monotonic() > end:
            break
    return {"done": len(found)}, [orjson.dumps(found)]


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


def serve(channel: Channel, child: ExactChild) -> None:
    """Answer until the server closes the connection."""
    while True:
        # Whoever asks is not to wait for a fork.
        child.start()
        try:
            question, body = channel.receive()
        except ChannelClosed:
            return
        header, shown = _answer(child, memoryview(body), question)
        del body
        channel.send(header, sum(map(len, shown)), shown)
        del shown
        gc.collect()


def _answer(child: ExactChild, content: memoryview, question: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    if "pairs" in question:
        return facts_of_pairs(content, question)
    expected, actual = bytes(content[:question["expected"]]), bytes(content[question["expected"]:])
    return compare_cues(expected, actual, question) if "cues" in question else compare(child, expected, actual, question)


def main() -> None:
    """Serve the process at the other end of standard input, with less right to the processor than it has."""
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    # There are no cycles in hundreds of thousands of lines, and looking for them takes as long as making them.
    gc.disable()
    with socket.socket(fileno=0) as connection, suppress(ChannelClosed, MemoryError):
        serve(Channel(connection), ExactChild())


if __name__ == "__main__":
    main()
