"""Errors of the client, with messages for people and exit statuses for programs."""
from __future__ import annotations

import re
from enum import IntEnum
from http import HTTPStatus

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class ExitStatus(IntEnum):
    """What the command `ci` ends with."""

    PASSED = 0
    TESTS_FAILED = 1
    CALLED_WRONGLY = 2
    NOT_EXECUTED = 3
    REFUSED = 4
    SERVER_AWAY = 5
    INTERRUPTED = 130
    # 128 and the number of SIGPIPE, as shells have it.
    NOT_READ = 141


class CiError(RuntimeError):
    """The base of the client's errors, and what is wrong on this side; the message says what to do where that is known."""

    exit_status = ExitStatus.CALLED_WRONGLY


class Unreachable(CiError):
    """The server did not answer, or not like a job service."""

    exit_status = ExitStatus.SERVER_AWAY


class Refused(CiError):
    """The server's answer is a refusal. `code` is the server's reason for programs; empty where the answer was of another kind."""

    def __init__(self, text: str, *, status: int, code: str = "", retry_after: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.exit_status = ExitStatus.SERVER_AWAY if status >= HTTPStatus.INTERNAL_SERVER_ERROR else ExitStatus.REFUSED


def printable(text: str) -> str:
    """Replace control characters, so that text from outside is safe on a terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
