"""Comparison and triage over HTTP."""
from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urljoin

import pytest

from api.domain.auth.access import Role, Scope
from api.domain.runs.run import Phase
from tests.builders import (
    NOW,
    BuiltTest,
    Output,
    add_event,
    add_finished_run,
    add_passed_result,
    add_regression_test,
    add_result,
    add_result_with_output,
    add_run,
    digest_of,
)
from tests.handlers.site import Client, Site
from tests.platform_writes import restrict_run

EXPECTED = b"1\n00:00:01,000 --> 00:00:02,000\nhello\n"
ACTUAL = b"1\n00:00:01,040 --> 00:00:02,040\nhello\n"
MAIN = "CCExtractor/ccextractor"


@pytest.fixture
def agent(site: Site) -> Client:
    return site.as_role(Role.ADMIN)


def store(site: Site, content: bytes) -> str:
    digest = sha256(content).hexdigest()
    (site.files / "TestResults").mkdir(exist_ok=True)
    (site.files / "TestResults" / f"{digest}.srt").write_bytes(content)
    return digest


def finish(run_id: int, *, days: float = 0) -> int:
    add_event(run_id, Phase.TESTING, at=NOW + timedelta(days=days))
    add_event(run_id, Phase.COMPLETED, at=NOW + timedelta(days=days, minutes=5))
    return run_id


def failing_run(site: Site, test: BuiltTest, got: str, baseline: str, **options: Any) -> int:
    run_id = add_run(tests=[test.regression_id], **options)
    add_result_with_output(run_id, test, got=got, expected=baseline)
    return finish(run_id)


def test_a_failing_run_is_compared_with_the_newest_run_before_it(agent: Client, site: Site) -> None:
    test = add_regression_test()
    before = add_finished_run(test)
    run_id = failing_run(site, test, digest_of("other"), digest_of("baseline"))

    shown = agent.get(f"/api/v1/runs/{run_id}/compare").json()

    assert (shown["base"]["run_id"], shown["base"]["reason"]) == (before, "before")
    assert [each["regression_id"] for each in shown["broken"]] == [test.regression_id]
    assert shown["passing_count"] == 0


def test_the_base_may_be_named_and_buckets_turn_around(agent: Client, site: Site) -> None:
    test = add_regression_test()
    failing = failing_run(site, test, digest_of("other"), digest_of("baseline"))
    passing = add_finished_run(test)

    shown = agent.get(f"/api/v1/runs/{passing}/compare", params={"against": failing}).json()

    assert shown["base"]["reason"] == "requested"
    assert [each["regression_id"] for each in shown["fixed"]] == [test.regression_id]


def test_a_run_with_nothing_to_compare_with_says_so(agent: Client) -> None:
    run_id = add_run()

    answer = agent.get(f"/api/v1/runs/{run_id}/compare")

    shown = answer.json()
    assert (answer.status_code, shown["message"]) == (404, f"There is no run to compare run {run_id} with.")
    assert (shown["details"]["resource"], shown["details"]["remedy"]) == ("base_run", "Name a run to compare with, by ?against=.")


def test_the_merge_base_that_was_named_at_creation_is_the_base(agent: Client, site: Site) -> None:
    test = add_regression_test()
    merge_base, other = "a" * 40, "b" * 40
    at_base = add_finished_run(test, commit=merge_base)
    add_finished_run(test, commit=other)
    created = agent.post("/api/v1/runs", json={
        "repository": MAIN, "commit_sha": "c" * 40, "platform": "linux", "pull_request": 7, "merge_base_sha": merge_base.upper()})

    shown = agent.get(f"/api/v1/runs/{created.json()['run_id']}/compare").json()

    assert (shown["base"]["run_id"], shown["base"]["reason"]) == (at_base, "merge_base")
    assert shown["not_comparable_count"] == 1


def test_runs_of_other_platforms_and_forks_are_no_bases(agent: Client, site: Site) -> None:
    test = add_regression_test()
    add_finished_run(test, platform="windows")
    add_finished_run(test, repository="somebody/ccextractor")
    run_id = failing_run(site, test, digest_of("other"), digest_of("baseline"))

    assert agent.get(f"/api/v1/runs/{run_id}/compare").status_code == 404


def test_triage_says_how_where_and_since_when_each_test_fails(agent: Client, site: Site) -> None:
    baseline, got = store(site, EXPECTED), store(site, ACTUAL)
    test = add_regression_test(outputs=[Output(baseline=baseline)], categories=["DVB"])
    passed = add_run(tests=[test.regression_id])
    add_passed_result(passed, test, expected=baseline)
    finish(passed, days=-3)
    first = failing_run(site, test, got, baseline, commit="d" * 40)
    run_id = failing_run(site, test, got, baseline)

    shown = agent.get(f"/api/v1/runs/{run_id}/triage").json()

    failure = shown["failures"][0]
    assert (shown["status"], shown["failure_count"], shown["omitted_count"]) == ("fail", 1, 0)
    assert failure["code"] == "OUTPUT_DIFF"
    assert failure["failing_since"] == {
        "run_id": first, "commit_sha": "d" * 40, "at_least": False, "assumed_order": True}
    assert failure["origin"] == "not_mine"
    assert failure["in_base"] == "failing_same"
    assert failure["first_difference"] == {
        "output_id": test.output_id, "line": 2, "column": 11, "expected": "00:00:01,000 --> 00:00:02,000",
        "actual": "00:00:01,040 --> 00:00:02,040"}
    assert failure["next"] == f"samples/{test.sample_id}/diff?regression_id={test.regression_id}&output_id={test.output_id}"


def test_a_retry_of_a_failing_run_still_shows_what_its_commit_broke(agent: Client, site: Site) -> None:
    test = add_regression_test()
    passed = add_finished_run(test)
    failing_run(site, test, digest_of("other"), digest_of("baseline"), commit="d" * 40)
    retry = failing_run(site, test, digest_of("other"), digest_of("baseline"), commit="d" * 40)

    shown = agent.get(f"/api/v1/runs/{retry}/compare").json()

    assert (shown["base"]["run_id"], shown["broken_count"], shown["failing_same_count"]) == (passed, 1, 0)


def test_a_pull_request_is_not_blamed_for_what_another_broke(agent: Client, site: Site) -> None:
    test = add_regression_test()
    add_finished_run(test)
    failing_run(site, test, digest_of("other"), digest_of("baseline"), branch="pull_request", pull_request=11)
    run_id = failing_run(site, test, digest_of("another"), digest_of("baseline"), branch="pull_request", pull_request=12)

    failure = agent.get(f"/api/v1/runs/{run_id}/triage").json()["failures"][0]

    assert (failure["failing_since"]["run_id"], failure["failing_since"]["at_least"]) == (run_id, False)


@pytest.mark.parametrize(("exit_code", "runtime_ms", "code", "attribution"), [
    (-11, 10, "SEGFAULT", "regression"), (139, 10, "SEGFAULT", "regression"), (-6, 10, "ABORT", "regression"),
    (-1, 600_000, "TIMEOUT", "infrastructure"), (-9, 10, "MEMORY_LIMIT", "infrastructure"), (5, 10, "EXIT_CODE_MISMATCH", "regression"),
    (124, 10, "TIMEOUT", "infrastructure"), (-15, 10, "SIGNAL", "regression"), (153, 10, "SIZE_LIMIT", "regression"),
    (0, 10, "MISSING_OUTPUT", "regression"),
])
def test_triage_tells_crashes_limits_and_missing_outputs_apart(
    agent: Client, exit_code: int, runtime_ms: int, code: str, attribution: str,
) -> None:
    test = add_regression_test()
    run_id = add_run(tests=[test.regression_id])
    add_result(run_id, test.regression_id, exit_code=exit_code, runtime_ms=runtime_ms)
    finish(run_id)

    failure = agent.get(f"/api/v1/runs/{run_id}/triage").json()["failures"][0]

    assert (failure["code"], failure["attribution"]) == (code, attribution)
    assert failure["next"] == f"samples/{test.sample_id}?regression_id={test.regression_id}"


@pytest.mark.parametrize(("exit_code", "got"), [(139, None), (0, "error"), (0, digest_of("other"))])
def test_a_token_of_the_default_scopes_may_make_the_call_that_leads_on(site: Site, exit_code: int, got: str | None) -> None:
    reader = site.as_role(Role.USER, Scope.RUNS_READ, Scope.RESULTS_READ)
    test = add_regression_test()
    run_id = add_run(tests=[test.regression_id])
    add_result_with_output(run_id, test, got=got, exit_code=exit_code)
    finish(run_id)

    triage = reader.get(f"/api/v1/runs/{run_id}/triage").json()
    answer = reader.get(urljoin(triage["links"]["self"], triage["failures"][0]["next"]).removeprefix("https://ci.example.test"))

    assert (answer.status_code, answer.json()["sample_id"]) == (200, test.sample_id)


@pytest.mark.parametrize("max_bytes", [8192, 16384, 32768])
def test_triage_keeps_to_its_budget_and_counts_what_it_leaves_out(agent: Client, site: Site, max_bytes: int) -> None:
    run_id = add_run()
    for number in range(45):
        baseline, got = store(site, b"x" * 400 + b"%d" % number), store(site, "é".encode() * 400 + b"%d" % number)
        test = add_regression_test(outputs=[Output(baseline=baseline)])
        add_result_with_output(run_id, test, got=got, expected=baseline)
    finish(run_id)

    answer = agent.get(f"/api/v1/runs/{run_id}/triage", params={"max_bytes": max_bytes})

    shown = answer.json()
    assert len(answer.content) <= max_bytes
    assert len(shown["failures"]) + shown["omitted_count"] == shown["failure_count"] == 45
    if max_bytes == 32768:
        assert shown["omitted_count"] == 0
        assert sum(each["first_difference"] is not None for each in shown["failures"]) == 45


def test_every_failure_that_is_listed_has_its_difference(agent: Client, site: Site) -> None:
    prefix = b"a beginning that is long enough " * 4
    run_id = add_run()
    for number in range(100):
        baseline, got = store(site, prefix + b"1 %d" % number), store(site, prefix + b"2 %d" % number)
        test = add_regression_test(outputs=[Output(baseline=baseline)])
        add_result_with_output(run_id, test, got=got, expected=baseline)
    finish(run_id)

    shown = agent.get(f"/api/v1/runs/{run_id}/triage").json()

    texts = [(each["first_difference"]["expected"], each["first_difference"]["actual"]) for each in shown["failures"]]
    assert 0 < shown["omitted_count"] == 100 - len(texts)
    assert shown["differences_omitted_count"] == 0
    assert all("1 " in expected and "2 " in actual for expected, actual in texts)


def test_an_output_whose_file_is_gone_has_no_first_difference_and_says_why(agent: Client, site: Site) -> None:
    test = add_regression_test()
    run_id = failing_run(site, test, digest_of("gone"), digest_of("baseline"))

    shown = agent.get(f"/api/v1/runs/{run_id}/triage").json()

    assert (shown["failures"][0]["first_difference"], shown["failures"][0]["difference_omitted"]) == (None, "file_missing")
    assert shown["differences_omitted_count"] == 1


def test_a_difference_far_into_a_file_is_found_with_its_line(agent: Client, site: Site) -> None:
    lines = [b"line %d of a long file" % number for number in range(20_000)]
    changed = [*lines[:15_000], b"changed", *lines[15_001:]]
    baseline, got = store(site, b"\n".join(lines)), store(site, b"\n".join(changed))
    test = add_regression_test(outputs=[Output(baseline=baseline)])
    run_id = failing_run(site, test, got, baseline)

    found = agent.get(f"/api/v1/runs/{run_id}/triage").json()["failures"][0]["first_difference"]

    assert (found["line"], found["expected"], found["actual"]) == (15_001, "line 15000 of a long file", "changed")


def test_many_failures_take_as_many_statements_as_few(quiet_site: Site) -> None:
    agent = quiet_site.as_role(Role.ADMIN)
    add_finished_run(add_regression_test())
    counts = []
    for number in (2, 15):
        tests = [add_regression_test() for _ in range(number)]
        run_id = add_run(tests=[test.regression_id for test in tests])
        for test in tests:
            add_result_with_output(run_id, test, got=digest_of("other"))
        agent.get(f"/api/v1/runs/{finish(run_id)}/triage")
        with quiet_site.database.counted() as statements:
            assert agent.get(f"/api/v1/runs/{run_id}/triage").json()["failure_count"] == number
        counts.append(len(statements))

    assert counts[0] == counts[1] <= 15


def test_a_run_that_was_seen_while_it_was_restricted_tells_of_all_of_its_failures_everywhere(quiet_site: Site) -> None:
    agent = quiet_site.as_role(Role.ADMIN)
    tests = [add_regression_test() for _ in range(3)]
    run_id = add_run(tests=[tests[0].regression_id])
    seen = agent.get(f"/api/v1/runs/{run_id}/summary").json()
    restrict_run(run_id, *(test.regression_id for test in tests[1:]))
    for test in tests:
        add_result_with_output(run_id, test, got=digest_of("other"))
    finish(run_id)

    triage, summary, errors, groups = (
        agent.get(f"/api/v1/runs/{run_id}/{part}").json() for part in ("triage", "summary", "errors", "error-summary"))

    assert seen["total_samples"] == 1
    assert (summary["total_samples"], triage["failure_count"], summary["fail_count"], errors["pagination"]["total"]) == (3, 3, 3, 3)
    assert [group["count"] for group in groups["data"]] == [3]


@pytest.mark.parametrize("length", [100_000, 65_536, 65_535, 65_534])
def test_a_difference_far_into_a_line_is_shown_with_its_column(agent: Client, site: Site, length: int) -> None:
    before, after = "caption é\n" * 3 + "é" + "x" * (length - 35), "y" * 700 + "\n"
    baseline, got = store(site, f"{before}1{after}".encode()), store(site, f"{before}2{after}".encode())
    test = add_regression_test(outputs=[Output(baseline=baseline)])
    run_id = failing_run(site, test, got, baseline)

    found = agent.get(f"/api/v1/runs/{run_id}/triage").json()["failures"][0]["first_difference"]

    assert (found["line"], found["column"]) == (4, length - 33)
    assert found["expected"] == f"…{'x' * 250}1{'y' * 249}…"
    assert found["actual"] == f"…{'x' * 250}2{'y' * 249}…"


def test_a_file_that_lacks_its_last_newline_is_named(agent: Client, site: Site) -> None:
    baseline, got = store(site, b"a\nb\n"), store(site, b"a\nb")
    test = add_regression_test(outputs=[Output(baseline=baseline)])
    run_id = failing_run(site, test, got, baseline)

    found = agent.get(f"/api/v1/runs/{run_id}/triage").json()["failures"][0]["first_difference"]

    assert found == {"output_id": test.output_id, "line": 2, "column": 2, "expected": "b\n", "actual": "b", "no_newline": "actual"}


def test_a_run_without_failures_is_triaged_in_few_words(agent: Client) -> None:
    run_id = add_finished_run(add_regression_test())

    shown = agent.get(f"/api/v1/runs/{run_id}/triage").json()

    assert (shown["status"], shown["failures"], shown["base"]) == ("pass", [], None)
