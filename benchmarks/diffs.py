"""How long a difference takes, against difflib in the same run, and what other requests feel of a hard one.

    python -m benchmarks.diffs [--rounds 5] [--without-difflib]
"""
from __future__ import annotations

import argparse
import difflib
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from api.diffs.channel import View
from api.diffs.pool import DiffPool
from api.domain.auth.access import Role
from benchmarks.captions import Pair, nothing_in_common, one_line, scattered, shifted, shuffled
from contract.client import ValidatingClient
from tests.databases import opened
from tests.diffs.diff_files import File
from tests.handlers.outputs import BuiltOutput, add_compared_output
from tests.handlers.site import Site, build_site

VIEW = View(context_lines=3, unified=False, name="output.srt")
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Case:
    """A kind of pair, what it may cost, and how much more difflib must take for it."""

    name: str
    make: Callable[[int], Pair]
    limit_ms: float
    least_ratio: float | None = None


CASES = (
    Case("scattered changes, 1 MiB", scattered, 100, 20),
    Case("one changed line, 1 MiB", one_line, 100),
    Case("all times shifted, 1 MiB", shifted, 100, 20),
    Case("nothing in common, 1 MiB", lambda number: nothing_in_common(number, MEBIBYTE), 500),
    Case("the same words in no order, 1 MiB", lambda number: shuffled(number, MEBIBYTE), 500),
)


def milliseconds(work: Callable[[], Any]) -> float:
    """How long it takes, once."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def with_difflib(pair: Pair) -> int:
    """The same difference as the standard library finds it."""
    sides = [side.decode().splitlines(keepends=True) for side in pair]
    return sum(1 for _ in difflib.unified_diff(*sides, n=3))


def ask(client: ValidatingClient, output: BuiltOutput) -> dict[str, Any]:
    """A difference over HTTP, with all that a request passes; unlike a test, without the check of the answer."""
    ids = {"regression_id": output.test.regression_id, "output_id": output.output_id}
    answer = client._http.get(output.path("diff"), params=ids, headers=client._headers)
    assert answer.status_code == 200, answer.text[:300]
    return {"bytes": len(answer.content)}


def seen(client: ValidatingClient, output: BuiltOutput) -> BuiltOutput:
    """The same output, of whose run the server has taken notice: to judge a run is not a difference's price."""
    answer = client._http.get(f"/api/v1/runs/{output.run_id}", headers=client._headers)
    assert answer.status_code == 200, answer.text[:300]
    return output


def measure(case: Case, site: Site, pool: DiffPool, rounds: int, *, against: bool) -> str:
    """A row of the table."""
    client = site.as_role(Role.USER)
    alone, asked, other = [], [], []
    for number in range(rounds):
        pair = case.make(number)
        output = seen(client, add_compared_output(site, *pair))
        alone.append(milliseconds(lambda pair=pair: pool.compare(File(pair[0]), File(pair[1]), VIEW)))  # type: ignore[misc]
        asked.append(milliseconds(lambda output=output: ask(client, output)))  # type: ignore[misc]
        if against and case.least_ratio and number < 2:
            other.append(milliseconds(lambda pair=pair: with_difflib(pair)))  # type: ignore[misc]
    ratio = median(other) / median(asked) if other else None
    kept = median(asked) <= case.limit_ms and (ratio is None or ratio >= (case.least_ratio or 0))
    return (
        f"| {case.name} | {median(alone):.0f} ms | {median(asked):.0f} ms | "
        f"{f'{median(other):,.0f} ms' if other else '–'} | {f'{ratio:.0f}×' if ratio else '–'} | "
        f"≤ {case.limit_ms:.0f} ms{f', ≥ {case.least_ratio:.0f}×' if case.least_ratio else ''} | {'yes' if kept else 'NO'} |")


def measure_others(site: Site, name: str, pair: Pair) -> str:
    """How long other requests take while two files are compared, and how they do without."""
    client = site.as_role(Role.USER)
    output = seen(client, add_compared_output(site, *pair))

    def look() -> float:
        return milliseconds(lambda: client._http.get(f"/api/v1/runs/{output.run_id}", headers=client._headers))

    look()
    quiet = [look() for _ in range(100)]
    busy: list[float] = []
    with ThreadPoolExecutor(1) as threads:
        comparing = threads.submit(milliseconds, lambda: ask(client, output))
        while not comparing.done():
            busy.append(look())
    return (
        f"| {name} | {comparing.result():.0f} ms | {median(quiet):.1f} ms, {_late(quiet):.1f} ms | "
        f"{median(busy):.1f} ms, {_late(busy):.1f} ms | {len(busy)} |")


def _late(times: Sequence[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


def main() -> None:
    """Measure, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-difflib", action="store_true")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    with opened(f"sqlite:///{folder / 'ci.db'}"):
        pass
    site, pool = build_site(folder, folder / "ci.db"), DiffPool(processes=1, seconds=3)
    with site.client, site.app.flask.app_context():
        pool.compare(File(b"a"), File(b"b"), VIEW)
        ask(site.as_role(Role.USER), add_compared_output(site, b"a", b"b"))
        print("| pair | compared | whole request | difflib | ratio | goal | kept |\n|---|---|---|---|---|---|---|")
        for case in CASES:
            print(measure(case, site, pool, arguments.rounds, against=not arguments.without_difflib), flush=True)
        print("\n| pair | answered in | another request alone | meanwhile | of these |\n|---|---|---|---|---|")
        print(measure_others(site, "nothing in common, 10 MiB", nothing_in_common(1, 10 * MEBIBYTE)), flush=True)
        print(measure_others(site, "the same words in no order, 10 MiB", shuffled(1, 10 * MEBIBYTE)))
    pool.close()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
