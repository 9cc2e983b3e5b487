"""The exit record of an attempt, which its supervisor writes."""
from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from api.domain.jobs.job import JobReason


@dataclass(frozen=True, slots=True)
class ExitRecord:
    """The end of an attempt, written once, in one piece. Times are UTC, sizes in bytes.

    `fence` is the claim that the attempt was made under. `step` names the step that the attempt ended in; None where none was begun.
    A command that was ended by a signal has its number in `signal`, and 128 plus that number in `exit_code`. `log_bytes` is the
    length of the whole log; `log_truncated` says that output was left out. `detail` says more of an `engine_error`, for the operator.
    """

    fence: int
    reason: JobReason
    started_at: datetime
    ended_at: datetime
    exit_code: int | None = None
    signal: int | None = None
    step: str | None = None
    log_bytes: int = 0
    log_truncated: bool = False
    detail: str | None = None

    def as_json(self) -> str:
        """The record as one JSON object."""
        values: dict[str, Any] = asdict(self)
        values["started_at"], values["ended_at"] = self.started_at.isoformat(), self.ended_at.isoformat()
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str | bytes) -> ExitRecord:
        """The reverse of `as_json`. Raises ValueError for what is no record."""
        try:
            values = dict(json.loads(text))
            values["reason"] = JobReason(values["reason"])
            for name in ("started_at", "ended_at"):
                values[name] = datetime.fromisoformat(values[name]).astimezone(UTC)
            return cls(**values)
        except (KeyError, TypeError, ValueError) as wrong:
            raise ValueError("not an exit record") from wrong
