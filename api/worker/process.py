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
from api.domain.runs.infrastructure import InfrastructureType
from api.worker.command import Invocation
from api.worker.descendants import end_group, end_marked
from api.worker.full_disk import DiskFull
from api.worker.output_capture import BoundedLog
from api.worker.run_error import RunError

STOPPED_EXIT_CODE = -signal.SIGKILL
CHUNK = 1 << 16
POLL_SECONDS = 0.02
LINGER = 5.0

_PROJECT = Path(__file__).parents[2]
# What is installed beside the standard library is not looked through.
_LAUNCHER = (sys.executable, "-S", "-P", "-m", "api.worker.launcher")
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

    The exit code is signed, 32 bits; a program ended by a signal has its negative number, as in Python, but 129 for SIGHUP: -1 tells of
    the time limit of the platform's workers. At the time limit the code is TIME_LIMIT_EXIT_CODE and the runtime the limit. `stopped`: the
    program was ended because nobody wants its result any more.
    """

    exit_code: int
    runtime_ms: int
    timed_out: bool = False
    stopped: bool = False


class RunProcess(Protocol):
    """What executes an invocation; `run_process` on the bare host, a sandbox elsewhere."""

    def __call__(self, invocation: Invocation, limits: Limits, *, stop: Callable[[], bool]) -> Execution:
        """Execute and return how it ended; raise RunError where the program cannot be started at all."""


def environment(home: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return all that a program under test sees of the environment; nothing of the worker's settings or secrets."""
    kept = {name: inherited[name] for name in ("PATH", "LANG", "TZ") if name in inherited}
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC", **kept, "HOME": str(home)}


def run_process(
    invocation: Invocation, limits: Limits, *, stop: Callable[[], bool], monotonic: Callable[[], float] = time.monotonic,
    inherited: Mapping[str, str] | None = None,
) -> Execution:
    """Execute on the bare host, in a process group of its own which is killed at the end, however that comes.

    Raises DiskFull where what the program printed found no room.
    """
    env = environment(invocation.folder, {"PATH": os.defpath} if inherited is None else inherited)
    log = BoundedLog(invocation.log, limits.log_bytes)
    try:
        with _Started(invocation, limits, env, log) as started:
            execution = started.watch(limits, stop, monotonic)
    finally:
        log.close()
    if log.is_short:
        raise DiskFull
    return execution


class _Started:
    """A running program with the threads that carry its input and its output."""

    def __init__(self, invocation: Invocation, limits: Limits, env: Mapping[str, str], log: BoundedLog) -> None:
        self._invocation = invocation
        self._log = log
        self._carriers: list[threading.Thread] = []
        # Its other end is held by nobody else, so it closes when this process dies: that ends what was started.
        self._lifeline, self._life = os.pipe()
        try:
            self._process = _start(invocation, limits, env, self._lifeline)
        except BaseException:
            self._release()
            raise
        self._sender: subprocess.Popen[bytes] | None = None
        self._fed_at: float | None = None

    def __enter__(self) -> _Started:
        output = self._process.stderr if self._invocation.stdout is not None else self._process.stdout
        if output is not None:
            self._carry(_drain, output, self._log)
        if self._invocation.stdin is not None and self._process.stdin is not None:
            self._carry(_feed, self._invocation.stdin, self._process.stdin)
        if self._invocation.sender is not None:
            try:
                self._sender = _start_sender(self._invocation, self._lifeline)
            except BaseException:
                self.__exit__()
                raise
        return self

    def watch(self, limits: Limits, stop: Callable[[], bool], monotonic: Callable[[], float]) -> Execution:
        """Wait for the end, the limit or the stop, whichever is first."""
        begun = monotonic()
        limit_ms = int(limits.seconds * 1000)
        while True:
            code = self._wait()
            elapsed = monotonic() - begun
            if code is not None:
                return Execution(_exit_code(code), int(elapsed * 1000))
            if elapsed >= limits.seconds or self._unfed(elapsed):
                return Execution(TIME_LIMIT_EXIT_CODE, limit_ms, timed_out=True)
            if stop():
                return Execution(STOPPED_EXIT_CODE, int(elapsed * 1000), stopped=True)

    def __exit__(self, *_: object) -> None:
        end_group(self._process.pid)
        end_marked(self._invocation.folder)
        if self._sender is not None:
            end_group(self._sender.pid)
            self._sender.wait()
        self._process.wait()
        for carrier in self._carriers:
            # Where a program that got away cannot be found, it may hold the pipe: the thread is then left to itself.
            carrier.join(LINGER)
        self._release()

    def _release(self) -> None:
        os.close(self._lifeline)
        os.close(self._life)

    def _wait(self) -> int | None:
        try:
            return self._process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def _unfed(self, elapsed: float) -> bool:
        """Whether all input was sent, and the program still waits for more: nothing tells it of the end of a UDP stream."""
        if self._sender is None or self._sender.poll() is None:
            return False
        self._fed_at = elapsed if self._fed_at is None else self._fed_at
        return elapsed - self._fed_at >= LINGER

    def _carry(self, carrier: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=carrier, args=arguments, daemon=True)
        thread.start()
        self._carriers.append(thread)


def _exit_code(returned: int) -> int:
    return 128 + signal.SIGHUP if returned == -signal.SIGHUP else signed_32_bits(returned)


def _start(invocation: Invocation, limits: Limits, env: Mapping[str, str], lifeline: int) -> subprocess.Popen[bytes]:
    produced = invocation.stdout.open("wb") if invocation.stdout is not None else None
    try:
        return _launched(
            invocation.arguments, limits, lifeline, cwd=invocation.folder, env=env,
            stdin=subprocess.PIPE if invocation.stdin is not None else subprocess.DEVNULL,
            stdout=produced if produced is not None else subprocess.PIPE,
            stderr=subprocess.PIPE if produced is not None else subprocess.STDOUT)
    finally:
        if produced is not None:
            produced.close()


def _launched(
    arguments: Sequence[str], limits: Limits, lifeline: int, *, cwd: Path, env: Mapping[str, str], **streams: Any,
) -> subprocess.Popen[bytes]:
    """Start a program under the launcher. Raises RunError where it cannot be started."""
    told, tells = os.pipe()
    sizes = (limits.file_bytes, limits.core_bytes, limits.memory_bytes)
    orders = (*map(str, (lifeline, tells, *sizes)), os.pathsep.join(limits.groups))
    try:
        process = subprocess.Popen(
            [*_LAUNCHER, *orders, *arguments], cwd=cwd, env={**env, "PYTHONPATH": str(_PROJECT)}, start_new_session=True,
            pass_fds=(lifeline, tells), **streams)
    except OSError:
        os.close(told)
        raise
    finally:
        os.close(tells)
    _require_started(told, process)
    return process


def _require_started(told: int, process: subprocess.Popen[bytes]) -> None:
    with os.fdopen(told, "rb") as status:
        number = status.read()
    if number:
        process.communicate()
        raise RunError(InfrastructureType.BUILD, f"The executable cannot be started: {os.strerror(int(number))}.")


def _start_sender(invocation: Invocation, lifeline: int) -> subprocess.Popen[bytes]:
    return _launched(
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
