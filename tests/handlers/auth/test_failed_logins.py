"""Failed logins: counted for each account, alike for those that do not exist, and never an owner's end."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.login_pause import FREE_ATTEMPTS, MAX_PAUSE
from api.domain.errors import TooMany
from api.services.auth.login_guard import LoginGuard
from api.specfirst.access.rate_limits import FallbackCounters, ProcessCounters
from tests.clocks import Clock
from tests.handlers.conftest import MakeSite
from tests.handlers.site import PASSWORD, Site
from tests.specfirst.access.test_rate_limits import Store

TOKENS = "/api/v1/auth/tokens"
ADA, NOBODY = "ada@example.test", "nobody@example.test"


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """A server that nobody has logged in to, with one account."""
    made = make_site()
    made.account(name="ada")
    return made


def attempt(site: Site, email: str = ADA, password: str = "a wrong password", *, number: int = 0, **changes: Any) -> Any:
    """Try to log in."""
    body = {"email": email, "password": password, "token_name": f"t{number}"} | changes
    return site.client.post(TOKENS, json=body)


@pytest.mark.parametrize("email", [ADA, NOBODY])
def test_after_so_many_failures_an_account_can_be_tried_only_after_pauses(site: Site, email: str) -> None:
    first = [attempt(site, email).status_code for _ in range(FREE_ATTEMPTS + 1)]
    refused = attempt(site, email)
    site.clock.advance(seconds=30)
    later = [attempt(site, email), attempt(site, email)]

    assert first == [401] * (FREE_ATTEMPTS + 1)
    assert (refused.status_code, refused.headers["Retry-After"], refused.json()["code"]) == (429, "30", "rate_limited")
    assert [answer.status_code for answer in later] == [401, 429]
    assert later[1].headers["Retry-After"] == "60"


def test_no_answer_tells_whether_there_is_such_an_account(site: Site) -> None:
    answers = {email: [attempt(site, email) for _ in range(FREE_ATTEMPTS + 3)] for email in (ADA, NOBODY)}

    def told(answer: Any) -> tuple[Any, ...]:
        body = answer.json()
        return answer.status_code, sorted(answer.headers), answer.headers.get("Retry-After"), body["message"], body["details"].keys()

    assert [told(answer) for answer in answers[ADA]] == [told(answer) for answer in answers[NOBODY]]


def test_the_right_password_is_no_way_around_a_pause(site: Site) -> None:
    for _ in range(FREE_ATTEMPTS + 1):
        attempt(site)

    assert attempt(site, password=PASSWORD).status_code == 429


def test_spellings_of_an_address_are_one_account(site: Site) -> None:
    statuses = [attempt(site, email).status_code for email in (ADA, ADA.upper()) * (FREE_ATTEMPTS // 2 + 1)]

    assert statuses[-1] == 429


def test_a_login_forgets_the_failures(site: Site) -> None:
    for _ in range(FREE_ATTEMPTS):
        attempt(site)

    assert attempt(site, password=PASSWORD).status_code == 201
    assert {attempt(site).status_code for _ in range(FREE_ATTEMPTS)} == {401}


def test_other_accounts_are_not_held_up(site: Site) -> None:
    site.account(name="bob")
    for _ in range(FREE_ATTEMPTS + 2):
        attempt(site)

    assert attempt(site, "bob@example.test", PASSWORD).status_code == 201


def test_attempts_at_once_get_no_more_than_attempts_one_after_the_other(site: Site) -> None:
    statuses = site.together(*[lambda: attempt(site).status_code] * 30)

    assert sorted(statuses) == [401] * (FREE_ATTEMPTS + 1) + [429] * (30 - FREE_ATTEMPTS - 1)


def guard_of(clock: Clock) -> LoginGuard:
    return LoginGuard(ProcessCounters(clock), clock)


def admitted(guard: LoginGuard, network: str, attempts: int) -> int:
    """How many of these attempts pass."""
    passed = 0
    for _ in range(attempts):
        try:
            guard.admit(ADA, network)
        except TooMany:
            continue
        passed += 1
    return passed


def test_an_owner_gets_in_from_where_they_have_been_however_long_others_keep_trying() -> None:
    clock = Clock()
    guard = guard_of(clock)
    guard.admit(ADA, "home")
    guard.succeeded(ADA, "home")

    for _ in range(200):
        clock.advance(minutes=5)
        admitted(guard, "elsewhere", 20)
        assert admitted(guard, "home", 1) == 1


def test_a_day_of_guesses_from_everywhere_is_a_few_hundred() -> None:
    clock = Clock()
    guard = guard_of(clock)

    passed = 0
    for minute in range(24 * 60):
        clock.advance(minutes=1)
        passed += admitted(guard, f"network {minute}", 20)

    assert passed < 500


def test_a_pause_ends_however_many_attempts_are_refused_in_it() -> None:
    clock = Clock()
    guard = guard_of(clock)
    admitted(guard, "elsewhere", FREE_ATTEMPTS + 1)

    for _ in range(30):
        clock.advance(seconds=1)
        refused = admitted(guard, "elsewhere", 50)

    assert refused == 1


def test_processes_that_share_a_store_share_the_count_and_go_on_alone_without_it() -> None:
    clock = Clock()
    store = Store(clock)
    guards = [LoginGuard(FallbackCounters(store, ProcessCounters(clock), clock), clock) for _ in range(2)]

    passed = [admitted(guard, "elsewhere", FREE_ATTEMPTS) for guard in guards]
    store.works = False
    alone = admitted(guards[1], "elsewhere", FREE_ATTEMPTS + 5)

    assert passed == [FREE_ATTEMPTS, 1]
    assert alone == FREE_ATTEMPTS + 1


def test_the_longest_pause_is_bounded() -> None:
    clock = Clock()
    guard = guard_of(clock)

    for _ in range(100):
        admitted(guard, "elsewhere", 50)
        clock.advance(seconds=MAX_PAUSE)

        assert admitted(guard, "elsewhere", 1) == 1
