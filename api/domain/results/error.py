"""The errors of a run, from its tests and its infrastructure, and their groups."""
from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from api.domain.results.failure import Failure, failures_of, message_of
from api.domain.results.failure_code import Attribution, FailureCode, Severity
from api.domain.results.result import JudgedTest
from api.domain.runs.expected_tests import NO_CATEGORY
from api.domain.runs.infrastructure import Coverage, InfrastructureError
from api.domain.runs.infrastructure_code import InfrastructureCode

SEVERITY_ORDER = tuple(Severity)

# A folder by its absolute path, of POSIX or Windows; the name that follows it stays. An address on the network is none.
_FOLDER = re.compile(r"(?<![\w.:/\\-])(?:[A-Za-z]:(?=[\\/]))?(?:[\\/][^\s\\/:*?\"'<>|]+)*[\\/](?=[^\s\\/:*?\"'<>|])")


class Grouping(StrEnum):
    """What makes a group of errors."""

    TYPE = "type"
    SAMPLE_ID = "sample_id"
    REGRESSION_ID = "regression_id"
    CATEGORY = "category"
    SEVERITY = "severity"


@dataclass(frozen=True, slots=True)
class Location:
    """The output that an error is about, and the name under which it is produced."""

    output_id: int
    filename: str


@dataclass(frozen=True, slots=True)
class ErrorItem:
    """One thing that went wrong. `error_id` is the same whenever it is asked for; `stack` is for few eyes.

    `coverage` is there where a run did not come to its end; `log_line` is then the last error in its log. `code` is a FailureCode of a
    test, an InfrastructureCode of a run, or None where only words tell of it.
    """

    error_id: str
    type: str
    severity: Severity
    attribution: Attribution
    message: str
    occurred_at: datetime
    sample_id: int | None = None
    regression_id: int | None = None
    location: Location | None = None
    categories: tuple[str, ...] = ()
    stack: tuple[str, ...] = ()
    coverage: Coverage | None = None
    log_line: str | None = None
    code: InfrastructureCode | FailureCode | None = None


@dataclass(frozen=True, slots=True)
class ErrorFilter:
    """What a list of errors is narrowed to; None asks for nothing."""

    type: str | None = None
    severity: Severity | None = None
    sample_id: int | None = None

    def matches(self, item: ErrorItem) -> bool:
        """Whether an item belongs to the list."""
        return (
            self.type in (None, item.type) and self.severity in (None, item.severity)
            and self.sample_id in (None, item.sample_id))


@dataclass(frozen=True, slots=True)
class Times:
    """When things went wrong: by regression id where it is known, else when the run last told of itself.

    What is older than the run's start, `since`, was noted before the platform restarted the run, and tells nothing.
    """

    by_test: Mapping[int, datetime]
    since: datetime
    otherwise: datetime

    def of_test(self, regression_id: int) -> datetime:
        """When a regression test of the run ended."""
        noted = self.by_test.get(regression_id)
        return self.otherwise if noted is None or noted < self.since else noted


@dataclass
class ErrorGroup:
    """Errors that have the group's key in common."""

    key: str
    items: list[ErrorItem] = field(default_factory=list)

    @property
    def severity(self) -> Severity:
        """The worst in the group."""
        return max((item.severity for item in self.items), key=SEVERITY_ORDER.index)

    @property
    def sample_ids(self) -> tuple[int, ...]:
        """The samples concerned, by number."""
        return tuple(sorted({item.sample_id for item in self.items if item.sample_id is not None}))

    @property
    def first_seen_at(self) -> datetime:
        """When the earliest of them happened."""
        return min(item.occurred_at for item in self.items)

    @property
    def last_seen_at(self) -> datetime:
        """When the latest of them happened."""
        return max(item.occurred_at for item in self.items)


def errors_of(run_id: int, judged: Iterable[JudgedTest], times: Times) -> tuple[ErrorItem, ...]:
    """The errors of a run's tests, test by test."""
    return tuple(_of_failure(run_id, test, failure, times) for test in judged for failure in failures_of(test))


def _of_failure(run_id: int, judged: JudgedTest, failure: Failure, times: Times) -> ErrorItem:
    test = judged.test
    output = None if failure.output_id is None else test.output(failure.output_id)
    return ErrorItem(
        error_id=error_id(run_id, failure), type=failure.code.type.value, severity=failure.code.type.severity,
        attribution=failure.code.attribution, message=message_of(failure), occurred_at=times.of_test(test.regression_id),
        sample_id=test.sample_id, regression_id=test.regression_id, categories=test.categories,
        location=None if output is None else Location(output.output_id, f"{test.sample_sha}{output.suffix}{output.extension}"),
        code=failure.code)


def error_id(run_id: int, failure: Failure) -> str:
    """The name of an error: what failed, and how; the same in every list and at every time."""
    place = "" if failure.output_id is None else f"-{failure.output_id}"
    return f"{run_id}-{failure.regression_id}-{failure.code.type.value}{place}"


def infrastructure_items(run_id: int, errors: Iterable[InfrastructureError], times: Times) -> tuple[ErrorItem, ...]:
    """A run's infrastructure errors as items of their list; one that is a test's error too has the same name in both."""
    return tuple(_of_infrastructure(run_id, error, times) for error in errors)


def _of_infrastructure(run_id: int, error: InfrastructureError, times: Times) -> ErrorItem:
    failure = error.failure
    item = ErrorItem(
        f"{run_id}-{error.key}", error.type.value, error.severity, Attribution.INFRASTRUCTURE, error.message or "No reason was given.",
        error.at or times.otherwise, stack=tuple(without_folders(line) for line in error.stack), coverage=error.coverage, code=error.code)
    if failure is None:
        return item
    return replace(
        item, error_id=error_id(run_id, failure), occurred_at=times.of_test(failure.regression_id),
        sample_id=failure.sample_id, regression_id=failure.regression_id)


def without_folders(line: str) -> str:
    """A line of a stack with the folders of absolute paths cut out; the files' names stay."""
    return _FOLDER.sub("…/", line)


KEYS: Mapping[Grouping, Callable[[ErrorItem], tuple[str, ...]]] = {
    Grouping.TYPE: lambda item: (item.type,),
    Grouping.SAMPLE_ID: lambda item: (str(item.sample_id),),
    Grouping.REGRESSION_ID: lambda item: (str(item.regression_id),),
    Grouping.CATEGORY: lambda item: tuple(dict.fromkeys(item.categories)) or (NO_CATEGORY,),
    Grouping.SEVERITY: lambda item: (item.severity.value,),
}


def group_errors(items: Iterable[ErrorItem], grouping: Grouping) -> tuple[ErrorGroup, ...]:
    """The items in groups, biggest first, then by key. A test in several categories counts in each of them."""
    groups: defaultdict[str, list[ErrorItem]] = defaultdict(list)
    for item in items:
        for key in KEYS[grouping](item):
            groups[key].append(item)
    numbered = grouping in (Grouping.SAMPLE_ID, Grouping.REGRESSION_ID)
    found = [ErrorGroup(key, members) for key, members in groups.items()]
    return tuple(sorted(found, key=lambda group: (-len(group.items), int(group.key) if numbered else 0, group.key)))
