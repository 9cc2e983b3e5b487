"""Where this server answers otherwise than the Sample Platform on purpose, each with its reason."""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ABSENT = "(absent)"
Value = Callable[[Any], bool]
# What the server that is compared answers to another request, as `contract/platform_replay.py` sends them.
Ask = Callable[[str, str, Any], tuple[int, Any]]


@dataclass(frozen=True)
class Difference:
    """A member of an answer, named by its place, that is other than the platform's; a place in a list is `[]`."""

    method: str
    path: str
    place: str
    theirs: Any
    ours: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}\n    {self.place}: theirs {str(self.theirs)[:150]!r}, ours {str(self.ours)[:150]!r}"


def anything(_: Any) -> bool:
    """Any value."""
    return True


def is_null(value: Any) -> bool:
    """Null."""
    return value is None


def is_instant(value: Any) -> bool:
    """A date and a time."""
    return isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", value) is not None


def is_count(value: Any) -> bool:
    """A number that something has."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_text(value: Any) -> bool:
    """A text that says something."""
    return isinstance(value, str) and bool(value)


def is_list(value: Any) -> bool:
    """A list."""
    return isinstance(value, list)


def one_of(*values: Any) -> Value:
    """One of these values, of the same type."""
    return lambda value: any(type(value) is type(each) and value == each for each in values)


def _of_a_run_that_is_not_over(found: Difference, ask: Ask) -> bool:
    run = ask("GET", f"/runs/{found.theirs['run_id']}", None)[1]
    return run["status"] in ("queued", "running")


def _is_older(found: Difference, ask: Ask) -> bool:
    """What follows on the page, in the place of what is left out."""
    return found.theirs != ABSENT and bool(found.ours["run_id"] <= found.theirs["run_id"])


def _counts_runs_that_are_not_over(found: Difference, ask: Ask) -> bool:
    """Whether no more is left out than those runs have told of this sample's tests so far."""
    sample_id = int(found.path.split("/")[2])
    open_runs = ask("GET", "/runs?status=running&limit=100", None)[1]["data"]
    told = sum(
        test["sample_id"] == sample_id and test["status"] != "not_started"
        for run in open_runs for test in _results(run["run_id"], ask))
    return bool(0 < found.theirs - found.ours <= told)


def _results(run_id: int, ask: Ask) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    while True:
        page = ask("GET", f"/runs/{run_id}/samples?limit=100&offset={len(found)}", None)[1]
        found += page["data"]
        if page["pagination"]["next_offset"] is None:
            return found


@dataclass(frozen=True)
class Reason:
    """Why members differ: of requests and at places that match these patterns, from such a value to such another."""

    request: str
    place: str
    theirs: Value
    ours: Value
    why: str
    holds: Callable[[Difference, Ask], bool] = lambda found, ask: True

    def explains(self, found: Difference, ask: Ask) -> bool:
        """Whether this is the reason of a difference."""
        return bool(
            re.fullmatch(self.request, f"{found.method} {found.path}") and re.fullmatch(self.place, found.place)
            and self.theirs(found.theirs) and self.ours(found.ours) and self.holds(found, ask))


RUNS, QUEUE, LOGS = r"GET /runs(/\d+)?(\?.*)?", r"GET /system/queue(\?.*)?", r"GET /runs/\d+/(samples/\d+/)?logs(\?.*)?"
HISTORY, TOKENS = r"GET /samples/\d+/history(\?.*)?", r"GET /auth/tokens(\?.*)?"
FILES = r"GET /(runs/\d+/artifacts|runs/\d+/samples/\d+/regression-tests/\d+/outputs/\d+/(expected|actual)|.*/download)(\?.*)?"
STORED = one_of("ok", "missing", "degraded")
REASONS: Sequence[Reason] = (
    Reason(
        RUNS, r"(data\[\]\.)?(created_at|queued_at)", is_null, is_instant,
        "times: the platform does not know when a run was made that nobody has started"),
    Reason(
        QUEUE, r"data\[\]\.queued_at", is_null, is_instant, "times: a run that waits has a time at which it was made, in the queue too"),
    Reason(QUEUE, r"data\[\]\.position", is_null, is_count, "a place in the queue is counted for each platform, and always told"),
    Reason(
        r"GET /system/queue\?.*", r"data\[\]\.position", is_count, is_count,
        "a place in the queue is counted for each platform, also where both are asked for"),
    Reason(r"GET /system/health", r"checked_at", is_instant, is_instant, "another moment is told of"),
    Reason(r"GET /system/health", r"dependencies", is_list, is_list, "no bucket is configured, and more is looked at"),
    Reason(
        r"GET /runs/\d+/summary", r"duration_ms", is_count, is_count,
        "times: a run lasts from the start of testing to its end; its tests' runtimes do not add up to that"),
    Reason(
        r"GET /runs/\d+/samples(/\d+)?(\?.*)?", r"(data\[\]\.)?outputs\[\]\.status", one_of("fail"), one_of("pass"),
        "an acceptable variant is as good as the baseline, in the output as in the test"),
    Reason(FILES, r"(data\[\]\.)?storage_status", STORED, STORED, "the recorded platform had a bucket in which every file was said to be"),
    Reason(
        FILES, r"(data\[\]\.)?download_url", lambda value: value is None or is_text(value), lambda value: value is None or is_text(value),
        "a file is fetched from where it is, and the recorded platform had a bucket"),
    Reason(LOGS, r"data\[\]\.timestamp", is_null, is_instant, "times: a log's lines tell when they were written"),
    Reason(
        LOGS, r"pagination\.next_cursor", is_text, is_text, "a cursor is the server's own text, which leads to a place at once"),
    Reason(
        HISTORY, r"data\[-\]", anything, one_of(ABSENT),
        "totals: a history is of runs that are over; what another has so far may still change", _of_a_run_that_is_not_over),
    Reason(HISTORY, r"data\[\+\]", anything, anything, "totals: a page of a history is full without runs that are not over", _is_older),
    Reason(
        HISTORY, r"pagination\.total", is_count, is_count, "totals: what a run that is not over has told so far is not counted",
        _counts_runs_that_are_not_over),
    Reason(
        r"GET /system/about", r"platform_commit", is_text, is_null, "this server is not the platform, and names no commit of it"),
    Reason(
        r"GET /auth/me/github", r"authorize_url", is_text, is_null,
        "a GitHub account is verified by an administrator, not by a visit to GitHub"),
    Reason(TOKENS, r"data", is_list, is_list, "the token of the recording's own login is not in the database, nor that of this one in it"),
    Reason(TOKENS, r"pagination\.total", is_count, is_count, "the recording's own login is a token more, or another one"),
    Reason(TOKENS, r"data\[\]\.(created_at|expires_at)", is_instant, is_instant, "the recording's own login was at another time"),
    Reason(TOKENS, r"data\[\]\.token_name", is_text, is_text, "the recording's own login had another name"),
    Reason(r"GET /auth/me", r"scopes", is_list, is_list, "the recording's own login is another token, whose scopes are its own"),
    Reason(
        r"GET /regression-tests/\d+", r"outputs\[\]\.variants", is_list, one_of([]),
        "the variants wait for somebody to decide about them"),
    Reason(r".*", r"message", is_text, is_text, "a refusal is worded by this server"),
    Reason(
        r".*", r"details\.(remedy|request_id)", one_of(ABSENT), is_text, "a refusal says what to do next, and by what number it is found"),
    Reason(r".*", r"details\..*", one_of(ABSENT), anything, "a refusal says what it is about"),
    Reason(
        r".*", r"details\.fields\..*", lambda value: is_text(value) or is_list(value), is_text,
        "a rule that a request breaks is worded by this server"),
    Reason(
        r"DELETE /categories/\d+", r"details\.regression_test_count", is_count, one_of(ABSENT),
        "tests are counted in a refusal under the CI API's name, regression_count"),
    Reason(
        r".*", r"details\.(missing|required)_scopes", is_list, one_of(ABSENT),
        "a refusal names the one scope that it takes, and the scopes there are"),
    Reason(r".*", r"(details\.token_|data\[\]\.)scopes\[\]", is_text, is_text, "scopes are told in the order of their names"),
    Reason(
        r"GET /system/forbidden-extensions(\?.*)?", r"data", one_of([]), one_of(["exe", "php", "sh"]),
        "the recorded platform had no such rows, and the filler makes three"),
    Reason(
        r"GET /system/forbidden-extensions(\?.*)?", r"pagination\.total", one_of(0), one_of(3),
        "the recorded platform counted no such rows, and the filler makes three"),
    Reason(
        r"GET /auth/me/ftp-credentials", r"status", one_of(200), one_of(501),
        "there are no FTP accounts: 501 names the upload in their place"),
    Reason(r"POST /runs/\d+/restart", r"status", one_of(202), one_of(409), "a restart would erase results: 409 names the retry"),
    Reason(
        r"POST /regression-tests/\d+/outputs/\d+/variants", r"status", one_of(201), one_of(202),
        "a variant waits until a second person approves it"),
    Reason(
        r"POST /runs/\d+/samples/\d+/baseline-approval", r"status", one_of(200), one_of(202),
        "a new baseline takes two people: the request waits to be decided"),
)


def find_reason(found: Difference, ask: Ask) -> str | None:
    """Why there is a difference; None for one that nobody intended."""
    return next((reason.why for reason in REASONS if reason.explains(found, ask)), None)
