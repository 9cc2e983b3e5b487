"""The probes behind health and readiness: one deadline for all, one thread for each, however often they are asked."""
from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest

from api.domain.health import Finding
from api.services.health_probes import HealthProbes
from tests.background.faults import FAULTS, Monotonic

LATE = "It does not answer in time."


class Hanging:
    """A probe that does not answer until it is let go; counts how often it is asked."""

    def __init__(self) -> None:
        self.over, self.asked = threading.Event(), 0

    def __call__(self) -> None:
        self.asked += 1
        self.over.wait(60)


@pytest.fixture
def hanging() -> Iterator[list[Hanging]]:
    """Probes that hang until the test is over."""
    made = [Hanging() for _ in range(3)]
    yield made
    for each in made:
        each.over.set()


def threads() -> int:
    return sum(each.name.startswith("probe-") for each in threading.enumerate())


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(work(), 60)

    asyncio.run(bounded())


def test_probes_that_hang_are_waited_for_together(hanging: list[Hanging], monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[tuple[int, float]] = []
    really = asyncio.wait

    async def wait(futures: list[asyncio.Future[Finding]], *, timeout: float) -> None:
        waits.append((len(futures), timeout))
        await really(futures, timeout=0.01)

    monkeypatch.setattr(asyncio, "wait", wait)
    probes = HealthProbes(
        {**{f"slow{number}": each for number, each in enumerate(hanging)}, "quick": lambda: None}, vital=frozenset(), clock=Monotonic())

    async def work() -> None:
        found = await probes.probe(limits_degraded=False)

        assert waits == [(4, 2.0)]
        assert [(each.name, each.status, each.message) for each in found] == [
            *((f"slow{number}", "down", LATE) for number in range(3)), ("quick", "ok", None)]

    run(work)


def test_probes_that_hang_are_neither_asked_nor_waited_for_again(hanging: list[Hanging]) -> None:
    clock, quick = Monotonic(), []
    probes = HealthProbes(
        {**{f"slow{number}": each for number, each in enumerate(hanging)}, "quick": lambda: quick.append(1)}, vital=frozenset(),
        timeout=0.05, remember=1, clock=clock)

    async def work() -> None:
        for _ in range(100):
            found = await probes.probe(limits_degraded=False)
            clock.seconds += 2
            assert [each.status for each in found] == ["down", "down", "down", "ok"]

        assert ([each.asked for each in hanging], len(quick), threads()) == ([1, 1, 1], 100, 3)

    run(work)


def test_many_who_ask_at_once_are_answered_by_one_look_at_each(hanging: list[Hanging]) -> None:
    quick: list[int] = []
    probes = HealthProbes({"slow": hanging[0], "quick": lambda: quick.append(1)}, vital=frozenset(), timeout=0.05, clock=Monotonic())

    async def work() -> None:
        found = await asyncio.gather(*(probes.probe(limits_degraded=False) for _ in range(400)))

        assert {tuple(each.status for each in answer) for answer in found} == {("down", "ok")}
        assert (hanging[0].asked, len(quick), threads()) == (1, 1, 1)

    run(work)


def test_one_that_hung_and_came_back_is_asked_again(hanging: list[Hanging]) -> None:
    clock = Monotonic()
    probes = HealthProbes({"slow": hanging[0]}, vital=frozenset(), timeout=0.05, remember=1, clock=clock)

    async def work() -> None:
        first = await probes.probe(limits_degraded=False)
        hanging[0].over.set()
        while threads():
            await asyncio.sleep(0.01)
        clock.seconds += 10
        second = await probes.probe(limits_degraded=False)

        assert ([first[0].status, second[0].status], hanging[0].asked) == (["down", "ok"], 2)

    run(work)


def test_a_thread_is_told_what_is_known_without_waiting_for_what_hangs(hanging: list[Hanging]) -> None:
    clock = Monotonic()
    probes = HealthProbes(
        {"slow": hanging[0], "quick": lambda: None, "away": lambda: Finding("degraded", "It is away.")}, vital=frozenset(), clock=clock)

    early = probes.look(limits_degraded=True, patience=1)
    clock.seconds = 2
    late = probes.look(limits_degraded=False)

    assert [(each.name, each.status) for each in early] == [("quick", "ok"), ("away", "degraded"), ("rate_limit_store", "degraded")]
    assert [(each.name, each.message) for each in late] == [("slow", LATE), ("quick", None), ("away", "It is away.")]
    assert hanging[0].asked == 1


def test_answers_are_kept_for_a_moment() -> None:
    clock, asked = Monotonic(), []
    probes = HealthProbes({"quick": lambda: asked.append(1)}, vital=frozenset(), remember=1, clock=clock)

    async def work() -> None:
        for seconds in (0, 0.9, 1, 1.9, 2):
            clock.seconds = seconds
            await probes.probe(limits_degraded=False)

        assert len(asked) == 3

    run(work)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_whatever_a_probe_raises_it_is_down_and_its_words_stay_here(fault: BaseException) -> None:
    def fail() -> None:
        raise fault

    async def work() -> None:
        found, = await HealthProbes({"broken": fail}, vital=frozenset()).probe(limits_degraded=False)

        assert (found.status, found.message) == ("down", "It cannot be reached.")

    run(work)


def test_readiness_asks_the_vital_ones_alone(hanging: list[Hanging]) -> None:
    answers: list[Finding | None] = [None, Finding("degraded", "slow"), Finding("down", "lacks a migration"), Finding("ok", "information")]
    clock = Monotonic()
    probes = HealthProbes({"database": lambda: answers.pop(0), "bucket": hanging[0]}, vital=frozenset({"database"}), clock=clock)

    async def work() -> None:
        found = []
        for _ in range(4):
            found.append(await probes.is_ready())
            clock.seconds += 2

        assert (found, hanging[0].asked) == ([True, False, False, True], 0)

    run(work)
