"""What is remembered of agents."""
from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from api.domain.jobs.agents import Agent
from api.storage.database import session, transact
from api.storage.jobs.agents import delete_agent, delete_silent_agents, list_agents, save_agent
from tests.builders import NOW
from tests.databases import Database

pytestmark = pytest.mark.usefixtures("database")
ONE = Agent("one", 4, 1, NOW, "bubblewrap", None, ("no limit on memory",))


def known() -> list[Agent]:
    session().rollback()
    return list_agents()


def test_an_agent_is_found_as_it_was_saved() -> None:
    transact(lambda: save_agent(ONE))

    assert known() == [ONE]


def test_an_agent_says_something_new_of_itself() -> None:
    transact(lambda: save_agent(ONE))
    later = replace(ONE, running=3, seen_at=NOW + timedelta(seconds=1), sandbox=None, trouble="bwrap is gone", missing=())

    transact(lambda: save_agent(later))

    assert known() == [later]


def test_an_agent_that_says_the_same_again_is_still_one() -> None:
    for _ in range(2):
        transact(lambda: save_agent(ONE))

    assert known() == [ONE]


def test_an_agent_that_ended_is_forgotten() -> None:
    two = replace(ONE, name="two")
    for agent in (ONE, two):
        transact(lambda agent=agent: save_agent(agent))  # type: ignore[misc]

    transact(lambda: delete_agent("one"))

    assert known() == [two]


def test_agents_of_which_nothing_was_heard_are_forgotten() -> None:
    heard = replace(ONE, name="two", seen_at=NOW + timedelta(days=1))
    for agent in (ONE, heard):
        transact(lambda agent=agent: save_agent(agent))  # type: ignore[misc]

    gone = transact(lambda: delete_silent_agents(NOW + timedelta(hours=1)))

    assert (gone, known()) == (1, [heard])


def test_agents_that_begin_together_are_all_known(database: Database) -> None:
    database.together(*(lambda number=number: transact(lambda: save_agent(replace(ONE, name=str(number % 3)))) for number in range(6)))

    assert [agent.name for agent in known()] == ["0", "1", "2"]
