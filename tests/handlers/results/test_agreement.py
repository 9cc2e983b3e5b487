"""Whatever happened in a run: its summary, results, errors, error summary, status and histories tell the same of it."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.background.sweeper import Sweeper
from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from api.services.runs.platform_sync import catch_up
from contract.client import ValidatingClient
from tests.builders import (
    BASELINE,
    NOW,
    BuiltTest,
    Output,
    add_event,
    add_output,
    add_regression_test,
    add_result,
    add_run,
    add_sample,
    digest_of,
    minutes,
)
from tests.examples import examples
from tests.handlers.site import Site
from tests.platform_writes import change_exit_codes, delete_outputs

VARIANT = digest_of("variant")
FAILED = ("fail", "missing_output")


@dataclass(frozen=True)
class Told:
    """What is reported of one regression test: an exit code or no end, and per output None for silence, or what was got."""

    shared_sample: bool
    categories: tuple[str, ...]
    exit_code: int | None
    outputs: tuple[str | None, ...]
    ignored: bool


MATCH = "match"
outputs = st.lists(st.sampled_from([None, MATCH, VARIANT, digest_of("other"), BASELINE, "error"]), max_size=2).map(tuple)
told = st.builds(
    Told, st.booleans(), st.sampled_from([(), ("DVB",), ("DVB", "Teletext")]),
    st.sampled_from([None, 0, 0, 10, 139, 124, 137, -1]), outputs, st.booleans())
phases = st.sampled_from([None, Phase.PREPARATION, Phase.TESTING, Phase.COMPLETED, Phase.CANCELED])
cancels = st.sampled_from(["Canceled by ada", "Build failed: make error 2", ""])


def build(tests: list[Told], phase: Phase | None, words: str, *, seen: bool) -> int:
    """The run, as the platform's programs make it; the server has `seen` it before it began, or not."""
    shared = add_sample()
    built = [_define(test, shared) for test in tests]
    run_id = add_run()
    if seen:
        catch_up(NOW)
    if phase is not None:
        add_event(run_id, Phase.TESTING if phase.is_finished else phase, at=minutes(1))
    if phase not in (None, Phase.PREPARATION):
        for test, definition in zip(tests, built, strict=True):
            _report(run_id, test, definition)
    if phase is not None and phase.is_finished:
        add_event(run_id, phase, words if phase is Phase.CANCELED else "Done", at=minutes(9))
    return run_id


def _define(test: Told, shared: int) -> BuiltTest:
    required = [Output(acceptable=(VARIANT,)) for _ in test.outputs]
    return add_regression_test(
        sample_id=shared if test.shared_sample else None, categories=test.categories,
        outputs=[*required, Output(ignored=True)] if test.ignored else required)


def _report(run_id: int, test: Told, definition: BuiltTest) -> None:
    for got, output_id in zip(test.outputs, definition.output_ids, strict=False):
        if got is not None:
            add_output(run_id, definition.regression_id, output_id, got=None if got == MATCH else got)
    if test.exit_code is not None:
        add_result(run_id, definition.regression_id, exit_code=test.exit_code, runtime_ms=600_000)


def whole(client: ValidatingClient, path: str, **query: Any) -> list[dict[str, Any]]:
    """All items of a list, page after page."""
    return list(_items(client, path, query))


def _items(client: ValidatingClient, path: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    offset: int | None = 0
    while offset is not None:
        page = client.get(f"/api/v1{path}", params={**query, "limit": 3, "offset": offset}).json()
        yield from page["data"]
        offset = page["pagination"]["next_offset"]


@settings(deadline=None, max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(told, min_size=1, max_size=5), phases, cancels, st.booleans())
def test_all_views_of_a_run_agree(site: Site, tests: list[Told], phase: Phase | None, words: str, seen: bool) -> None:
    site.database.empty()
    site.accounts.clear()
    client = site.as_role(Role.ADMIN)
    run_id = build(tests, phase, words, seen=seen)
    is_finished = phase is not None and phase.is_finished

    # Of a run that was over before it was seen, only what reported is known.
    expected = tests if seen or not is_finished else [test for test in tests if test.exit_code is not None]
    _check_views(client, run_id, expected, is_finished=is_finished)


@settings(deadline=None, max_examples=examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(told, min_size=1, max_size=4), st.lists(told, min_size=1, max_size=4),
    st.sampled_from([Phase.COMPLETED, Phase.CANCELED]), st.booleans())
def test_all_views_agree_again_after_the_platform_wrote_results_of_a_run_that_was_over(
    site: Site, tests: list[Told], later: list[Told], phase: Phase, swept: bool,
) -> None:
    site.database.empty()
    site.accounts.clear()
    client = site.as_role(Role.ADMIN)
    shared = add_sample()
    built = [_define(test, shared) for test in tests]
    run_id = add_run()
    catch_up(NOW)
    add_event(run_id, Phase.TESTING, at=NOW)
    add_event(run_id, phase, "Done", at=NOW)
    client.get(f"/api/v1/runs/{run_id}")
    for late, definition in zip(later, built, strict=False):
        _report(run_id, late, definition)

    # Whoever looks at the run brings it up to date as well.
    if swept:
        Sweeper(site.app.flask, site.clock).sweep()

    _check_views(client, run_id, tests, is_finished=True)


@settings(deadline=None, max_examples=examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(told, min_size=1, max_size=4), cancels, st.booleans())
def test_nothing_that_is_told_of_a_run_that_is_over_changes_with_the_rows_it_was_judged_by(
    site: Site, tests: list[Told], words: str, outputs_vanish: bool,
) -> None:
    site.database.empty()
    site.accounts.clear()
    client = site.as_role(Role.ADMIN)
    run_id = build(tests, Phase.COMPLETED, words, seen=True)
    before = _told(client, run_id)

    if outputs_vanish:
        delete_outputs(run_id)
    else:
        change_exit_codes(run_id, 77)

    assert _told(client, run_id) == before
    _check_views(client, run_id, tests, is_finished=True)


def _told(client: ValidatingClient, run_id: int) -> list[Any]:
    run = client.get(f"/api/v1/runs/{run_id}").json()
    return [run, *(whole(client, f"/runs/{run_id}/{part}") for part in ("samples", "errors", "infrastructure-errors"))]


def _check_views(client: ValidatingClient, run_id: int, expected: list[Told], *, is_finished: bool) -> None:
    run = client.get(f"/api/v1/runs/{run_id}").json()
    listed = whole(client, "/runs", status=run["status"])
    summary = client.get(f"/api/v1/runs/{run_id}/summary").json()
    results = whole(client, f"/runs/{run_id}/samples")
    errors = whole(client, f"/runs/{run_id}/errors")
    infrastructure = whole(client, f"/runs/{run_id}/infrastructure-errors")

    verdicts = Counter(result["status"] for result in results)
    assert summary["status"] == run["status"]
    assert [each["run_id"] for each in listed] == [run_id]
    assert summary["total_samples"] == len(results) == len(expected)
    assert {name: summary[f"{name}_count"] for name in ("pass", "fail", "missing_output", "skipped")} == {
        name: verdicts[name] for name in ("pass", "fail", "missing_output", "skipped")}
    assert summary["pending_count"] == verdicts["running"] + verdicts["not_started"]
    assert {error["regression_id"] for error in errors} == {result["regression_id"] for result in results if result["status"] in FAILED}
    assert {(e["regression_id"], e["location"]["output_id"]) for e in errors if e["type"] == "missing_output"} == {
        (r["regression_id"], output["output_id"]) for r in results for output in r["outputs"] if output["status"] == "missing_output"}
    assert len({error["error_id"] for error in errors}) == len(errors) == summary["error_count"]
    assert summary["infrastructure_error_count"] == len(infrastructure)
    assert {e["error_id"] for e in errors if e["attribution"] == "infrastructure"} == {
        e["error_id"] for e in infrastructure if e["regression_id"] is not None}
    assert run["run_errors"] == (("yes" if infrastructure else "no") if is_finished else "unknown")
    _check_groups(client, run_id, errors)
    _check_histories(client, run, results, errors)


def _check_groups(client: ValidatingClient, run_id: int, errors: list[dict[str, Any]]) -> None:
    for grouping in ("type", "severity", "sample_id", "regression_id"):
        groups = whole(client, f"/runs/{run_id}/error-summary", group_by=grouping)
        assert {group["key"]: group["count"] for group in groups} == Counter(str(error[grouping]) for error in errors)
        assert [group["count"] for group in groups] == sorted((group["count"] for group in groups), reverse=True)
    groups = whole(client, f"/runs/{run_id}/error-summary", group_by="category")
    assert sum(group["count"] for group in groups) >= len(errors)
    assert {sample for group in groups for sample in group["sample_ids"]} == {error["sample_id"] for error in errors}


def _check_histories(
    client: ValidatingClient, run: dict[str, Any], results: list[dict[str, Any]], errors: list[dict[str, Any]],
) -> None:
    entries = [entry for sample in {r["sample_id"] for r in results} for entry in whole(client, f"/samples/{sample}/history")]
    told_of = results if run["status"] not in ("queued", "running") else []
    assert {(e["regression_id"], e["status"], e["runtime_ms"]) for e in entries} == {
        (r["regression_id"], r["status"], r["runtime_ms"]) for r in told_of}
    assert {e["run_status"] for e in entries} <= {run["status"]}
    assert {e["regression_id"] for e in entries if e["failure_signature"]} == {
        error["regression_id"] for error in errors if told_of}
