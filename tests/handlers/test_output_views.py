"""Whatever was reported of an output: its sample's result and the operations on its files tell the same of it."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from api.domain.access import Role
from api.domain.run import Phase
from contract.client import ValidatingClient
from tests.builders import NOW, Output, add_event, add_output, add_regression_test, add_result, add_run
from tests.handlers.outputs import BuiltOutput, stored
from tests.handlers.site import Site

NOTHING = "nothing is reported"
CONTENTS = {"baseline": b"1\nfoo\n", "newer": b"1\nbar\n", "other": b"1\nbaz\n"}


@dataclass(frozen=True)
class Views:
    """What the operations say of one output."""

    shown: dict[str, Any]
    expected: Any
    actual: Any
    diff: dict[str, Any]


def report(site: Site, got: str | None, recorded: str, *, frozen_before: bool) -> BuiltOutput:
    """A finished run of one output, whose report carries a baseline of its own; the run's set was frozen before it, or is after it."""
    hashes = {name: stored(site, content) for name, content in CONTENTS.items()}
    test = add_regression_test(outputs=[Output(hashes["baseline"])])
    run_id = add_run(tests=[test.regression_id])
    if frozen_before:
        site.as_role(Role.USER).get(f"/api/v1/runs/{run_id}")
    add_event(run_id, Phase.TESTING, at=NOW)
    if got != NOTHING:
        add_output(run_id, test.regression_id, test.output_id, got=hashes.get(str(got), got), expected=hashes[recorded])
    add_result(run_id, test.regression_id)
    add_event(run_id, Phase.COMPLETED, at=NOW)
    return BuiltOutput(run_id, test, test.output_id)


def views_of(output: BuiltOutput, client: ValidatingClient) -> Views:
    result = client.get(f"/api/v1/runs/{output.run_id}/samples/{output.test.sample_id}").json()
    return Views(result["outputs"][0], *(output.get(client, what) for what in ("expected", "actual")), output.get(client, "diff").json())


@pytest.mark.parametrize("frozen_before", [True, False])
@pytest.mark.parametrize("recorded", ["baseline", "newer"])
@pytest.mark.parametrize("got", [None, "baseline", "newer", "other", "error", NOTHING])
def test_all_views_of_an_output_agree(site: Site, got: str | None, recorded: str, frozen_before: bool) -> None:
    client = site.as_role(Role.USER)
    output = report(site, got, recorded, frozen_before=frozen_before)

    views = views_of(output, client)

    assert views.expected.json()["sha256"] == views.shown["expected_hash"]
    assert (views.shown["status"], views.actual.status_code, views.diff["status"]) in [
        ("match", 204, "identical"), ("diff_mismatch", 200, "different"), ("missing_output", 404, "missing_actual")]
    assert views.shown["actual_hash"] == (views.actual.json()["sha256"] if views.actual.status_code == 200 else None)


@pytest.mark.parametrize("got", [None, "baseline", "newer"])
def test_an_output_is_compared_with_the_baseline_that_its_runs_set_was_frozen_with(site: Site, got: str | None) -> None:
    client = site.as_role(Role.USER)
    output = report(site, got, "newer", frozen_before=True)

    shown = output.get(client, "expected", format="text").json()

    assert shown["content"] == CONTENTS["baseline"].decode()
