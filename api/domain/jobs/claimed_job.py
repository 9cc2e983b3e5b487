"""A job as a machine has it: what it needs to know of it, and what it says of its end."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.domain.jobs.job import JobReason
from api.domain.jobs.orders import Orders
from api.domain.runs.machine import JobClaim


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A claimed job. `fence` is that of the claim. Caches are kept by `owner_id`. `project` is the SHA-256 of its zip, None
    where that was removed.
    """

    job_id: str
    attempt: int
    fence: int
    owner_id: int
    orders: Orders
    project: str | None

    @property
    def claim(self) -> str:
        """The name of its claim."""
        return str(JobClaim(self.job_id, self.fence))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ClaimedJob:
        """The job of an answer of the server's."""
        return cls(
            values["job_id"], values["attempt"], values["fence"], values["owner_id"], Orders.from_json(values["orders"]),
            None if values["project"] is None else values["project"]["sha256"])


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How an attempt ended. `log_bytes` is the length of its log.

    `artifacts` are what was kept, each with `name`, `kind`, `size_bytes` and `sha256`; `junit` is what the reports among them say;
    `left_out` files were not kept, for the `limits_hit`.
    """

    reason: JobReason
    exit_code: int | None = None
    log_bytes: int = 0
    artifacts: Sequence[Mapping[str, Any]] = ()
    junit: Mapping[str, Any] | None = None
    left_out: int = 0
    limits_hit: Sequence[str] = field(default=())

    @property
    def manifest(self) -> dict[str, Any]:
        """What is written down of the artifacts."""
        return {
            "artifacts": [dict(each) for each in self.artifacts], "junit": self.junit, "left_out": self.left_out,
            "limits_hit": list(self.limits_hit)}

    def as_json(self) -> dict[str, Any]:
        """The end, as a machine says it."""
        return {"reason": self.reason.value, "exit_code": self.exit_code, "log_bytes": self.log_bytes, **self.manifest}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> JobEnd:
        """The reverse of `as_json`."""
        return cls(
            JobReason(values["reason"]), values["exit_code"], values["log_bytes"], values["artifacts"], values["junit"],
            values["left_out"], values["limits_hit"])
