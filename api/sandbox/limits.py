"""Resource limits of one step of a job."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """Wall time in seconds, sizes in bytes, processor time in whole processors.

    `processes` counts threads too. `workspace_bytes` is the whole workspace, `file_bytes` one file in it, `log_bytes` what the step
    may print. `network` gives the step the host's network, which nothing else does.
    """

    seconds: float = 600
    memory_bytes: int = 1 << 30
    processes: int = 256
    cpus: float = 1
    workspace_bytes: int = 2 << 30
    log_bytes: int = 128 << 20
    file_bytes: int = 1 << 30
    network: bool = False

    def as_json(self) -> dict[str, Any]:
        """The limits as they are written into a file."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Limits:
        """The reverse of `as_json`."""
        return cls(**values)
