"""The history of a sample's regression tests, from run to run."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from api.domain.results.result import Verdict
from api.domain.runs.run import Platform, RunStatus


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """The verdict of a regression test in a run that is over.

    `signature` is that of the test's first failure, `altered` is as the run's.
    """

    run_id: int
    regression_id: int
    run_created_at: datetime
    run_status: RunStatus
    commit: str
    branch: str | None
    platform: Platform
    verdict: Verdict
    runtime_ms: int | None
    signature: str | None
    run_ended_at: datetime | None = None
    altered: tuple[str, ...] = ()
    environment_id: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """What a history is narrowed to; None asks for nothing. Created bounds are exclusive, branches match exactly.

    `with_result` leaves out tests that did not run to an end.
    """

    run_status: RunStatus | None = None
    verdict: Verdict | None = None
    regression_id: int | None = None
    branch: str | None = None
    platform: Platform | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    with_result: bool = False

    def matches(self, entry: HistoryEntry) -> bool:
        """Whether an entry belongs to the list; what the database answers must always be the same."""
        wanted = (
            (self.run_status, entry.run_status), (self.verdict, entry.verdict), (self.regression_id, entry.regression_id),
            (self.branch, entry.branch), (self.platform, entry.platform))
        has_result = entry.verdict.has_result or not self.with_result
        return has_result and all(want is None or want == have for want, have in wanted) and (
            (self.created_after is None or entry.run_created_at > self.created_after)
            and (self.created_before is None or entry.run_created_at < self.created_before))


@dataclass(frozen=True, slots=True)
class RuntimeSeries:
    """A test's runtimes on one kind of machine, oldest first, in milliseconds, with the run of each."""

    regression_id: int
    platform: Platform
    environment_id: str | None
    run_ids: tuple[int, ...]
    runtimes_ms: tuple[int, ...]

    @property
    def median_ms(self) -> int:
        """The middle one of the runtimes."""
        return round(median(self.runtimes_ms))

    @property
    def deviation_ms(self) -> int:
        """Half of them lie within this of their median."""
        return round(median(abs(each - self.median_ms) for each in self.runtimes_ms))


def runtime_series(entries: Iterable[HistoryEntry]) -> tuple[RuntimeSeries, ...]:
    """The runtimes of a history, which has the newest run first, as one series for each test and kind of machine."""
    found: defaultdict[tuple[int, Platform, str | None], list[tuple[int, int]]] = defaultdict(list)
    for entry in entries:
        if entry.runtime_ms is not None:
            found[entry.regression_id, entry.platform, entry.environment_id].append((entry.run_id, max(0, entry.runtime_ms)))
    keys = sorted(found, key=lambda key: (key[0], key[1], key[2] or ""))
    return tuple(RuntimeSeries(*key, *zip(*reversed(found[key]), strict=True)) for key in keys)
