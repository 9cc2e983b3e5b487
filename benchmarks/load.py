"""Load: wrk where there is one, else a small generator of our own, pinned to core 1."""
from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass

from benchmarks.servers import LOAD_CORE, ROOT

CONNECTIONS = 16
_RESULT = re.compile(r"(\d+) requests in ([\d.]+)(ms|s|m)")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Load:
    """What came back within some seconds."""

    requests: int
    seconds: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def loaded(url: str, token: str, seconds: int) -> Load:
    """Ask for a page over and over on a few connections; SystemExit when an answer is not 200."""
    wrk = shutil.which("wrk")
    header = f"Authorization: Bearer {token}"
    command = (
        [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", header, url] if wrk
        else [sys.executable, "-m", "benchmarks.load", "--seconds", str(seconds), "--header", header, url])
    text = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=ROOT,
        preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CORE})).stdout
    found = _RESULT.search(text)
    if found is None or "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"The load did not go through:\n{text}")
    return Load(int(found[1]), float(found[2]) * {"ms": 0.001, "s": 1, "m": 60}[found[3]])


async def _ask(host: str, port: int, request: bytes, until: float) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    count = 0
    while time.perf_counter() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 200") or length is None:
            raise SystemExit(f"Non-2xx or endless answer: {head[:100]!r}")
        await reader.readexactly(int(length[1]))
        count += 1
    writer.close()
    return count


async def _main(arguments: argparse.Namespace) -> None:
    address, _, path = arguments.url.removeprefix("http://").partition("/")
    host, _, port = address.partition(":")
    request = f"GET /{path} HTTP/1.1\r\nHost: {address}\r\n{arguments.header}\r\n\r\n".encode()
    started = time.perf_counter()
    counts = await asyncio.gather(
        *(_ask(host, int(port), request, started + arguments.seconds) for _ in range(CONNECTIONS)))
    print(f"{sum(counts)} requests in {time.perf_counter() - started:.2f}s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Ask for one page over and over; wrk's words for the result.")
    parser.add_argument("url")
    parser.add_argument("--header", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    asyncio.run(_main(parser.parse_args()))
