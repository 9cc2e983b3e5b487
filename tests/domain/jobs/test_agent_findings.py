"""What the health of the system says of the agents."""
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from api.domain.health import Finding
from api.domain.jobs.agents import Agent, finding_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
GOOD = Agent("one", 2, 0, NOW, "bubblewrap")
SILENT = replace(GOOD, seen_at=NOW - timedelta(hours=1))
WITHOUT_SANDBOX = replace(GOOD, name="two", sandbox=None)
USELESS = replace(GOOD, name="four", trouble="the sandbox has no pytest")
LEAKY = replace(GOOD, name="three", missing=("memory: no control group", "cpus: no control group"))


NOT_HELD = "Not held back: cpus: no control group; memory: no control group."


@pytest.mark.parametrize(("agents", "needed", "found"), [
    ([GOOD], True, Finding()), ([], False, Finding()), ([SILENT], False, Finding()),
    ([], True, Finding("degraded", "No agent runs, so jobs wait.")),
    ([SILENT], True, Finding("degraded", "No agent runs, so jobs wait.")),
    ([WITHOUT_SANDBOX], False, Finding("degraded", "No agent has a sandbox, so jobs are refused.")),
    ([WITHOUT_SANDBOX, SILENT], True, Finding("degraded", "No agent has a sandbox, so jobs are refused.")),
    ([WITHOUT_SANDBOX, GOOD], True, Finding()),
    ([replace(LEAKY, seen_at=SILENT.seen_at)], False, Finding()),
    ([USELESS, WITHOUT_SANDBOX], False, Finding("degraded", "No agent can run jobs, so they are refused: the sandbox has no pytest.")),
    ([USELESS, LEAKY], False, Finding("degraded", f"Some agents take no jobs: the sandbox has no pytest. {NOT_HELD}"))])
def test_what_is_amiss_is_said_of_agents_that_live_and_their_absence_where_one_is_needed(
    agents: list[Agent], needed: bool, found: Finding,
) -> None:
    assert finding_of(agents, NOW, needed=needed) == found


@pytest.mark.parametrize(("limits", "status"), [
    ((), "ok"), (("processes",), "ok"), (("memory",), "degraded"), (("memory: no",), "ok"), (("cpus", "processes"), "degraded")])
def test_a_limit_that_is_not_held_is_information_unless_a_setting_needs_it(limits: tuple[str, ...], status: str) -> None:
    assert finding_of([GOOD, LEAKY, LEAKY], NOW, needed=False, limits=limits) == Finding(status, NOT_HELD)


def test_many_words_have_an_end() -> None:
    assert len(finding_of([replace(LEAKY, missing=("x" * 2000,))], NOW, needed=True).words or "") == 500
