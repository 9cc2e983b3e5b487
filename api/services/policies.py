"""The operator's policies that handlers need, made once by the application factory."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from api.domain.jobs.archive_check import ArchiveLimits
from api.domain.runs.environment import Environment


@dataclass(frozen=True)
class AccountPolicy:
    """The password scheme, the platform's (sha512_crypt) or our own (argon2id), which depends on the database; and how many live tokens
    an account may have.
    """

    is_platforms: Callable[[], bool]
    live_tokens: int

    @property
    def platform_passwords(self) -> bool:
        """Whether passwords use the platform's scheme."""
        return self.is_platforms()


@dataclass(frozen=True)
class Environments:
    """The configured environments, in their order."""

    configured: tuple[Environment, ...]

    def find(self, environment_id: str | None) -> Environment | None:
        """The environment of this id, active or not."""
        return next((each for each in self.configured if each.environment_id == environment_id), None)


@dataclass(frozen=True)
class ReviewPolicy:
    """Whether admins may approve their own requests, as an installation of one person needs."""

    own_requests: bool


@dataclass(frozen=True)
class LibraryPolicy:
    """How many bytes a file of the library may have."""

    file_bytes: int


@dataclass(frozen=True)
class WorkPolicy:
    """How long what a machine has claimed stays with it, and the folder with the operator's executables.

    `jobs_per_owner` is how many jobs of one account run at once, `quota` how many bytes the files of its jobs may take, which are removed
    `retention` after a job's end.
    """

    main_repository: str
    lease: timedelta
    executables: Path
    jobs_per_owner: int
    quota: int
    retention: timedelta


@dataclass(frozen=True)
class JobPolicy:
    """Whether jobs are accepted, how large their projects may be, and which hosts webhooks may be sent to.

    `waiting`: how many jobs of one account may be queued. `quota` is how many bytes the files of its jobs may take, which are removed
    `retention` after a job's end. Accounts of `roles` may submit jobs.
    """

    accepted: bool
    zip_bytes: int
    limits: ArchiveLimits
    hook_hosts: tuple[str, ...]
    hook_private: bool
    waiting: int
    quota: int
    retention: timedelta
    roles: tuple[str, ...]
