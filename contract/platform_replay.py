"""Asks a server what a recording asked the Sample Platform, and holds the answers against each other, field by field.

`python -m contract.platform_replay ADDRESS TOKEN RECORDING...`: the address is that of the platform's API, its path included. Each
recording is a JSON list of requests with the platform's answers, or of commands with their `requests`. Changes are made in the order of the
recording. It ends with 1 where an answer differs in a way that `contract/platform_differences.py` does not name.
"""
from __future__ import annotations

import json
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from contract.platform_differences import ABSENT, Difference, find_reason

Send = Callable[[str, str, Any], tuple[int, Any]]
PATIENCE = 120
# The lists whose items are told apart by what they are of, since one more or less shifts all others.
NAMED = re.compile(r"/samples/\d+/history(\?.*)?")
NAMES = ("run_id", "regression_test_id")


@dataclass(frozen=True)
class Recorded:
    """A request, and what the platform answered."""

    method: str
    path: str
    body: Any
    status: int
    answer: Any

    @property
    def label(self) -> str:
        """The request in short."""
        return f"{self.method} {self.path}"


def read_recording(path: Path) -> list[Recorded]:
    """The requests of a recording, each different one that reads once."""
    found: dict[str, Recorded] = {}
    for number, each in enumerate(_requests(json.loads(path.read_text(encoding="utf-8")))):
        recorded = Recorded(each["method"], each["path"], each.get("body"), each["status"], each["answer"])
        found.setdefault(recorded.label if recorded.method == "GET" and not _has_changes(found) else f"{number}", recorded)
    return list(found.values())


def _has_changes(found: Mapping[str, Recorded]) -> bool:
    return any(each.method != "GET" for each in found.values())


def _requests(content: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for each in content:
        yield from each.get("requests", [each])


def differences(recorded: Recorded, status: int, answer: Any) -> list[Difference]:
    """Where an answer differs from the recorded one."""
    if status != recorded.status:
        return [Difference(recorded.method, recorded.path, "status", recorded.status, status)]
    theirs_left, ours_left, found = recorded.answer, answer, []
    if NAMED.fullmatch(recorded.path) and status == HTTPStatus.OK:
        found = list(_compared_by_name(recorded.answer["data"], answer["data"]))
        theirs_left, ours_left = ({name: value for name, value in each.items() if name != "data"} for each in (recorded.answer, answer))
    return [
        Difference(recorded.method, recorded.path, place, theirs, ours)
        for place, theirs, ours in (*found, *_compared("", theirs_left, ours_left))]


def _compared_by_name(theirs: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any, Any]]:
    """Items that only one of the lists has, at `data[-]` or `data[+]`; of those that both have, what differs, and their order.

    An item of ours alone stands beside the last one of theirs.
    """
    of_theirs, of_ours = ({tuple(each[name] for name in NAMES): each for each in items} for items in (theirs, ours))
    yield from (("data[-]", each, ABSENT) for name, each in of_theirs.items() if name not in of_ours)
    yield from (("data[+]", theirs[-1] if theirs else ABSENT, each) for name, each in of_ours.items() if name not in of_theirs)
    both = [name for name in of_theirs if name in of_ours]
    yield from _compared("data.order", both, [name for name in of_ours if name in of_theirs])
    for name in both:
        yield from _compared("data[]", of_theirs[name], of_ours[name])


def _compared(place: str, theirs: Any, ours: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in theirs | ours:
            yield from _compared(f"{place}.{name}".lstrip("."), theirs.get(name, ABSENT), ours.get(name, ABSENT))
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for their_item, our_item in zip(theirs, ours, strict=True):
            yield from _compared(f"{place}[]", their_item, our_item)
    elif theirs != ours:
        yield place, theirs, ours


def replay(recording: Sequence[Recorded], send: Send) -> tuple[list[Difference], dict[str, int]]:
    """The differences that have no reason, and how often each reason held."""
    unexplained, reasons = [], dict[str, int]()
    for recorded in recording:
        for difference in differences(recorded, *send(recorded.method, recorded.path, recorded.body)):
            reason = find_reason(difference, send)
            if reason is None:
                unexplained.append(difference)
            else:
                reasons[reason] = reasons.get(reason, 0) + 1
    return unexplained, reasons


def sender(address: str, token: str) -> Send:
    """Sends to a server at this address, with this token; while the server has runs to judge first, it is asked again."""
    def send(method: str, path: str, body: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address.rstrip("/") + path, content, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read() or b"null")

    def patiently(method: str, path: str, body: Any) -> tuple[int, Any]:
        for _ in range(PATIENCE):
            answer = send(method, path, body)
            if answer[0] != HTTPStatus.SERVICE_UNAVAILABLE:
                break
            time.sleep(1)
        return answer

    return patiently


def main(arguments: Sequence[str]) -> int:
    """Replay recordings and print what differs."""
    address, token, *paths = arguments
    recording = [each for path in paths for each in read_recording(Path(path))]
    unexplained, reasons = replay(recording, sender(address, token))
    for difference in unexplained:
        print(difference)
    for reason, times in sorted(reasons.items()):
        print(f"{times:6} {reason}")
    print(f"{len(recording)} requests, {len(unexplained)} differences without a reason")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
