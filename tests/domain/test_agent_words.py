"""What the health of the system says of the agents."""
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from api.domain.agents import Agent, words_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
GOOD = Agent("one", 2, 0, NOW, "bubblewrap")
SILENT = replace(GOOD, seen_at=NOW - timedelta(hours=1))
CAGELESS = replace(GOOD, name="two", sandbox=None)
USELESS = replace(GOOD, name="four", trouble="the sandbox has no pytest")
LEAKY = replace(GOOD, name="three", missing=("memory: no control group", "cpus: no control group"))


@pytest.mark.parametrize(("agents", "needed", "words"), [
    ([GOOD], True, None), ([], False, None), ([SILENT], False, None), ([], True, "No agent runs, so jobs wait."),
    ([SILENT], True, "No agent runs, so jobs wait."), ([CAGELESS], False, "No agent has a sandbox, so jobs are refused."),
    ([CAGELESS, SILENT], True, "No agent has a sandbox, so jobs are refused."), ([CAGELESS, GOOD], True, None),
    ([GOOD, LEAKY, LEAKY], False, "Not held back: cpus: no control group; memory: no control group."),
    ([replace(LEAKY, seen_at=SILENT.seen_at)], False, None),
    ([USELESS, CAGELESS], False, "No agent can run jobs, so they are refused: the sandbox has no pytest."),
    ([USELESS, LEAKY], False,
     "Some agents take no jobs: the sandbox has no pytest. Not held back: cpus: no control group; memory: no control group.")])
def test_what_is_amiss_is_said_of_agents_that_live_and_their_absence_where_one_is_needed(
    agents: list[Agent], needed: bool, words: str | None,
) -> None:
    assert words_of(agents, NOW, needed=needed) == words


def test_many_words_have_an_end() -> None:
    assert len(words_of([replace(LEAKY, missing=("x" * 2000,))], NOW, needed=True) or "") == 500
