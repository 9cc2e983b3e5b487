"""Parts of finished runs are answered from what was stored, until something happens to the run."""
from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any
from unittest.mock import patch

import pytest

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from api.handlers.results import triage
from api.services.results.comparisons import Basis, choose_base
from api.specfirst.binding.flask_app import Operation
from tests.builders import Output, add_event, add_passed_result, add_regression_test, add_result, add_run
from tests.handlers.site import Client, Site
from tests.platform_writes import change_run, deactivate, rename_sample

STORED = ("summary", "errors", "error-summary", "junit.xml")
PARTS = (*STORED, "samples", "progress", "config", "infrastructure-errors")


@pytest.fixture
def client(site: Site) -> Client:
    """Somebody who may read everything."""
    return site.as_role(Role.ADMIN)


@pytest.fixture
def red(site: Site) -> int:
    """A finished run with a test that crashed and one that said nothing."""
    crashed, _ = add_regression_test(), add_regression_test()
    run_id = add_run()
    add_event(run_id, Phase.TESTING)
    add_result(run_id, crashed.regression_id, exit_code=139)
    add_event(run_id, Phase.COMPLETED)
    return run_id


def get(client: Client, run_id: int, part: str, **headers: str) -> Any:
    return client.get(f"/api/v1/runs/{run_id}/{part}", headers=headers)


@pytest.mark.parametrize("part", STORED)
def test_a_part_that_was_given_is_given_again_without_being_made(client: Client, red: int, part: str) -> None:
    first = get(client, red, part)

    with patch.object(Operation, "_rendered", side_effect=AssertionError):
        again = get(client, red, part)

    assert (again.status_code, again.content, again.headers["ETag"]) == (200, first.content, first.headers["ETag"])


@pytest.mark.parametrize("part", PARTS)
def test_who_has_a_part_is_told_that_it_is_as_it_was_until_it_is_not(site: Site, client: Client, red: int, part: str) -> None:
    tag = get(client, red, part).headers["ETag"]

    same = get(client, red, part, **{"If-None-Match": tag})
    site.clock.advance(hours=1)
    add_event(red, Phase.CANCELED, "Build failed", at=site.clock.now)
    changed = get(client, red, part, **{"If-None-Match": tag})

    assert (same.status_code, same.content) == (304, b"")
    assert changed.status_code == (304 if part in ("samples", "config") else 200)


def test_what_is_not_over_is_made_each_time(client: Client, site: Site) -> None:
    test = add_regression_test()
    run_id = add_run()
    add_event(run_id, Phase.TESTING)
    before = get(client, run_id, "summary").json()

    add_result(run_id, test.regression_id, exit_code=1)

    assert (before["pending_count"], get(client, run_id, "summary").json()["pending_count"]) == (1, 0)


def test_an_answer_that_breaks_the_contract_is_refused_each_time(client: Client, red: int) -> None:
    with patch("api.rendering.runs.run_summary", return_value={"run_id": red}):
        broken = [client._http.get(
            f"/api/v1/runs/{red}/summary", headers=client._headers).status_code for _ in range(2)]

    assert broken == [500, 500]


def test_a_list_of_samples_is_given_again_without_being_made_until_the_library_changes(client: Client) -> None:
    sample_id = add_regression_test().sample_id
    first = client.get("/api/v1/samples")

    with patch.object(Operation, "_rendered", side_effect=AssertionError):
        again = client.get("/api/v1/samples", headers={"If-None-Match": first.headers["ETag"]})
    rename_sample(sample_id, "renamed.ts")
    changed = client.get("/api/v1/samples", headers={"If-None-Match": first.headers["ETag"]})

    assert again.status_code == 304
    assert (changed.status_code, changed.json()["data"][0]["name"]) == (200, "renamed.ts")


def test_a_list_of_regression_tests_is_given_again_until_the_library_or_a_baselines_file_changes(client: Client, site: Site) -> None:
    digest = sha256(b"baseline").hexdigest()
    tests = [add_regression_test(outputs=[Output(digest)]) for _ in range(2)]
    first = client.get("/api/v1/regression-tests")

    with patch.object(Operation, "_rendered", side_effect=AssertionError):
        again = client.get("/api/v1/regression-tests", headers={"If-None-Match": first.headers["ETag"]})
    (site.files / "TestResults").mkdir(exist_ok=True)
    (site.files / f"TestResults/{digest}.srt").write_bytes(b"baseline")
    found = client.get("/api/v1/regression-tests", headers={"If-None-Match": first.headers["ETag"]})
    deactivate(tests[0])
    retired = client.get("/api/v1/regression-tests", headers={"If-None-Match": found.headers["ETag"]})

    assert (again.status_code, found.status_code, retired.status_code) == (304, 200, 200)
    assert [each.json()["data"][0]["expected_outputs"][0]["storage_status"] for each in (first, found)] == ["missing", "degraded"]
    assert [each["active"] for each in retired.json()["data"]] == [False, True]


def test_a_list_of_runs_is_given_again_without_being_made_until_one_of_them_changes(client: Client, red: int) -> None:
    first = client.get("/api/v1/runs")

    with patch.object(Operation, "_rendered", side_effect=AssertionError):
        again = client.get("/api/v1/runs", headers={"If-None-Match": first.headers["ETag"]})
    change_run(red, commit="f" * 40)
    add_event(red, Phase.CANCELED, "Build failed")
    changed = client.get("/api/v1/runs", headers={"If-None-Match": first.headers["ETag"]})

    assert again.status_code == 304
    assert (changed.status_code, changed.json()["data"][0]["commit_short"]) == (200, "f" * 7)


@pytest.fixture
def pair(site: Site) -> tuple[int, int, int]:
    """A run, a later one of another commit, and a regression test that neither has a result of."""
    test, silent = add_regression_test(), add_regression_test()
    both = [test.regression_id, silent.regression_id]
    runs = add_run(commit="a" * 40, tests=both), add_run(commit="b" * 40, tests=both)
    for run_id in runs:
        add_event(run_id, Phase.TESTING)
        add_passed_result(run_id, test)
        add_event(run_id, Phase.COMPLETED)
    return *runs, silent.regression_id


def test_a_comparison_is_given_again_without_being_made_until_either_run_changes(client: Client, pair: tuple[int, int, int]) -> None:
    base, later, silent = pair
    first = get(client, later, "compare")

    with patch.object(Operation, "_rendered", side_effect=AssertionError):
        again = get(client, later, "compare", **{"If-None-Match": first.headers["ETag"]})
        same = get(client, later, "compare")
    answers = []
    for run_id in (base, later):
        add_result(run_id, silent, exit_code=1)
        answers.append(get(client, later, "compare", **{"If-None-Match": first.headers["ETag"]}))

    assert (again.status_code, same.content) == (304, first.content)
    assert [each.status_code for each in answers] == [200, 200]
    assert len({each.headers["ETag"] for each in (first, *answers)}) == 3


def test_a_comparison_during_which_a_run_of_its_line_changes_is_not_stored(client: Client, pair: tuple[int, int, int]) -> None:
    chosen: list[Basis] = []

    def choose(*given: Any) -> Basis:
        found = choose_base(*given)
        chosen.append(replace(found, line=replace(found.line, evidence=(str(len(chosen)),))))
        return chosen[-1]

    with patch.object(triage, "choose_base", choose):
        answers = [get(client, pair[1], "compare") for _ in range(2)]

    # Each was made, and asked afterwards whether it may be stored.
    assert ([each.status_code for each in answers], len(chosen)) == ([200, 200], 4)
