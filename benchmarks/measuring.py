"""What counting requests for `GET /metrics` costs `GET /runs`: processor time of one server in this process, with and without it.

    python -m benchmarks.measuring [--rounds 60] [--requests 50]
"""
from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from api.app import Application
from api.domain.auth.access import Role
from api.specfirst.responses.metrics import RequestMetrics
from tests.builders import add_regression_test, add_run, add_token, add_user
from tests.databases import opened
from tests.handlers.site import build_site

RUNS = 50
PATH = "/api/v1/runs"


class Nothing(RequestMetrics):
    """Counts nothing."""

    def answered(self, operation_id: str | None, method: str, status: int, seconds: float) -> None:
        """Do nothing."""


@contextmanager
def measured_by(app: Application, measures: RequestMetrics) -> Iterator[None]:
    """Have the application's requests counted by these."""
    outermost: Any = app.entrance
    kept, outermost._measures = outermost._measures, measures
    try:
        yield
    finally:
        outermost._measures = kept


def processor_seconds(app: Application, token: str, requests: int, query: str = f"limit={RUNS}", path: str = PATH) -> float:
    """The processor time of so many requests for a list, that of runs unless another is named, one after the other."""
    async def ask() -> None:
        answer: list[Any] = []

        async def send(message: Any) -> None:
            answer.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        await app(
            {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": path,
             "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
             "headers": [(b"authorization", f"Bearer {token}".encode())], "client": ("127.0.0.1", 1), "server": ("localhost", 80)},
            receive, send)
        if answer[0]["status"] != 200:
            raise RuntimeError(answer)

    async def many() -> float:
        started = time.process_time()
        for _ in range(requests):
            await ask()
        return time.process_time() - started

    return asyncio.run(many())


def main() -> None:
    """Measure by turns, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--requests", type=int, default=50)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with opened(f"sqlite:///{folder / 'ci.db'}"):
            add_regression_test()
            for _ in range(RUNS):
                add_run()
            token = add_token(add_user("reader", role=Role.USER))
        site = build_site(folder, folder / "ci.db")
        with site.client:
            sides: dict[str, list[float]] = {"counted": [], "not counted": []}
            kinds = [("counted", RequestMetrics("1")), ("not counted", Nothing("1"))]
            for _ in range(arguments.rounds + 1):
                kinds.reverse()
                for label, measures in kinds:
                    with measured_by(site.app, measures):
                        sides[label].append(processor_seconds(site.app, token, arguments.requests) / arguments.requests * 1e6)
    for label, values in sides.items():
        print(f"{label}: {median(values[1:]):.0f} microseconds of processor time a request, at best {min(values[1:]):.0f}")
    pairs = [counted / bare - 1 for counted, bare in zip(*(values[1:] for values in sides.values()), strict=True)]
    print(f"the difference: {median(pairs):+.1%}, at best {min(sides['counted'][1:]) / min(sides['not counted'][1:]) - 1:+.1%}")


if __name__ == "__main__":
    main()
