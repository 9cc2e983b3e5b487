"""Waiting for a run to change, and what an answer that waited says."""
from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import update

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from api.storage.database import transaction
from api.storage.platform_tables import TokenRow
from api.streaming.reauthorization import Reauthorization
from api.streaming.waiting import RunWatch
from contract.client import ValidatingClient
from tests.builders import NOW, add_event, add_finished_run, add_regression_test, add_run
from tests.e2e.processes import eventually
from tests.handlers.site import Site

RUNS = "/api/v1/runs"
LONG = 60


class Looks:
    """Counts how often the watcher looks, so that tests can tell that somebody waits; no test waits for a time to pass."""

    def __init__(self, load_states: Callable[[Collection[int]], Mapping[int, str]]) -> None:
        self._load_states, self._happened = load_states, threading.Condition()
        self.watch = RunWatch(self, interval=0.01)
        self.number = 0

    def __call__(self, run_ids: Collection[int]) -> Mapping[int, str]:
        """Look."""
        found = self._load_states(run_ids)
        with self._happened:
            self.number += 1
            self._happened.notify_all()
        return found

    def wait_for(self, waiters: int) -> None:
        """Return when so many wait, and the watcher has looked for them since."""
        with self._happened:
            assert self._happened.wait_for(lambda: len(self.watch._waiters) == waiters, timeout=LONG)
            before = self.number
            assert self._happened.wait_for(lambda: self.number > before + 1, timeout=LONG)


@pytest.fixture
def looks(site: Site) -> Iterator[Looks]:
    """The looks of a watcher that is in no hurry to give up, but quick to look again."""
    collaborators: Any = site.app.app_context.collaborators
    own = collaborators[RunWatch]
    found = Looks(own._load_states)
    collaborators[RunWatch] = found.watch
    yield found
    collaborators[RunWatch] = own


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    """A client of staff."""
    return site.as_role(Role.TESTER)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """Threads in which requests wait."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


def ask(threads: ThreadPoolExecutor, client: ValidatingClient, run_id: int, **headers: str) -> Future[Any]:
    """Wait for a run in a thread of its own."""
    return threads.submit(client.get, f"{RUNS}/{run_id}", params={"wait": LONG}, headers=headers)


def test_an_answer_comes_when_the_run_changes(
        site: Site, looks: Looks, client: ValidatingClient, threads: ThreadPoolExecutor) -> None:
    run_id = add_run()
    waiting = ask(threads, client, run_id)
    looks.wait_for(1)
    still_waiting = not waiting.done()

    site.report(run_id, type="progress", status="testing", message="")

    assert still_waiting
    assert waiting.result(LONG / 2).json()["status"] == "running"


def test_a_word_of_progress_is_a_change_too(
        site: Site, looks: Looks, client: ValidatingClient, threads: ThreadPoolExecutor) -> None:
    run_id = add_run()
    add_event(run_id, Phase.TESTING, "one of two")
    waiting = ask(threads, client, run_id)
    looks.wait_for(1)

    site.report(run_id, type="progress", status="testing", message="two of two")

    assert waiting.result(LONG / 2).status_code == 200


def test_the_platforms_own_programs_are_noticed(
        site: Site, looks: Looks, client: ValidatingClient, threads: ThreadPoolExecutor) -> None:
    run_id = add_run()
    waiting = ask(threads, client, run_id)
    looks.wait_for(1)

    add_event(run_id, Phase.CANCELED, "PR closed")

    assert waiting.result(LONG / 2).json()["status"] == "canceled"


def test_many_wait_and_each_hears_of_its_own_run(
        site: Site, looks: Looks, client: ValidatingClient, threads: ThreadPoolExecutor) -> None:
    quiet, busy = add_run(), add_run()
    of_quiet = [ask(threads, client, quiet) for _ in range(2)]
    of_busy = [ask(threads, client, busy) for _ in range(4)]
    looks.wait_for(6)

    add_event(busy, Phase.TESTING)
    on_stop_signal = {future.result(LONG / 2).json()["status"] for future in of_busy}
    looks.wait_for(2)
    silent = not any(future.done() for future in of_quiet)
    add_event(quiet, Phase.TESTING)

    assert on_stop_signal == {"running"}
    assert silent
    assert {future.result(LONG / 2).json()["run_id"] for future in of_quiet} == {quiet}


def test_a_wait_ends_with_its_token(site: Site, looks: Looks, client: ValidatingClient, threads: ThreadPoolExecutor) -> None:
    permits: Reauthorization = site.app.app_context.collaborators[Reauthorization]
    before, permits.interval = permits.interval, 0.05
    waiting = ask(threads, client, add_run())
    looks.wait_for(1)

    with transaction() as change:
        change.execute(update(TokenRow).values(revoked_at=NOW))
    status = waiting.result(LONG / 2).status_code
    permits.interval = before

    assert status == 401


def test_a_client_that_has_another_state_is_answered_at_once(site: Site, looks: Looks, client: ValidatingClient) -> None:
    run_id = add_run()
    old = client.get(f"{RUNS}/{run_id}").headers["ETag"]
    add_event(run_id, Phase.TESTING)

    answer = client.get(f"{RUNS}/{run_id}", params={"wait": LONG}, headers={"If-None-Match": old})

    assert (answer.status_code, answer.json()["status"], looks.number) == (200, "running", 0)


def test_a_client_that_has_this_state_waits_for_the_next(
        site: Site, looks: Looks, client: ValidatingClient, threads: ThreadPoolExecutor) -> None:
    run_id = add_run()
    present = client.get(f"{RUNS}/{run_id}").headers["ETag"]
    waiting = ask(threads, client, run_id, **{"If-None-Match": present})
    looks.wait_for(1)

    add_event(run_id, Phase.TESTING)

    assert waiting.result(LONG / 2).json()["status"] == "running"


def test_time_that_runs_out_is_answered_as_without_waiting(site: Site, client: ValidatingClient) -> None:
    run_id = add_run()
    at_once = client.get(f"{RUNS}/{run_id}")

    waited = client.get(f"{RUNS}/{run_id}", params={"wait": 1})
    same = client.get(f"{RUNS}/{run_id}", params={"wait": 1}, headers={"If-None-Match": at_once.headers["ETag"]})

    assert (waited.status_code, waited.json()) == (200, at_once.json())
    assert (same.status_code, same.content) == (304, b"")


def test_a_run_that_is_over_is_shown_at_once(site: Site, looks: Looks, client: ValidatingClient) -> None:
    run_id = add_finished_run(add_regression_test())
    present = client.get(f"{RUNS}/{run_id}").headers["ETag"]

    shown = client.get(f"{RUNS}/{run_id}", params={"wait": LONG})
    same = client.get(f"{RUNS}/{run_id}", params={"wait": LONG}, headers={"If-None-Match": present})

    assert (shown.status_code, same.status_code, looks.number) == (200, 304, 0)


def test_nobody_waits_for_a_run_that_is_not_there(site: Site, looks: Looks, client: ValidatingClient) -> None:
    answer = client.get(f"{RUNS}/4711", params={"wait": LONG})

    assert (answer.status_code, looks.number) == (404, 0)


@pytest.mark.parametrize("wait", ["61", "-1", "1.5", "", "forever"])
def test_other_waits_are_refused_by_name(site: Site, client: ValidatingClient, wait: str) -> None:
    answer = client.get(f"{RUNS}/{add_run()}", params={"wait": wait})

    assert (answer.status_code, list(answer.json()["details"]["fields"])) == (400, ["wait"])



def test_who_comes_while_states_are_loaded_is_not_told_of_those(
        site: Site, looks: Looks, client: ValidatingClient, threads: ThreadPoolExecutor) -> None:
    one, another = add_run(), add_run()
    load_states, loaded, go_on = looks._load_states, threading.Event(), threading.Event()

    def load_slowly(run_ids: Collection[int]) -> Mapping[int, str]:
        found = load_states(run_ids)
        loaded.set()
        go_on.wait(LONG)
        return found

    looks._load_states = load_slowly
    first = ask(threads, client, one)
    loaded.wait(LONG)
    second = ask(threads, client, another)
    eventually(lambda: len(looks.watch._waiters) == 2, "the second waiter")
    go_on.set()
    looks.wait_for(2)
    silent = not second.done()
    add_event(one, Phase.TESTING)
    add_event(another, Phase.TESTING)

    assert silent
    assert {future.result(LONG / 2).json()["status"] for future in (first, second)} == {"running"}
