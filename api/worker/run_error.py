"""Errors that end a run, with the reason that is reported."""
from __future__ import annotations

import re

from api.domain.runs.claimed_run import ReportedError
from api.domain.runs.infrastructure_code import InfrastructureCode

MAX_REASON_LENGTH = 440
_BLANKS = re.compile(r"\s+")


class RunError(Exception):
    """A run cannot be executed, through no fault of the code under test.

    The reason is shown to people: it names no path outside the store and no secret.
    """

    def __init__(self, code: InfrastructureCode, reason: str) -> None:
        self.code = code
        self.reason = _single_line(reason)
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The error as logs tell it, `[type] reason`."""
        return f"[{self.code.type}] {self.reason}"

    @property
    def reported(self) -> ReportedError:
        """The error as it is reported."""
        return ReportedError.of(self.code, self.reason)


class WorkerLost(RunError):
    """The worker is lost through no fault of the run, which is to be queued again."""


class TestRunError(RunError):
    """One test cannot be executed; the run goes on."""

    __test__ = False


def _single_line(reason: str) -> str:
    text = _BLANKS.sub(" ", reason).strip()
    return text if len(text) <= MAX_REASON_LENGTH else f"{text[:MAX_REASON_LENGTH - 1]}…"
