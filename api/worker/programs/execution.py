"""The execution of one program: what it may use, what it is given, how it ended."""
from __future__ import annotations

import errno
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from api.domain.results.exit_code import HANGUP_EXIT_CODE, TIME_LIMIT_EXIT_CODE, signed_32_bits
from api.system import INHERITED
from api.worker.programs.command import Invocation
from api.worker.programs.full_disk import DiskFull
from api.worker.programs.output_capture import BoundedLog

# That of a program which was killed.
STOPPED_EXIT_CODE = -9
CHUNK = 1 << 16
POLL_SECONDS = 0.02
LINGER_SECONDS = 5.0

_SENDER_FILE_BYTES = 1 << 20
# What was written to whoever reads no more; the second is Windows' word for it.
_UNREAD = (errno.EPIPE, errno.EINVAL)


@dataclass(frozen=True)
class Limits:
    """What one execution may use: wall time in seconds, sizes in bytes; no core file unless `core_bytes` says so.

    `memory_bytes`, where it is not 0, holds for each process of its own; `groups` are the entrances of control groups, which hold for all.
    """

    seconds: float = 600
    file_bytes: int = 1 << 30
    log_bytes: int = 8 << 20
    core_bytes: int = 0
    memory_bytes: int = 0
    groups: Sequence[str] = ()


@dataclass(frozen=True)
class Execution:
    """How a program ended.

    The exit code is signed, 32 bits; a program killed by a signal has its negative number, as in Python, but 129 for SIGHUP, since -1
    is the time limit of the platform's workers. At the time limit the code is TIME_LIMIT_EXIT_CODE and the runtime the limit.
    `stopped`: the program was killed because the run was cancelled.
    """

    exit_code: int
    runtime_ms: int
    timed_out: bool = False
    stopped: bool = False


class RunProcess(Protocol):
    """Executes an invocation: on the bare host, or in a sandbox."""

    def __call__(self, invocation: Invocation, limits: Limits, *, stop: Callable[[], bool]) -> Execution:
        """Execute and return how it ended; raise RunError where the program cannot be started at all."""


def environment(home: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a program under test, without the worker's settings and secrets."""
    kept = {name: inherited[name] for name in INHERITED if name in inherited}
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC", **kept, "HOME": str(home)}


class Started(Protocol):
    """A program that was started, with all that it starts."""

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Its process, whose end is its own."""

    def is_too_large(self) -> bool:
        """Whether it has written more than it may, and is to be killed for that."""

    def kill(self) -> None:
        """Kill it and all that it started, as far as they are left."""


class Start(Protocol):
    """Starts a program, with its streams as `subprocess` has them."""

    def __call__(
        self, arguments: Sequence[str], limits: Limits, *, cwd: Path, env: Mapping[str, str], stdin: int, stdout: IO[bytes] | int,
        stderr: int,
    ) -> Started:
        """Start it. Raises RunError where it cannot be started."""


def execute(
    invocation: Invocation, limits: Limits, start: Start, *, stop: Callable[[], bool], monotonic: Callable[[], float] = time.monotonic,
    inherited: Mapping[str, str] | None = None,
) -> Execution:
    """Execute on the bare host, and kill at the end what is left. Raises DiskFull where the disk did not take the program's output."""
    env = environment(invocation.folder, {"PATH": os.defpath} if inherited is None else inherited)
    log = BoundedLog(invocation.log, limits.log_bytes)
    try:
        with _RunningProgram(invocation, limits, start, env, log) as started:
            execution = started.watch(limits, stop, monotonic)
    finally:
        log.close()
    if log.is_incomplete:
        raise DiskFull
    return execution


class _RunningProgram:
    """A running program with the threads that copy its input and output."""

    def __init__(self, invocation: Invocation, limits: Limits, start: Start, env: Mapping[str, str], log: BoundedLog) -> None:
        self._invocation, self._start, self._env, self._log = invocation, start, env, log
        self._threads: list[threading.Thread] = []
        self._program = _started(invocation, limits, start, env)
        self._sender: Started | None = None
        self._fed_at: float | None = None

    def __enter__(self) -> _RunningProgram:
        process = self._program.process
        output = process.stderr if self._invocation.stdout is not None else process.stdout
        if output is not None:
            self._start_thread(_drain, output, self._log)
        if self._invocation.stdin is not None and process.stdin is not None:
            self._start_thread(_feed, self._invocation.stdin, process.stdin)
        if self._invocation.sender is not None:
            try:
                self._sender = self._start_sender(self._invocation.sender)
            except BaseException:
                self.__exit__()
                raise
        return self

    def watch(self, limits: Limits, stop: Callable[[], bool], monotonic: Callable[[], float]) -> Execution:
        """Wait for the exit, the time limit or the cancellation."""
        begun = monotonic()
        limit_ms = int(limits.seconds * 1000)
        while True:
            code = self._wait()
            elapsed = monotonic() - begun
            if code is not None:
                return Execution(_exit_code(code), int(elapsed * 1000))
            if elapsed >= limits.seconds or self._has_read_all_input(elapsed):
                return Execution(TIME_LIMIT_EXIT_CODE, limit_ms, timed_out=True)
            if stop():
                return Execution(STOPPED_EXIT_CODE, int(elapsed * 1000), stopped=True)
            if self._program.is_too_large():
                return Execution(STOPPED_EXIT_CODE, int(elapsed * 1000))

    def __exit__(self, *_: object) -> None:
        self._program.kill()
        if self._sender is not None:
            self._sender.kill()
        for target in self._threads:
            # An escaped program may still hold the pipe; the thread is then abandoned.
            target.join(LINGER_SECONDS)

    def _wait(self) -> int | None:
        try:
            return self._program.process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def _has_read_all_input(self, elapsed: float) -> bool:
        """Whether all input was sent a while ago: a UDP stream has no end that the program could see."""
        if self._sender is None or self._sender.process.poll() is None:
            return False
        self._fed_at = elapsed if self._fed_at is None else self._fed_at
        return elapsed - self._fed_at >= LINGER_SECONDS

    def _start_sender(self, arguments: Sequence[str]) -> Started:
        return self._start(
            arguments, Limits(file_bytes=_SENDER_FILE_BYTES), cwd=self._invocation.folder, env=self._env, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _start_thread(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)


def _exit_code(returned: int) -> int:
    # That of SIGHUP: Windows' own are not negative here.
    return HANGUP_EXIT_CODE if returned == -1 else signed_32_bits(returned)


def _started(invocation: Invocation, limits: Limits, start: Start, env: Mapping[str, str]) -> Started:
    produced = invocation.stdout.open("wb") if invocation.stdout is not None else None
    try:
        return start(
            invocation.arguments, limits, cwd=invocation.folder, env=env,
            stdin=subprocess.PIPE if invocation.stdin is not None else subprocess.DEVNULL,
            stdout=produced if produced is not None else subprocess.PIPE,
            stderr=subprocess.PIPE if produced is not None else subprocess.STDOUT)
    finally:
        if produced is not None:
            produced.close()


def _drain(output: IO[bytes], log: BoundedLog) -> None:
    with output:
        while chunk := os.read(output.fileno(), CHUNK):
            log.write(chunk)


def _feed(source: Path, stdin: IO[bytes]) -> None:
    try:
        with stdin, source.open("rb") as sample:
            while chunk := sample.read(CHUNK):
                stdin.write(chunk)
    except OSError as fault:
        # A program need not read all of its input.
        if fault.errno not in _UNREAD:
            raise
