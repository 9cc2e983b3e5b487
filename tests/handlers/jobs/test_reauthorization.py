"""Streams whose callers may no longer have them: they end, and nobody else's does."""
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import update

from api.domain.auth.access import Caller, Role, Scope
from api.domain.errors import Unavailable
from api.domain.runs.run import Phase
from api.jobs.files import JobFiles
from api.storage.auth.accounts import record_disabled
from api.storage.database import transaction
from api.storage.platform_tables import TokenRow, UserRow
from api.streaming.reauthorization import Reauthorization
from tests.builders import NOW, add_event, add_run, add_token
from tests.handlers.jobs.watching import HandRun, Stream, listening
from tests.handlers.site import Site, build_site

CALLER = Caller(1, "reader", None, Role.USER, frozenset({Scope.SYSTEM_READ}), token_id=7)


@dataclass
class Looked:
    """Who a token stands for, by turns; the last for ever. Counts the looks."""

    answers: list[Caller | None | Exception]
    looks: int = 0
    ended: list[str] = field(default_factory=list)

    async def look(self) -> Caller | None:
        """The next answer."""
        self.looks += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def end(self, name: str) -> Callable[[], None]:
        """What notes that a stream was ended."""
        return lambda: self.ended.append(name)


def in_loop(work: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await asyncio.wait_for(work(), 60)

    asyncio.run(run())


async def looks_of(looked: Looked, number: int) -> None:
    while looked.looks < number:
        await asyncio.sleep(0)


@pytest.mark.parametrize("now", [
    None, Caller(1, "reader", None, Role.TESTER, CALLER.scopes, token_id=7), Caller(1, "reader", None, Role.USER, frozenset(), token_id=7)])
def test_a_stream_is_ended_once_its_caller_is_another(now: Caller | None) -> None:
    async def work() -> None:
        looked, permits = Looked([CALLER, now]), Reauthorization(interval=0)
        with permits.watched(CALLER, looked.look, looked.end("stream")):
            await looks_of(looked, 1)
            before = [*looked.ended]
            await looks_of(looked, 3)

        assert before == []
        assert set(looked.ended) == {"stream"}

    in_loop(work)


def test_a_look_that_fails_ends_nothing_and_is_repeated() -> None:
    async def work() -> None:
        looked, permits = Looked([Unavailable("The database is away."), CALLER]), Reauthorization(interval=0)
        with permits.watched(CALLER, looked.look, looked.end("stream")):
            await looks_of(looked, 3)

        assert looked.ended == []

    in_loop(work)


def test_many_streams_of_one_token_share_a_look_and_nobody_looks_once_all_are_closed() -> None:
    async def work() -> None:
        looked, permits = Looked([CALLER, None]), Reauthorization(interval=0)
        with ExitStack() as streams:
            for name in ("one", "two", "three"):
                streams.enter_context(permits.watched(CALLER, looked.look, looked.end(name)))
            await looks_of(looked, 1)
            while not looked.ended:
                await asyncio.sleep(0)
            ended, looks = [*looked.ended], looked.looks
        after = looked.looks
        for _ in range(5):
            await asyncio.sleep(0)

        assert (ended, looks) == (["one", "two", "three"], 2)
        assert looked.looks == after

    in_loop(work)


def test_streams_of_others_go_on() -> None:
    async def work() -> None:
        gone, other, permits = Looked([None]), Looked([CALLER]), Reauthorization(interval=0)
        theirs = Caller(2, "other", None, Role.USER, CALLER.scopes, token_id=8)
        other.answers = [theirs]
        with permits.watched(CALLER, gone.look, gone.end("gone")), permits.watched(theirs, other.look, other.end("other")):
            await looks_of(other, 3)

        assert set(gone.ended) == {"gone"}
        assert other.ended == []

    in_loop(work)


@pytest.fixture
def served(sqlite_path: Path, tmp_path: Path) -> Iterator[tuple[Site, str]]:
    """A server that listens, and looks often."""
    site = build_site(tmp_path, sqlite_path)
    permits: Reauthorization = site.app.app_context.collaborators[Reauthorization]
    permits.interval = 0.05
    with listening(site.app) as url, site.app.flask.app_context():
        yield site, url


def revoke(site: Site) -> None:
    with transaction() as change:
        change.execute(update(TokenRow).values(revoked_at=NOW))


def disable(site: Site) -> None:
    with transaction():
        record_disabled(site.account(Role.CONTRIBUTOR), True)


def demote(site: Site) -> None:
    with transaction() as change:
        change.execute(update(UserRow).values(role=Role.USER.value))


@pytest.mark.parametrize("lose", [revoke, disable, demote])
@pytest.mark.parametrize("subject", ["run", "job"])
def test_a_stream_ends_without_its_last_event_once_its_token_or_role_is_gone(
    served: tuple[Site, str], subject: str, lose: Callable[[Site], None],
) -> None:
    site, url = served
    token = add_token(site.account(Role.CONTRIBUTOR), now=NOW)
    path = run_path() if subject == "run" else job_path(site)

    with Stream(url, path, token) as stream:
        stream.next_other()
        lose(site)
        rest = stream.rest()

    assert (stream.status, rest) == (200, [])


def run_path() -> str:
    run_id = add_run()
    add_event(run_id, Phase.TESTING)
    return f"/api/v1/runs/{run_id}/logs/stream"


def job_path(site: Site) -> str:
    job_id = HandRun.submitted(JobFiles(site.files), site.account(Role.CONTRIBUTOR)).job_id
    return f"/jobs/{job_id}/stream"
