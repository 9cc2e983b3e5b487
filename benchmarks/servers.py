"""Servers under measurement: each a process of its own on core 0; what they cost is read from their clocks and /proc."""
from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SERVER_CORE, LOAD_CORE = 0, 1
OURS = (sys.executable, "-m", "api.cli", "serve")
# Programs start from compiled modules, as they do where they were installed, even where the environment forbids to keep those.
COMPILED = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "ci-benchmarks-bytecode")}


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    port: int
    pid: int
    seconds_to_first_answer: float

    @property
    def cpu_seconds(self) -> float:
        """The processor time that it has used, in all its threads, in user and system mode, by the clock that Linux has for a process."""
        return time.clock_gettime(~self.pid << 3 | 2)

    @property
    def megabytes(self) -> float:
        """The memory that it holds now (RSS)."""
        return self._memory("VmRSS")

    @property
    def peak_megabytes(self) -> float:
        """The most memory that it ever held."""
        return self._memory("VmHWM")

    def _memory(self, name: str) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


@contextmanager
def running(
    command: Sequence[str], path: str, environment: Mapping[str, str], *, token: str | None = None, folder: Path = ROOT,
) -> Iterator[Server]:
    """Start a server program on a free port, which is added to its command, and stop it at the end; its log goes nowhere."""
    port = _free_port()
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--port", str(port)], cwd=folder, env={**os.environ, **COMPILED, **environment}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}))
    try:
        _wait_for_answer(process, port, path, token)
        yield Server(port, process.pid, time.perf_counter() - started)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _wait_for_answer(process: subprocess.Popen[bytes], port: int, path: str, token: str | None) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    while process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise SystemExit(f"{path} answers {answer.status}")
            return
        except ConnectionRefusedError:
            time.sleep(0.005)
        finally:
            connection.close()
    raise SystemExit("The server ended before it answered.")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
