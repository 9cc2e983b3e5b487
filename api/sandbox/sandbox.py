"""The interface of a sandbox: it runs one command isolated from the host, and describes what it isolates."""
from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from api.domain.jobs.job import JobReason
from api.sandbox.limits import Limits

WORKSPACE = "/workspace"
PATH = "/usr/local/bin:/usr/bin:/bin"
HOME = "/tmp"
# The user's own limit of processes is so much above the control group's, which then is hit first and counts that.
MORE_PROCESSES = 16


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
    """One command, with its limits and mounts.

    `name` is unique on the host and safe as a file's name. `workspace` appears, writable, at /workspace, and is the command's folder
    unless `folder` says another. `user_id` is the slot's own on the host, what all files of the workspace belong to; None where the
    host lets us use no other than ours. `separate_errors` keeps standard error apart from standard
    output; `has_input` gives the command a standard input.
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
    separate_errors: bool = False
    has_input: bool = False

    @property
    def working_folder(self) -> str:
        """Where the command starts, inside the sandbox."""
        return self.folder or (WORKSPACE if self.workspace is not None else HOME)

    @property
    def variables(self) -> dict[str, str]:
        """The command's whole environment, without anything of ours."""
        return {"PATH": PATH, "HOME": HOME, "LANG": "C.UTF-8", "TZ": "UTC", **self.environment}


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a command ended: its exit code, 128 plus the number of the signal that killed it, or why it never started.

    `reason` is what ended it where that was neither the command nor its owner, as a cluster does.
    """

    exit_code: int | None = None
    failure: str | None = None
    reason: JobReason | None = None

    @property
    def signal(self) -> int | None:
        """The signal that ended the command, as far as the exit code tells."""
        return self.exit_code - 128 if self.exit_code is not None and 128 < self.exit_code <= 128 + 64 else None


class SandboxProcess(Protocol):
    """A running command with its descendants. The owner reads its output, and in the end kills and closes it."""

    output: int
    errors: int | None
    input: int | None
    ended: int

    @property
    def age(self) -> float | None:
        """For how many seconds the command has run already when it is first asked; None before it was started."""

    def poll(self) -> ExitStatus | None:
        """How the command ended; None while it runs. `ended` is a descriptor that becomes readable at the end."""

    def terminate(self) -> None:
        """Send SIGTERM to everything in the sandbox."""

    def kill(self) -> None:
        """Kill everything in the sandbox, and wait for that."""

    def is_out_of_memory(self) -> bool:
        """Whether the kernel killed something in the sandbox for its memory limit."""

    def is_out_of_processes(self) -> bool:
        """Whether the kernel refused the sandbox a process for its limit; to be asked while it runs, and once more at its end."""

    def close(self) -> None:
        """Release the sandbox's resources."""


@dataclass(frozen=True, slots=True)
class Guard:
    """One restriction of a sandbox: whether it is enforced on this host, and how or why not."""

    name: str
    enforced: bool
    words: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The restrictions that a sandbox enforces on this host. `trouble` is why it cannot be used at all."""

    sandbox: str
    guards: tuple[Guard, ...] = ()
    trouble: str | None = None

    @property
    def is_usable(self) -> bool:
        """Whether jobs may be run in it."""
        return self.trouble is None

    @property
    def missing(self) -> tuple[Guard, ...]:
        """The restrictions that it does not enforce here."""
        return tuple(guard for guard in self.guards if not guard.enforced)


class Sandbox(Protocol):
    """A kind of sandbox, such as bubblewrap."""

    @property
    def name(self) -> str:
        """The kind's name."""

    @property
    def can_resume(self) -> bool:
        """Whether a command may go on when all of this host's processes have ended, and is followed again by launching its plan again."""

    def probe(self) -> Capabilities:
        """Run a trial command, and report the restrictions on this host."""

    def launch(self, plan: Plan) -> SandboxProcess:
        """Start the plan's command in a sandbox of its own, which dies with the calling process. Raises SandboxFailure."""

    def description(self) -> dict[str, Any]:
        """A JSON value from which `kinds.sandbox_of` makes the same sandbox in another process."""

    def sweep(self, created_before: float, in_use: Collection[str] = ()) -> int:
        """Remove the remains of sandboxes whose process was killed; return their number. Plans' names that begin so are `in_use`.

        What was made after `created_before`, in seconds since 1970, may be about to be used, and is left: a minute ago will do.
        """
