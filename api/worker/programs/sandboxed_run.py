"""Runs the programs of regression tests in a sandbox."""
from __future__ import annotations

import os
import select
import shlex
import signal
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path

from api.domain.results.exit_code import TIME_LIMIT_EXIT_CODE, normalized
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.host.folder_size import is_larger
from api.host.full_disk import is_full
from api.sandbox.limits import Limits as SandboxLimits
from api.sandbox.sandbox import Mount, Plan, Sandbox, SandboxFailure, SandboxProcess
from api.worker.programs.command import Invocation
from api.worker.programs.execution import STOPPED_EXIT_CODE, Execution, Limits
from api.worker.programs.full_disk import DiskFull
from api.worker.programs.output_capture import BoundedLog
from api.worker.run_error import RunError

POLL_SECONDS = 0.05
CHUNK = 1 << 16
FOLDER_POLL_SECONDS = 1.0
# What lies here is in every sandbox.
SYSTEM = Path("/usr")
STARTS = (b"\x7fELF", b"#!")
# Nothing tells a program of the end of a UDP stream: it gets a moment more, and counts as timed out then.
UNFED_CODE = 124
FED = (
    '"$@" & p=$!; ({sender}; sleep 5; : > /tmp/unfed; kill -KILL $p) >/dev/null 2>&1 </dev/null & wait $p; c=$?; '
    f"test -e /tmp/unfed && exit {UNFED_CODE}; exit $c")


@dataclass(frozen=True)
class SandboxedRun:
    """A RunProcess: each execution is in a sandbox of its own, as `user_id`, within `limits` beside those of the call.

    `name` gives each sandbox a name that is unique on the host. No sandbox has a network, unless `network` says so.
    """

    sandbox: Sandbox
    limits: SandboxLimits
    user_id: int | None
    name: Callable[[], str]
    network: bool = False
    monotonic: Callable[[], float] = time.monotonic

    def __call__(self, invocation: Invocation, limits: Limits, *, stop: Callable[[], bool]) -> Execution:
        """Execute in a sandbox and return how it ended. Raises RunError where program, sandbox, or room for the output is missing."""
        _require_program(invocation)
        if self.user_id is not None:
            _require_readable(each for each in invocation.reads if each != invocation.stdin)
            os.chown(invocation.folder, self.user_id, self.user_id)
        begun = self.monotonic()
        try:
            process = self.sandbox.launch(self._plan(invocation, limits))
        except SandboxFailure as failure:
            raise RunError(InfrastructureCode.SANDBOX_UNAVAILABLE, f"The sandbox did not start: {failure}.") from failure
        try:
            with _Streams(invocation, limits, process) as streams:
                execution = self._watch(invocation, limits, process, streams, begun, stop)
        finally:
            process.close()
        if streams.is_incomplete:
            raise DiskFull
        return execution

    def _plan(self, invocation: Invocation, limits: Limits) -> Plan:
        folder = invocation.place_of(invocation.folder)
        reads = [*invocation.reads, *(Path(sender[0]) for sender in [invocation.sender] if sender is not None)]
        mounts = [
            Mount(path, invocation.place_of(path)) for path in dict.fromkeys(reads)
            if path in invocation.shown or SYSTEM not in path.parents]
        return Plan(
            self.name(), _command(invocation),
            replace(self.limits, seconds=limits.seconds, file_bytes=limits.file_bytes, network=self.network),
            environment={"HOME": folder}, mounts=(*mounts, Mount(invocation.folder, folder, writable=True)), user_id=self.user_id,
            folder=folder, core_bytes=limits.core_bytes, separate_errors=invocation.stdout is not None,
            has_input=invocation.stdin is not None)

    def _watch(
        self, invocation: Invocation, limits: Limits, process: SandboxProcess, streams: _Streams, begun: float, stop: Callable[[], bool],
    ) -> Execution:
        next_look = begun + FOLDER_POLL_SECONDS
        while (ending := process.poll()) is None:
            streams.carry()
            elapsed = self.monotonic() - begun
            if elapsed >= limits.seconds:
                return Execution(TIME_LIMIT_EXIT_CODE, int(limits.seconds * 1000), timed_out=True)
            if stop():
                return Execution(STOPPED_EXIT_CODE, int(elapsed * 1000), stopped=True)
            if self.monotonic() >= next_look:
                if is_larger(invocation.folder, self.limits.workspace_bytes):
                    return Execution(-signal.SIGKILL, int(elapsed * 1000))
                next_look = self.monotonic() + FOLDER_POLL_SECONDS
        runtime_ms = int((self.monotonic() - begun) * 1000)
        if ending.exit_code is None:
            raise RunError(InfrastructureCode.SANDBOX_FAILED, f"The sandbox failed: {ending.failure}.")
        if invocation.sender is not None and ending.exit_code == UNFED_CODE:
            return Execution(TIME_LIMIT_EXIT_CODE, runtime_ms, timed_out=True)
        # A shell has codes of its own for the signals that end a program.
        return Execution(normalized(ending.exit_code), runtime_ms)


class _Streams:
    """What goes into a sandbox and what comes out of it, until its end."""

    def __init__(self, invocation: Invocation, limits: Limits, process: SandboxProcess) -> None:
        self._process = process
        self._room = limits.file_bytes
        self._result = _new_file(invocation.stdout) if invocation.stdout is not None else None
        self._source = invocation.stdin.open("rb") if invocation.stdin is not None else None
        self._log = BoundedLog(invocation.log, limits.log_bytes)
        self._waiting = b""
        self._lacks_room = False
        self._readable = {process.output: self._take_result if self._result is not None else self._log.write}
        if process.errors is not None:
            self._readable[process.errors] = self._log.write
        if process.input is not None:
            os.set_blocking(process.input, False)

    def __enter__(self) -> _Streams:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        # All that could write is dead, so what the pipes hold is the end of it.
        while self._readable and self._read(select.select(list(self._readable), [], [], POLL_SECONDS)[0]):
            continue
        self._log.close()
        for file in (self._result, self._source):
            if file is not None:
                file.close()

    @property
    def is_incomplete(self) -> bool:
        """Whether the disk did not take all that came out."""
        return self._lacks_room or self._log.is_incomplete

    def carry(self) -> None:
        """Wait a moment for something to carry, and carry it."""
        writable = [self._process.input] if self._process.input is not None and self._source is not None else []
        readable, ready, _ = select.select([*self._readable, self._process.ended], writable, [], POLL_SECONDS)
        self._read([each for each in readable if each in self._readable])
        if ready:
            self._feed()

    def _read(self, readable: list[int]) -> bool:
        for each in readable:
            chunk = os.read(each, CHUNK)
            if chunk:
                self._readable[each](chunk)
            else:
                del self._readable[each]
        return bool(readable)

    def _take_result(self, chunk: bytes) -> None:
        rest = memoryview(chunk)[:self._room]
        self._room -= len(rest)
        assert self._result is not None
        try:
            while rest:
                rest = rest[self._result.write(rest):]
        except OSError as fault:
            if not is_full(fault):
                raise
            self._room, self._lacks_room = 0, True

    def _feed(self) -> None:
        assert self._source is not None and self._process.input is not None
        self._waiting = self._waiting or self._source.read(CHUNK)
        if self._waiting:
            try:
                self._waiting = self._waiting[os.write(self._process.input, self._waiting):]
                return
            except BlockingIOError:
                return
            except BrokenPipeError:
                # A program need not read all of its input.
                self._waiting = b""
        self._source.close()
        self._source = None
        os.close(self._process.input)
        self._process.input = None


def _command(invocation: Invocation) -> tuple[str, ...]:
    if invocation.sender is None:
        return invocation.arguments
    return ("/bin/sh", "-c", FED.format(sender=shlex.join(invocation.sender)), "sh", *invocation.arguments)


def _new_file(path: Path) -> FileIO:
    # The folder is the program's own: nothing that lies there is to be followed or written through.
    return FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644), "wb")


def _require_readable(paths: Iterable[Path]) -> None:
    """Raise RunError for a file that the sandbox's user, who is in no group, may not read: the program would fail for that alone."""
    for path in paths:
        with suppress(OSError):
            if not path.stat().st_mode & stat.S_IROTH:
                raise RunError(
                    InfrastructureCode.FILE_UNREADABLE,
                    f"The sandbox's user may not read {path.name}: its mode must let everybody read it.")


def _require_program(invocation: Invocation) -> None:
    shown = {place: path for path, place in invocation.shown.items()}
    program = shown.get(invocation.arguments[0], Path(invocation.arguments[0]))
    with suppress(OSError), program.open("rb") as content:
        if content.read(4).startswith(STARTS) and os.access(program, os.X_OK):
            return
    raise RunError(InfrastructureCode.EXECUTABLE_INVALID, "The executable cannot be started: it is no program of this system.")
