"""What the largest legal and the nastiest illegal request of every operation and parameter costs, the worst first.

    python -m benchmarks.cost [--size 1000000] [--only WORDS] [--rows 40]

A server in this process (SQLite, files on the disk), filled with some 120 of everything. Processor time and memory are the process's,
so that they hold what this program's own client takes: 2 to 3 ms.
"""
from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.domain.auth.access import Role
from contract.documents import Operation, load_documents
from contract.largest_requests import Asked, nasty_requests_of, requests_of
from tests.abundance import add_abundance
from tests.builders import add_token
from tests.counting import counted
from tests.databases import opened
from tests.handlers.site import Site, build_site

# What their own bounds are for: hashing passwords, comparing files, taking files in.
NAMED = {"create_token": "hashes a password", "get_diff": "compares files"}


@dataclass(frozen=True)
class Cost:
    """What one request took."""

    asked: Asked
    status: int
    cpu_ms: float
    megabytes: float
    statements: int
    rows: int
    answer: int

    def __str__(self) -> str:
        size = len(self.asked.body or b"") or len(self.asked.target)
        remark = NAMED.get(self.asked.operation.operation_id, "")
        return (
            f"| {self.asked} | {size:,} | {self.status} | {self.cpu_ms:,.0f} ms | {self.megabytes:,.1f} MB | {self.statements} | "
            f"{self.rows} | {self.answer:,} | {remark} |")


def memory(name: str) -> float:
    """The memory that this process holds (VmRSS), or held at most since that was forgotten (VmHWM), in megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def measured(site: Site, token: str, asked: Asked) -> Cost:
    """Send a request and take what it costs."""
    headers = {"Authorization": f"Bearer {token}", **asked.headers}
    Path("/proc/self/clear_refs").write_text("5")
    before, started = memory("VmRSS"), time.process_time()
    with counted() as counts:
        answer: Any = site.client._http.request(asked.operation.method.upper(), asked.target, headers=headers, content=asked.body)
    spent = (time.process_time() - started) * 1000
    return Cost(
        asked, answer.status_code, spent, max(0.0, memory("VmHWM") - before), counts.statements, counts.rows, len(answer.content))


def requests(words: str, known: dict[str, Any], size: int) -> Iterator[Asked]:
    """All requests of operations whose names have these words; what takes files is measured by `benchmarks.jobs`."""
    for operation in (each for document in load_documents() for each in document.operations):
        if words in operation.operation_id and not _takes_files(operation):
            yield from requests_of(operation, known)
        if words in operation.operation_id:
            yield from nasty_requests_of(operation, known, size, apart=True)


def _takes_files(operation: Operation) -> bool:
    return "multipart/form-data" in (operation.body or {}).get("content", {})


def main() -> None:
    """Fill a server, ask it, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1_000_000, help="bytes of a nasty body")
    parser.add_argument("--only", default="", help="part of the names of operations")
    parser.add_argument("--rows", type=int, default=40, help="how many requests are shown")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with opened(f"sqlite:///{folder / 'ci.db'}"):
            pass
        site = build_site(folder, folder / "ci.db")
        with site.client, site.app.flask.app_context():
            owner = site.account(Role.ADMIN)
            known = dict(add_abundance(site.files, owner))
            costs = []
            for asked in requests(arguments.only, known, arguments.size):
                costs.append(measured(site, add_token(owner, now=site.clock.now), asked))
    print("| request | bytes | status | processor | memory | statements | rows | answer | |\n|---|---|---|---|---|---|---|---|---|")
    for cost in sorted(costs, key=lambda each: -each.cpu_ms)[:arguments.rows]:
        print(cost)
    print(f"\n{len(costs)} requests.")


if __name__ == "__main__":
    main()
