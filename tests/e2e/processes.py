"""Processes in the hands of a test: started with an environment, awaited, stopped, and seen to be gone."""
from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
CI_API = (sys.executable, "-m", "api.cli")
# How long a test waits for what must come. Long, since a busy machine is no fault; nothing ever takes this long.
TIMEOUT = 180.0


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(look: Callable[[], T | None], what: str, timeout: float = TIMEOUT) -> T:
    """Look again and again until there is something to be seen; return it."""
    until = time.monotonic() + timeout
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < until, f"in {timeout:.0f} seconds not seen: {what}"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether a process exists and runs; one that has ended, and is only not yet collected, does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


def descendants(pid: int) -> list[int]:
    """The process's children, their children and so on."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        # A thread may end meanwhile, and its process too.
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without settings of its own, with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CI_") and name != "SAMPLE_REPOSITORY"}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **variables}


@dataclass(frozen=True)
class Running:
    """A process that was started, and the file that it writes to."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its id."""
        return self.process.pid

    def output(self) -> str:
        """What it has written so far."""
        return self.log.read_text(errors="replace")

    def family(self) -> list[int]:
        """The process and all that it started."""
        return [self.pid, *descendants(self.pid)]

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to this process alone."""
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for its end; return the exit status."""
        return self.process.wait(TIMEOUT)

    def stop(self) -> int:
        """Tell it to end, and wait for that; return the exit status."""
        self.tell(signal.SIGTERM)
        return self.ended()

    def kill(self) -> None:
        """End it without a word."""
        self.tell(signal.SIGKILL)
        self.process.wait(TIMEOUT)


@contextmanager
def started(
    command: Sequence[str], variables: Mapping[str, str], log: Path, *, folder: Path | None = None,
    prepare: Callable[[], None] | None = None,
) -> Iterator[Running]:
    """A process for as long as the context lasts; nothing of it, and of what it started, is left behind."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=environment(variables), cwd=folder or ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True, preexec_fn=prepare)
    running = Running(process, log)
    try:
        yield running
    finally:
        _end_family(process)


def _end_family(process: subprocess.Popen[Any]) -> None:
    for pid in reversed([process.pid, *descendants(process.pid)]):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(TIMEOUT)


def finished(
    command: Sequence[str], variables: Mapping[str, str], *, typed: str = "", folder: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """A process that ran to its end, with what it wrote."""
    with subprocess.Popen(
        command, env=environment(variables), cwd=folder or ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:
        try:
            stdout, stderr = process.communicate(typed, TIMEOUT)
        finally:
            _end_family(process)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
