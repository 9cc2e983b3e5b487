"""Runs git on untrusted repositories: with our configuration alone, and within limits.

It runs outside the sandbox, since only a sandbox that shares the host's whole network could reach a server, and since images need not have
git; nothing of a repository is executed by it: there are no hooks, filters, drivers, credentials, submodules, or other protocols.
"""
from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from api.domain.runs.infrastructure_code import InfrastructureCode
from api.host.folder_size import is_larger
from api.sandbox.limits import Limits as SandboxLimits
from api.sandbox.linux.cgroups import MEMORY, PARENT, Group, detect
from api.worker.cancellation import Cancellation
from api.worker.programs.command import Invocation
from api.worker.programs.execution import Execution, Limits
from api.worker.programs.process import run_process
from api.worker.run_error import RunError

SIZE_POLL_SECONDS = 1.0
PAUSE_STEP = 0.1
LOG_BYTES = 64 << 10
ANSWER_BYTES = 64 << 20
OUT_OF_MEMORY = "out of memory"
SETTINGS = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.attributesFile=/dev/null", "core.excludesFile=/dev/null",
    "core.protectHFS=true", "core.protectNTFS=true", "credential.helper=", "gc.auto=0", "maintenance.auto=false",
    "core.bigFileThreshold=32m", "pack.threads=1",
    "fetch.recurseSubmodules=false", "submodule.recurse=false", "http.followRedirects=false", "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60", "protocol.version=2", "transfer.bundleURI=false", "advice.detachedHead=false")
VARIABLES = {
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_ATTR_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false", "SSH_ASKPASS": "/bin/false", "GIT_SSH_COMMAND": "/bin/false", "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0", "GIT_PAGER": "cat", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True)
class GitOptions:
    """`base` is what a repository's address begins with; `seconds` and `memory` bytes bound one call, `space` bytes a repository's folder.

    A commit has at most `files` files, of `space` bytes. `pauses` lie before the repeats of a fetch that did not reach the server.
    `authorities` is a file of certificates to trust in place of the system's; `mirrors` where repositories are kept between runs.
    `cgroup` is the control group below which each call has one of its own, where this host has them.
    """

    base: str
    mirrors: Path
    seconds: float = 600
    space: int = 2 << 30
    memory: int = 1 << 30
    files: int = 100_000
    authorities: Path | None = None
    pauses: tuple[float, ...] = (2, 10)
    cgroup: str = PARENT

    def address(self, repository: str) -> str:
        """Where a repository is fetched from; `repository` is owner/name and was checked."""
        return f"{self.base.rstrip('/')}/{repository}.git"


@dataclass(frozen=True)
class GitOutput:
    """The result of a call: exit code, standard output, and standard error for the log."""

    code: int
    output: bytes
    messages: str


class Git:
    """Git for one run. `home` is an empty folder of the run's own."""

    def __init__(
        self, options: GitOptions, home: Path, cancellation: Cancellation, monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.options = options
        self._home, self._cancellation, self._monotonic = home, cancellation, monotonic

    def run(self, repository: Path, *arguments: str, variables: dict[str, str] | None = None, max_bytes: int | None = None) -> GitOutput:
        """Run a command on a bare repository; one that writes a file of more than `max_bytes` is killed by SIGXFSZ.

        Raises RunError, type checkout, at a limit, and Cancelled where the run is to stop.
        """
        self._cancellation.check()
        output, log = self._home / "output", self._home / "log"
        call = Invocation(self._command(repository, arguments, variables or {}), self._home, log, stdout=output)
        watch = _LimitWatch(self._cancellation, repository, output, self.options.space, self._monotonic)
        limits = Limits(
            seconds=self.options.seconds, file_bytes=max_bytes or self.options.space, log_bytes=LOG_BYTES, memory_bytes=self.options.memory)
        with _group(self.options) as group:
            execution = run_process(call, replace(limits, groups=group.entrances if group else ()), stop=watch)
            out_of_memory = group is not None and group.out_of_memory_kills() > 0
        messages = log.read_text(errors="replace")
        self._require_within_limits(execution, watch, out_of_memory or OUT_OF_MEMORY in messages.casefold())
        with output.open("rb") as content:
            return GitOutput(execution.exit_code, content.read(ANSWER_BYTES), messages)

    def pause(self, seconds: float) -> None:
        """Wait before a retry; raise Cancelled as soon as the run is cancelled."""
        until = self._monotonic() + seconds
        while (left := until - self._monotonic()) > 0:
            self._cancellation.check()
            time.sleep(min(PAUSE_STEP, left))

    def _command(self, repository: Path, arguments: tuple[str, ...], variables: dict[str, str]) -> tuple[str, ...]:
        env, git = shutil.which("env"), shutil.which("git")
        if env is None or git is None:
            raise RunError(InfrastructureCode.GIT_UNAVAILABLE, "The worker's host has no git.")
        allowed = {"GIT_ALLOW_PROTOCOL": urlsplit(self.options.base).scheme}
        trusted = {"GIT_SSL_CAINFO": str(self.options.authorities)} if self.options.authorities is not None else {}
        given = {**VARIABLES, **allowed, **trusted, **variables}
        settings = (word for setting in SETTINGS for word in ("-c", setting))
        return (env, *(f"{name}={value}" for name, value in given.items()), git, f"--git-dir={repository}", *settings, *arguments)

    def _require_within_limits(self, execution: Execution, watch: _LimitWatch, out_of_memory: bool) -> None:
        if execution.stopped:
            self._cancellation.check()
        if watch.is_too_large:
            raise RunError(InfrastructureCode.REPOSITORY_TOO_LARGE, f"The repository takes more than {self.options.space} bytes.")
        if watch.is_output_too_long:
            raise RunError(InfrastructureCode.REPOSITORY_TOO_LARGE, f"Git answered more than {ANSWER_BYTES} bytes.")
        if out_of_memory and execution.exit_code:
            raise RunError(InfrastructureCode.CHECKOUT_MEMORY_LIMIT, f"Git needed more than {self.options.memory} bytes of memory.")
        if execution.timed_out:
            raise RunError(InfrastructureCode.CHECKOUT_TIME_LIMIT, f"Git took more than {self.options.seconds:.0f} seconds.")


@contextmanager
def _group(options: GitOptions) -> Iterator[Group | None]:
    """A control group that limits the memory of all processes of a call together; None where this host has none.

    Each single process is limited anyway.
    """
    group = None
    groups = detect(parent=options.cgroup)
    if groups is not None and MEMORY in groups.enforced:
        limits = SandboxLimits(memory_bytes=options.memory, cpus=os.cpu_count() or 1)
        with suppress(OSError):
            group = groups.create(f"git-{os.getpid()}-{uuid4().hex}", limits, extra_processes=0)
    try:
        yield group
    finally:
        if group is not None:
            group.kill()
            group.remove()


class _LimitWatch:
    """Stops a call when the run is cancelled, or the repository or git's output grows too large."""

    def __init__(self, cancellation: Cancellation, repository: Path, output: Path, space: int, monotonic: Callable[[], float]) -> None:
        self._cancellation, self._monotonic = cancellation, monotonic
        self._repository, self._output, self._space = repository, output, space
        self._next_poll = monotonic() + SIZE_POLL_SECONDS
        self.is_too_large = self.is_output_too_long = False

    def __call__(self) -> bool:
        if self._monotonic() >= self._next_poll:
            self.is_too_large = is_larger(self._repository, self._space)
            self.is_output_too_long = self._output.stat().st_size > ANSWER_BYTES
            self._next_poll = self._monotonic() + SIZE_POLL_SECONDS
        return self.is_too_large or self.is_output_too_long or self._cancellation()
