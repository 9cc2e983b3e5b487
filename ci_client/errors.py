"""Errors of the client, with messages for people."""
from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class CiError(RuntimeError):
    """The base of the client's errors; the message says what to do where that is known."""


class Unreachable(CiError):
    """The server did not answer."""


class Refused(CiError):
    """The server's answer is a refusal. `code` is the server's reason for programs; empty where the answer was of another kind."""

    def __init__(self, text: str, *, status: int, code: str = "", retry_after: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.retry_after = retry_after


def printable(text: str) -> str:
    """Replace control characters, so that text from outside is safe on a terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
