"""Whatever was reported of an output: its sample's result and the operations on its files tell the same of it."""
from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from contract.client import ValidatingClient
from tests.builders import NOW, Output, add_event, add_output, add_regression_test, add_result, add_run
from tests.handlers.outputs import BuiltOutput, stored
from tests.handlers.site import Site

NOTHING = "nothing is reported"
CONTENTS = {"baseline": b"1\nfoo\n", "newer": b"1\nbar\n", "other": b"1\nbaz\n", "variant": b"1\nFOO\n"}


@dataclass(frozen=True)
class Views:
    """What the operations say of one output."""

    shown: dict[str, Any]
    expected: Any
    actual: Any
    diff: dict[str, Any]
    artifacts: set[str]


def report(site: Site, got: str | None, recorded: str, *, frozen_before: bool) -> BuiltOutput:
    """A finished run of one output, whose report carries a baseline of its own; the run's set was frozen before it, or is after it."""
    hashes = {name: stored(site, content) for name, content in CONTENTS.items()}
    test = add_regression_test(outputs=[Output(hashes["baseline"], acceptable=(hashes["variant"],))])
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
    artifacts = client.get(f"/api/v1/runs/{output.run_id}/artifacts").json()["data"]
    return Views(
        result["outputs"][0], output.get(client, "expected"), output.get(client, "actual"), output.get(client, "diff").json(),
        {each["type"] for each in artifacts} & {"sample_output", "diff"})


@pytest.mark.parametrize("frozen_before", [True, False])
@pytest.mark.parametrize("recorded", ["baseline", "newer"])
@pytest.mark.parametrize("got", [None, "baseline", "newer", "other", "variant", "error", NOTHING])
def test_all_views_of_an_output_agree(site: Site, got: str | None, recorded: str, frozen_before: bool) -> None:
    client = site.as_role(Role.USER)
    output = report(site, got, recorded, frozen_before=frozen_before)

    views = views_of(output, client)

    assert views.expected.json()["sha256"] == views.shown["expected_hash"]
    assert (views.shown["status"] == "missing_output") is (views.actual.status_code == 404)
    assert views.diff["status"] == {200: "different", 204: "identical", 404: "missing_actual"}[views.actual.status_code]
    differs = views.actual.status_code == 200
    assert views.shown["actual_hash"] == (views.actual.json()["sha256"] if differs else None)
    assert views.artifacts == ({"sample_output", "diff"} if differs else set())


def test_an_acceptable_variant_matches_and_is_shown_as_the_file_of_its_own_that_it_is(site: Site) -> None:
    client = site.as_role(Role.USER)
    output = report(site, "variant", "baseline", frozen_before=True)

    views = views_of(output, client)

    assert (views.shown["status"], views.actual.status_code) == ("match", 200)
    assert views.shown["actual_hash"] == sha256(CONTENTS["variant"]).hexdigest()


@pytest.mark.parametrize("got", [None, "baseline", "newer"])
def test_an_output_is_compared_with_the_baseline_that_its_runs_set_was_frozen_with(site: Site, got: str | None) -> None:
    client = site.as_role(Role.USER)
    output = report(site, got, "newer", frozen_before=True)

    shown = output.get(client, "expected", format="text").json()

    assert shown["content"] == CONTENTS["baseline"].decode()
