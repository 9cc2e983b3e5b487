"""Runs one program until it exits, times out or is cancelled, and kills what it leaves behind."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from api.domain.results.exit_code import TIME_LIMIT_EXIT_CODE, signed_32_bits
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.worker.programs.command import Invocation
from api.worker.programs.descendants import kill_by_home, kill_group
from api.worker.programs.full_disk import DiskFull
from api.worker.programs.output_capture import BoundedLog
from api.worker.run_error import RunError

STOPPED_EXIT_CODE = -signal.SIGKILL
CHUNK = 1 << 16
POLL_SECONDS = 0.02
LINGER_SECONDS = 5.0

_PROJECT = Path(__file__).parents[3]
# Site packages are not imported.
_LAUNCHER = (sys.executable, "-S", "-P", "-m", "api.worker.programs.launcher")
_SENDER_FILE_BYTES = 1 << 20


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
    """Executes an invocation: `run_process` on the bare host, or a sandbox."""

    def __call__(self, invocation: Invocation, limits: Limits, *, stop: Callable[[], bool]) -> Execution:
        """Execute and return how it ended; raise RunError where the program cannot be started at all."""


def environment(home: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a program under test, without the worker's settings and secrets."""
    kept = {name: inherited[name] for name in ("PATH", "LANG", "TZ") if name in inherited}
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC", **kept, "HOME": str(home)}


def run_process(
    invocation: Invocation, limits: Limits, *, stop: Callable[[], bool], monotonic: Callable[[], float] = time.monotonic,
    inherited: Mapping[str, str] | None = None,
) -> Execution:
    """Execute on the bare host, in a process group of its own, which is always killed at the end.

    Raises DiskFull where the disk did not take the program's output.
    """
    env = environment(invocation.folder, {"PATH": os.defpath} if inherited is None else inherited)
    log = BoundedLog(invocation.log, limits.log_bytes)
    try:
        with _RunningProgram(invocation, limits, env, log) as started:
            execution = started.watch(limits, stop, monotonic)
    finally:
        log.close()
    if log.is_incomplete:
        raise DiskFull
    return execution


class _RunningProgram:
    """A running program with the threads that copy its input and output."""

    def __init__(self, invocation: Invocation, limits: Limits, env: Mapping[str, str], log: BoundedLog) -> None:
        self._invocation = invocation
        self._log = log
        self._threads: list[threading.Thread] = []
        # Only this process holds the other end, so the pipe closes when it dies, which kills the program.
        self._lifeline, self._life = os.pipe()
        try:
            self._process = _start(invocation, limits, env, self._lifeline)
        except BaseException:
            self._release()
            raise
        self._sender: subprocess.Popen[bytes] | None = None
        self._fed_at: float | None = None

    def __enter__(self) -> _RunningProgram:
        output = self._process.stderr if self._invocation.stdout is not None else self._process.stdout
        if output is not None:
            self._start_thread(_drain, output, self._log)
        if self._invocation.stdin is not None and self._process.stdin is not None:
            self._start_thread(_feed, self._invocation.stdin, self._process.stdin)
        if self._invocation.sender is not None:
            try:
                self._sender = _start_sender(self._invocation, self._lifeline)
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

    def __exit__(self, *_: object) -> None:
        kill_group(self._process.pid)
        kill_by_home(self._invocation.folder)
        if self._sender is not None:
            kill_group(self._sender.pid)
            self._sender.wait()
        self._process.wait()
        for target in self._threads:
            # An escaped program may still hold the pipe; the thread is then abandoned.
            target.join(LINGER_SECONDS)
        self._release()

    def _release(self) -> None:
        os.close(self._lifeline)
        os.close(self._life)

    def _wait(self) -> int | None:
        try:
            return self._process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def _has_read_all_input(self, elapsed: float) -> bool:
        """Whether all input was sent a while ago: a UDP stream has no end that the program could see."""
        if self._sender is None or self._sender.poll() is None:
            return False
        self._fed_at = elapsed if self._fed_at is None else self._fed_at
        return elapsed - self._fed_at >= LINGER_SECONDS

    def _start_thread(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)


def _exit_code(returned: int) -> int:
    return 128 + signal.SIGHUP if returned == -signal.SIGHUP else signed_32_bits(returned)


def _start(invocation: Invocation, limits: Limits, env: Mapping[str, str], lifeline: int) -> subprocess.Popen[bytes]:
    produced = invocation.stdout.open("wb") if invocation.stdout is not None else None
    try:
        return _launch(
            invocation.arguments, limits, lifeline, cwd=invocation.folder, env=env,
            stdin=subprocess.PIPE if invocation.stdin is not None else subprocess.DEVNULL,
            stdout=produced if produced is not None else subprocess.PIPE,
            stderr=subprocess.PIPE if produced is not None else subprocess.STDOUT)
    finally:
        if produced is not None:
            produced.close()


def _launch(
    arguments: Sequence[str], limits: Limits, lifeline: int, *, cwd: Path, env: Mapping[str, str], **streams: Any,
) -> subprocess.Popen[bytes]:
    """Start a program under the launcher. Raises RunError where it cannot be started."""
    status_reader, status_writer = os.pipe()
    sizes = (limits.file_bytes, limits.core_bytes, limits.memory_bytes)
    orders = (*map(str, (lifeline, status_writer, *sizes)), os.pathsep.join(limits.groups))
    try:
        process = subprocess.Popen(
            [*_LAUNCHER, *orders, *arguments], cwd=cwd, env={**env, "PYTHONPATH": str(_PROJECT)}, start_new_session=True,
            pass_fds=(lifeline, status_writer), **streams)
    except OSError:
        os.close(status_reader)
        raise
    finally:
        os.close(status_writer)
    _require_started(status_reader, process)
    return process


def _require_started(status_reader: int, process: subprocess.Popen[bytes]) -> None:
    with os.fdopen(status_reader, "rb") as status:
        number = status.read()
    if number:
        process.communicate()
        raise RunError(InfrastructureCode.EXECUTABLE_INVALID, f"The executable cannot be started: {os.strerror(int(number))}.")


def _start_sender(invocation: Invocation, lifeline: int) -> subprocess.Popen[bytes]:
    return _launch(
        invocation.sender or (), Limits(file_bytes=_SENDER_FILE_BYTES), lifeline, cwd=invocation.folder,
        env=environment(invocation.folder, os.environ), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _drain(output: IO[bytes], log: BoundedLog) -> None:
    with output:
        while chunk := os.read(output.fileno(), CHUNK):
            log.write(chunk)


def _feed(source: Path, stdin: IO[bytes]) -> None:
    try:
        with stdin, source.open("rb") as sample:
            while chunk := sample.read(CHUNK):
                stdin.write(chunk)
    except BrokenPipeError:
        # A program need not read all of its input.
        return
