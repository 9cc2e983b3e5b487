"""Messages of workers: one for each form in `contract/worker-protocol.md`."""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote_plus

from api.domain.results.exit_code import signed_32_bits
from api.domain.runs.run import Phase

INTEGER = re.compile(r"[+-]?[0-9]{1,18}\Z")
MESSAGE_LENGTH = 10_000
MAX_INTEGER = 2**31 - 1
FIELDS = (
    "type", "status", "message", "test_id", "test_file_id", "exitCode", "runTime", "artifact_type", "file")
# Where a field begins: an ampersand before anything else is a part of the text that it stands in.
_FIELD = re.compile(rf"(?:\A|&)({'|'.join(FIELDS)})=")
# What no program that escapes leaves in a field.
_UNESCAPED = re.compile(r"[^A-Za-z0-9%+*._~!'()-]|%(?![0-9A-Fa-f]{2})")


class Answer(StrEnum):
    """The one word that a worker gets back."""

    OK = "OK"
    FAIL = "FAIL"
    EMPTY = "EMPTY"


class Malformed(Exception):
    """A field that the message needs is missing, or is not what it should be; `field` is its name."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class ArtifactKind(StrEnum):
    """The files of a run that a worker sends besides its log."""

    BINARY = "binary"
    COMBINED_STDOUT = "combined_stdout"
    COREDUMP = "coredump"


@dataclass(frozen=True, slots=True)
class ProgressMessage:
    """The run entered a phase."""

    phase: Phase
    message: str


@dataclass(frozen=True, slots=True)
class EqualityMessage:
    """An output matched; `output_id` is −1 where the worker does not know it."""

    regression_id: int
    output_id: int


@dataclass(frozen=True, slots=True)
class UploadMessage:
    """An output that did not match; the file comes with the message."""

    regression_id: int
    output_id: int


@dataclass(frozen=True, slots=True)
class FinishMessage:
    """A regression test ended. The exit code is signed 32 bits, the runtime in milliseconds."""

    regression_id: int
    exit_code: int
    runtime_ms: int


@dataclass(frozen=True, slots=True)
class LogMessage:
    """The run's log."""


@dataclass(frozen=True, slots=True)
class ArtifactMessage:
    """A file of the run."""

    kind: ArtifactKind


WorkerMessage = ProgressMessage | EqualityMessage | UploadMessage | FinishMessage | LogMessage | ArtifactMessage
WITH_FILE = (UploadMessage, LogMessage, ArtifactMessage)


def read_fields(body: str) -> dict[str, str]:
    """The fields of a urlencoded form, as workers write it: some escape what they send, others nothing at all.

    A field that was not escaped is taken as it is, with its signs of plus, percent and ampersand; what looks like a field that came
    already is a part of the text that it stands in.
    """
    begins: dict[str, re.Match[str]] = {}
    for found in _FIELD.finditer(body):
        begins.setdefault(found[1], found)
    if not begins:
        return {}
    ends = [*(following.start() for following in list(begins.values())[1:]), len(body)]
    return {name: _unescaped(body[found.end():end]) for (name, found), end in zip(begins.items(), ends, strict=True)}


def _unescaped(text: str) -> str:
    return text if _UNESCAPED.search(text) else unquote_plus(text)


def parse_message(fields: Mapping[str, str]) -> WorkerMessage:
    """Read a form's fields. Raises Malformed, naming the first field that is missing or wrong."""
    kind = fields.get("type")
    if kind == "progress":
        return ProgressMessage(_phase(fields), fields.get("message", "")[:MESSAGE_LENGTH])
    if kind == "equality":
        return EqualityMessage(_integer(fields, "test_id"), _integer(fields, "test_file_id"))
    if kind == "upload":
        return UploadMessage(_integer(fields, "test_id"), _integer(fields, "test_file_id"))
    if kind == "finish":
        return FinishMessage(_integer(fields, "test_id"), signed_32_bits(_integer(fields, "exitCode")), _runtime(fields))
    if kind == "logupload":
        return LogMessage()
    if kind == "artifactupload":
        return ArtifactMessage(_artifact(fields))
    raise Malformed("type")


def _phase(fields: Mapping[str, str]) -> Phase:
    try:
        return Phase(fields.get("status", "").strip())
    except ValueError as unknown:
        raise Malformed("status") from unknown


def _artifact(fields: Mapping[str, str]) -> ArtifactKind:
    try:
        return ArtifactKind(fields.get("artifact_type", "").strip())
    except ValueError as unknown:
        raise Malformed("artifact_type") from unknown


def _integer(fields: Mapping[str, str], name: str) -> int:
    text = fields.get(name, "").strip()
    if not INTEGER.match(text):
        raise Malformed(name)
    return int(text)


def _runtime(fields: Mapping[str, str]) -> int:
    # A bad or negative time must not cost the result.
    text = fields.get("runTime", "").strip()
    return min(max(int(text), 0), MAX_INTEGER) if INTEGER.match(text) else 0
