"""Which agents live, and when jobs are accepted."""
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from api.domain.jobs.agents import ALIVE_FOR, HEARTBEAT_INTERVAL, Agent, alive, can_accept

NOW = datetime(2025, 11, 21, 12, tzinfo=UTC)


def agent(*, sandbox: str | None = "bubblewrap", silent: timedelta = timedelta(0)) -> Agent:
    return Agent("one", 2, 0, NOW - silent, sandbox)


def test_an_agent_lives_as_long_as_it_is_heard() -> None:
    heard, silent = agent(silent=HEARTBEAT_INTERVAL * 2), agent(silent=ALIVE_FOR)

    assert alive([heard, silent], NOW) == [heard]


def test_jobs_are_accepted_while_no_agent_lives_since_one_may_come() -> None:
    assert can_accept([], NOW)
    assert can_accept([agent(sandbox=None, silent=ALIVE_FOR)], NOW)


def test_jobs_are_refused_where_no_agent_that_lives_has_a_sandbox() -> None:
    assert not can_accept([agent(sandbox=None), agent(silent=ALIVE_FOR)], NOW)


def test_jobs_are_refused_where_what_they_are_run_with_is_in_no_sandbox() -> None:
    lacking = replace(agent(), trouble="the sandbox has no pytest")

    assert not can_accept([lacking], NOW)
    assert can_accept([lacking, agent()], NOW)


def test_one_agent_with_a_sandbox_is_enough() -> None:
    assert can_accept([agent(sandbox=None), agent()], NOW)
