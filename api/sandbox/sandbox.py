"""The interface of a sandbox: it runs one command isolated from the host, and describes what it isolates."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from api.sandbox.limits import Limits

WORKSPACE = "/workspace"
PATH = "/usr/local/bin:/usr/bin:/bin"
HOME = "/tmp"


class SandboxFailure(Exception):
    """A sandbox could not be made; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of the host that a sandbox shows at `target`; read-only unless `writable`."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """One command and what it may use.

    `name` is unique on the host and safe as a file's name. `workspace` appears, writable, at /workspace, and is the command's folder
    unless `folder` says another. `user_id` is the slot's own on the host, what all files of the workspace belong to; None where the
    host lets us use no other than ours. `separate` keeps the error output apart from the output; `fed` gives the command an input.
    """

    name: str
    command: tuple[str, ...]
    limits: Limits
    workspace: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    user_id: int | None = None
    folder: str | None = None
    core_bytes: int = 0
    separate: bool = False
    fed: bool = False

    @property
    def working_folder(self) -> str:
        """Where the command starts, inside the sandbox."""
        return self.folder or (WORKSPACE if self.workspace is not None else HOME)

    @property
    def variables(self) -> dict[str, str]:
        """The command's whole environment; nothing of ours is in it."""
        return {"PATH": PATH, "HOME": HOME, "LANG": "C.UTF-8", "TZ": "UTC", **self.environment}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended: its exit code, 128 plus the signal's number where one ended it; or why it never began."""

    exit_code: int | None = None
    failure: str | None = None

    @property
    def signal(self) -> int | None:
        """The signal that ended the command, as far as the exit code tells."""
        return self.exit_code - 128 if self.exit_code is not None and 128 < self.exit_code <= 128 + 64 else None


class SandboxProcess(Protocol):
    """A running command and all that it started. Whoever holds it reads its output and, in the end, kills and closes it."""

    output: int
    errors: int | None
    input: int | None
    ended: int

    def poll(self) -> Ending | None:
        """How the command ended; None while it runs. `ended` is a descriptor that becomes readable at the end."""

    def terminate(self) -> None:
        """Ask everything in the sandbox to end (SIGTERM)."""

    def kill(self) -> None:
        """End everything in the sandbox at once, and wait for that."""

    def is_out_of_memory(self) -> bool:
        """Whether the kernel ended something in the sandbox because of its memory limit."""

    def close(self) -> None:
        """Remove what the sandbox was made of."""


@dataclass(frozen=True, slots=True)
class Guard:
    """One thing that a sandbox is to hold back, whether it does so on this host, and in which way or why not."""

    name: str
    enforced: bool
    words: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a sandbox can do on this host. `trouble` says why it cannot be used at all."""

    sandbox: str
    guards: tuple[Guard, ...] = ()
    trouble: str | None = None

    @property
    def is_usable(self) -> bool:
        """Whether jobs may be run in it."""
        return self.trouble is None

    @property
    def missing(self) -> tuple[Guard, ...]:
        """What it does not hold back here."""
        return tuple(guard for guard in self.guards if not guard.enforced)


class Sandbox(Protocol):
    """A kind of sandbox, such as bubblewrap."""

    @property
    def name(self) -> str:
        """The kind's name."""

    def probe(self) -> Capabilities:
        """Try it out, and say what it holds back on this host."""

    def launch(self, plan: Plan) -> SandboxProcess:
        """Start the plan's command in a sandbox of its own, which dies with the calling process. Raises SandboxFailure."""

    def description(self) -> dict[str, Any]:
        """What `sandboxes.sandbox_of` makes the same sandbox from again, in another process."""

    def sweep(self, made_before: float) -> int:
        """Remove what sandboxes of processes that were killed have left behind; return how many there were.

        What was made later than `made_before`, in seconds since 1970, may be on its way into use, and is left: a minute ago will do.
        """
