"""Lists of runs: filters, orders, pages, and what is not taken."""
from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from contract.client import ValidatingClient
from tests.builders import NOW, BuiltTest, add_event, add_finished_run, add_regression_test, add_result, add_run, minutes
from tests.handlers.site import Site

RUNS = "/api/v1/runs"
COMMIT = "0632bff4e382d5f86eff9073b9ddd37f03f9778c"


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    """A client of somebody who may only look."""
    return site.as_role(Role.USER)


def ids(client: ValidatingClient, **query: Any) -> list[int]:
    """The runs of a page."""
    answer = client.get(RUNS, params=query)
    assert answer.status_code == 200, answer.text
    return [run["run_id"] for run in answer.json()["data"]]


def add_runs_of_every_status() -> dict[str, int]:
    """One run of each status, as the platform's own programs make them."""
    first, second = add_regression_test(), add_regression_test()
    made = {"queued": add_run(), "running": add_run(), "pass": add_finished_run(first, second)}
    add_event(made["running"], Phase.TESTING, at=minutes(1))
    made["fail"] = add_finished_run(first, tests=[first.regression_id, second.regression_id])  # type: ignore[arg-type]
    add_result(made["fail"], second.regression_id, exit_code=1)
    made["incomplete"] = add_finished_run(first, tests=[first.regression_id, second.regression_id])  # type: ignore[arg-type]
    made["error"] = add_finished_run()
    made["canceled"] = add_run()
    add_event(made["canceled"], Phase.CANCELED, at=minutes(2))
    return made


def test_every_run_is_found_by_its_status_and_by_no_other(site: Site, client: ValidatingClient) -> None:
    made = add_runs_of_every_status()

    found = {status: ids(client, status=status) for status in made}

    assert found == {status: [run_id] for status, run_id in made.items()}


def test_a_list_shows_the_same_as_each_run(site: Site, client: ValidatingClient) -> None:
    add_runs_of_every_status()

    listed = client.get(RUNS).json()["data"]

    assert len(listed) == 7
    assert listed == [client.get(f"{RUNS}/{run['run_id']}").json() for run in listed]


def test_an_empty_list_has_an_end(site: Site, client: ValidatingClient) -> None:
    answer = client.get(RUNS).json()

    assert answer == {"data": [], "pagination": {"limit": 50, "offset": 0, "total": 0, "next_offset": None, "next_cursor": None}}


@pytest.mark.parametrize(("query", "expected"), [
    ({"branch": "master"}, [1, 2, 3, 4]), ({"branch": "Master"}, []), ({"branch": "mast"}, []), ({"branch": "50%"}, [5]),
    ({"branch": "%"}, []),
    ({"platform": "windows"}, [4]), ({"commit_sha": COMMIT}, [2]), ({"commit_sha": COMMIT.upper()}, [2]),
    ({"commit_sha": "f" * 40}, []),
    ({"repository": "CCExtractor/ccextractor"}, [1, 2, 4, 5]), ({"repository": "ada/CCEXTRACTOR"}, [3]),
    ({"repository": "a_a/ccextractor"}, []),
    ({"pull_request": 7}, [3]), ({"pull_request": 8}, []), ({"branch": "master", "platform": "linux", "pull_request": 7}, [3])])
def test_filters_leave_what_they_say_and_combine(
        site: Site, client: ValidatingClient, query: dict[str, object], expected: list[int]) -> None:
    add_run(run_id=1)
    add_run(run_id=2, commit=COMMIT)
    add_run(run_id=3, repository="Ada/ccextractor", pull_request=7)
    add_run(run_id=4, platform="windows")
    add_run(run_id=5, branch="50%")

    assert sorted(ids(client, **query)) == expected


def add_runs_a_minute_apart(number: int) -> list[int]:
    """So many runs that ended, created one after another; the second half never started."""
    made = []
    for index in range(number):
        made.append(add_run())
        add_event(made[-1], Phase.TESTING if index < number / 2 else Phase.PREPARATION, at=minutes(index))
    return made


@pytest.mark.parametrize(("bounds", "expected"), [
    ({"created_after": "2026-11-21T12:01:00Z"}, [2, 3]), ({"created_before": "2026-11-21T12:01:00Z"}, [0]),
    ({"created_after": "2026-11-21T12:00:00Z", "created_before": "2026-11-21T12:02:00Z"}, [1]),
    ({"created_after": "2026-11-21T13:01:00+01:00"}, [2, 3]), ({"created_after": "2026-11-21T13:01:00 01:00"}, [2, 3]),
    ({"created_before": "0001-01-01T00:00:00+14:00"}, []), ({"created_after": "9999-12-31T23:59:59-14:00"}, []),
    ({"created_after": "2016-12-31T23:59:60Z"}, [0, 1, 2, 3])])
def test_times_bound_the_list_from_both_sides_exclusively(
        site: Site, client: ValidatingClient, bounds: dict[str, str], expected: list[int]) -> None:
    made = add_runs_a_minute_apart(4)

    assert sorted(ids(client, **bounds)) == [made[index] for index in expected]


@pytest.mark.parametrize(("sort", "order"), [
    (None, [3, 2, 1, 0]), ("created_at", [0, 1, 2, 3]), ("-created_at", [3, 2, 1, 0]), ("run_id", [0, 1, 2, 3]),
    ("-run_id", [3, 2, 1, 0]),
    ("started_at", [2, 3, 0, 1]), ("-started_at", [1, 0, 3, 2])])
def test_lists_have_the_order_that_was_asked_for(site: Site, client: ValidatingClient, sort: str | None, order: list[int]) -> None:
    made = add_runs_a_minute_apart(4)

    assert ids(client, **({"sort": sort} if sort else {})) == [made[index] for index in order]


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "started_at", "-started_at", "run_id", "-run_id"])
def test_pages_by_cursor_and_by_offset_are_the_whole_list(site: Site, client: ValidatingClient, sort: str) -> None:
    for run_id in add_runs_a_minute_apart(7):
        add_event(add_run(), Phase.TESTING, at=NOW + timedelta(minutes=run_id % 3))
    whole = ids(client, sort=sort)
    by_offset = [run_id for offset in range(0, 14, 4) for run_id in ids(client, sort=sort, limit=4, offset=offset)]
    by_cursor: list[int] = []
    query: dict[str, Any] = {"sort": sort, "limit": 4}

    while query.get("cursor", "") is not None:
        page = client.get(RUNS, params=query).json()
        by_cursor += [run["run_id"] for run in page["data"]]
        query["cursor"] = page["pagination"]["next_cursor"]

    assert len(whole) == 14
    assert by_cursor == by_offset == whole


def test_a_cursor_keeps_its_place_when_runs_are_added(site: Site, client: ValidatingClient) -> None:
    made = add_runs_a_minute_apart(4)
    cursor = client.get(RUNS, params={"limit": 2}).json()["pagination"]["next_cursor"]

    add_event(add_run(), Phase.TESTING, at=minutes(9))

    assert ids(client, limit=2, cursor=cursor) == [made[1], made[0]]


def test_totals_and_the_next_page_are_exact(site: Site, client: ValidatingClient) -> None:
    add_runs_a_minute_apart(5)

    pages = [client.get(RUNS, params={"limit": 2, "offset": offset}).json()["pagination"] for offset in (0, 2, 4, 5, 2_147_483_647)]

    assert [page["total"] for page in pages] == [5] * 5
    assert [page["next_offset"] for page in pages] == [2, 4, None, None, None]
    assert pages[-1]["next_cursor"] is None


def test_a_page_by_cursor_has_no_offset_to_go_on_from(site: Site, client: ValidatingClient) -> None:
    add_runs_a_minute_apart(5)
    cursor = client.get(RUNS, params={"limit": 2}).json()["pagination"]["next_cursor"]

    page = client.get(RUNS, params={"limit": 2, "cursor": cursor}).json()["pagination"]

    assert (page["offset"], page["next_offset"], page["total"]) == (0, None, 5)
    assert page["next_cursor"]


@pytest.mark.parametrize("cursor", [
    "", "x", "!!!!", "bnVsbA", "W10", "W251bGwsbnVsbCxudWxsXQ", "WyItY3JlYXRlZF9hdCIsIngiLDFd", "WyItY3JlYXRlZF9hdCIsIjIwMjYiLDBd",
    "WyItY3JlYXRlZF9hdCIsIjk5OTktMTItMzFUMjM6NTk6NTktMTQ6MDAiLDFd", "W1tbW1tbW1tbW1tbW1tb", "e30", "NQ", "\u00e9", "A" * 255,
    "WyItY3JlYXRlZF9hdCIsbnVsbCx0cnVlXQ"])
def test_forged_cursors_are_refused_by_name(site: Site, client: ValidatingClient, cursor: str) -> None:
    answer = client.get(RUNS, params={"cursor": cursor})

    assert (answer.status_code, list(answer.json()["details"]["fields"])) == (400, ["cursor"])


def test_a_cursor_of_another_order_is_refused(site: Site, client: ValidatingClient) -> None:
    add_runs_a_minute_apart(3)
    cursor = client.get(RUNS, params={"limit": 1}).json()["pagination"]["next_cursor"]

    answer = client.get(RUNS, params={"cursor": cursor, "sort": "run_id"})

    assert (answer.status_code, list(answer.json()["details"]["fields"])) == (400, ["cursor"])


def test_a_cursor_with_an_offset_is_refused(site: Site, client: ValidatingClient) -> None:
    add_runs_a_minute_apart(3)
    cursor = client.get(RUNS, params={"limit": 1}).json()["pagination"]["next_cursor"]

    assert client.get(RUNS, params={"cursor": cursor, "offset": 1}).status_code == 400


@pytest.mark.parametrize(("query", "field"), [
    ("limit=0", "limit"), ("limit=101", "limit"), ("limit=ten", "limit"), ("limit=1&limit=2", "limit"), ("offset=-1", "offset"),
    ("offset=2147483648", "offset"), ("offset=" + "9" * 5000, "offset"), ("status=done", "status"), ("status=", "status"),
    ("sort=name", "sort"), ("sort=--run_id", "sort"), ("platform=macos", "platform"), ("commit_sha=abc", "commit_sha"),
    ("commit_sha=" + "a" * 40 + "%0A", "commit_sha"), ("repository=x", "repository"), ("branch=" + "b" * 101, "branch"),
    ("pull_request=0", "pull_request"), ("created_after=yesterday", "created_after"),
    ("created_after=2026-11-21T12:00:00", "created_after"),
    ("created_before=2026-13-01T00:00:00Z", "created_before"), ("colour=red", "colour"), ("Limit=5", "Limit")])
def test_what_the_document_does_not_allow_is_refused_by_name(site: Site, client: ValidatingClient, query: str, field: str) -> None:
    answer = client.get(f"{RUNS}?{query}")

    assert (answer.status_code, list(answer.json()["details"]["fields"])) == (400, [field])


def test_every_offending_parameter_is_named(site: Site, client: ValidatingClient) -> None:
    answer = client.get(f"{RUNS}?limit=0&offset=-1&status=done&colour=red")

    assert sorted(answer.json()["details"]["fields"]) == ["colour", "limit", "offset", "status"]


@pytest.mark.parametrize("branch", ["\0", "' OR 1=1 --", "\\", "\U0001f9ff", "a\u0300", '"; DROP TABLE test; --', "%5C", "\u202e"])
def test_hostile_text_finds_nothing_and_breaks_nothing(site: Site, client: ValidatingClient, branch: str) -> None:
    add_runs_a_minute_apart(2)

    assert ids(client, branch=branch) == []


def test_a_test_that_is_deactivated_changes_no_run_that_is_over(site: Site, client: ValidatingClient) -> None:
    test: BuiltTest = add_regression_test()
    run_id = add_finished_run(test)

    add_regression_test()

    assert ids(client, status="pass") == [run_id]
