"""The smaller parts of a connection behave as those that they stand in for."""
from __future__ import annotations

import asyncio
from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from api.specfirst.transport.small import SmallEvent, SmallQueue


def test_an_event_wakes_all_who_wait_and_those_who_come_later_until_it_is_cleared() -> None:
    async def work() -> None:
        event = SmallEvent()
        waiting = [asyncio.create_task(event.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        before = [task.done() for task in waiting]
        event.set()

        assert before == [False] * 3
        assert await asyncio.gather(*waiting, event.wait()) == [True] * 4
        event.clear()
        late = asyncio.create_task(event.wait())
        await asyncio.sleep(0)
        assert (late.done(), event.is_set()) == (False, False)
        late.cancel()

    asyncio.run(work())


def test_one_who_gives_up_is_forgotten_and_the_others_go_on_waiting() -> None:
    async def work() -> None:
        event = SmallEvent()
        gone, there = (asyncio.create_task(event.wait()) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])

        assert len(event._waiters or ()) == 1
        event.set()
        assert await there
        assert event._waiters is None

    asyncio.run(work())


@given(st.lists(st.one_of(st.integers(), st.none())))
def test_a_queue_gives_what_a_deque_would(steps: list[int | None]) -> None:
    queue, reference = SmallQueue(), deque[int]()

    for step in steps:
        if step is not None:
            queue.appendleft(step)
            reference.appendleft(step)
        elif reference:
            assert queue.pop() == reference.pop()

    assert (list(queue), bool(queue)) == (list(reference), bool(reference))
