"""Buckets: who fills which, what every answer says of them, and what happens without the shared store."""
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits.errors import StorageError
from starlette.types import ASGIApp

from api.domain.auth.access import Caller, Role, Scope
from api.specfirst.access.rate_limits import Count, FallbackCounters, ProcessCounters, SharedCounters, shared_storage
from tests.clocks import Clock
from tests.specfirst.asking import Answer, ask
from tests.specfirst.conftest import ADMIN, RUN_TOKEN, Make, token_for

THINGS = "/api/v1/things"
FORM = [("Content-Type", "application/x-www-form-urlencoded")]
OTHER = token_for(Role.USER, *Scope, number=2)


def _login(app: ASGIApp, **request: str) -> Answer:
    return ask(app, "/api/v1/login", method="POST", content={"name": "n"}, **request)


def _report(app: ASGIApp, kind: str, token: str = RUN_TOKEN, run_id: int = 5) -> Answer:
    return ask(app, f"/report/{run_id}/{token}", method="POST", headers=FORM, body=f"type={kind}".encode())


def test_every_answer_says_how_much_is_left_and_until_when(make: Make) -> None:
    clock = Clock()
    app = make(rate_reads=9, rate_anonymous=9, clock=clock)
    targets = [THINGS, "/nope", "/api/v1/things/2000", "/api/v1/ui", "/api/v1/ui/start.js", "/openapi.json", "/api/v1/crash"]

    answers = [ask(app, target, token=ADMIN) for target in targets]

    assert [answer.header("x-ratelimit-limit") for answer in answers] == ["9"] * 7
    assert [answer.header("x-ratelimit-remaining") for answer in answers] == ["8", "7", "6", "5", "4", "3", "2"]
    assert {answer.header("x-ratelimit-reset") for answer in answers} == {str(int(clock().timestamp()) + 60)}


def test_an_empty_bucket_is_429_until_its_window_ends(make: Make) -> None:
    clock = Clock()
    app = make(rate_reads=2, clock=clock)
    ask(app, THINGS, token=ADMIN)
    clock.advance(20)
    ask(app, THINGS, token=ADMIN)

    refused = ask(app, THINGS, token=ADMIN)
    clock.advance(41)
    again = ask(app, THINGS, token=ADMIN)

    assert (refused.status, refused.json["code"], refused.header("retry-after")) == (429, "rate_limited", "40")
    assert [refused.details[name] for name in ("retry_after", "limit", "window")] == [40, 2, "60s"]
    assert refused.header("x-ratelimit-remaining") == "0"
    assert again.status == 200


def test_reads_and_writes_are_counted_apart_and_tokens_too(make: Make) -> None:
    app = make(rate_reads=1, rate_writes=1)
    for token in (ADMIN, OTHER):
        assert ask(app, THINGS, token=token).status == 200

    written = ask(app, f"{THINGS}/5/cancel", method="POST", token=ADMIN)
    read_again = ask(app, THINGS, token=ADMIN)

    assert (written.status, read_again.status) == (202, 429)


def tokens_of_one_account(number: int) -> list[str]:
    """Callers with tokens of their own, and one account."""
    return [f"{number}.{token}" for token in range(1, 12)]


def one_account(value: str) -> Caller:
    """The caller behind such a token."""
    account, token = map(int, value.split("."))
    return Caller(account, "ada", "ada@example.org", Role.ADMIN, frozenset(Scope), token + 1000 * account)


def test_all_tokens_of_an_account_together_have_five_times_the_limit_of_one(make: Make) -> None:
    app = make(rate_reads=3, rate_writes=1, authenticate=one_account)
    tokens = tokens_of_one_account(1)

    statuses = [ask(app, THINGS, token=token).status for token in tokens for _ in range(2)]
    refused, other = ask(app, THINGS, token=tokens[-1]), ask(app, THINGS, token=tokens_of_one_account(2)[0])
    written = [ask(app, f"{THINGS}/5/cancel", method="POST", token=token).status for token in tokens[:6]]

    assert statuses == [200] * 15 + [429] * 7
    assert (refused.details["limit"], refused.header("x-ratelimit-limit"), refused.header("x-ratelimit-remaining")) == (15, "15", "0")
    assert other.status == 200
    assert written == [202] * 5 + [429]


def test_what_a_tokens_own_limit_refuses_takes_nothing_from_the_accounts_other_tokens(make: Make) -> None:
    app = make(rate_reads=2, authenticate=one_account)
    loud, *others = tokens_of_one_account(1)

    shouted = [ask(app, THINGS, token=loud).status for _ in range(30)]
    quiet = [ask(app, THINGS, token=token).status for token in others[:4] for _ in range(2)]

    assert shouted == [200] * 2 + [429] * 28
    assert quiet == [200] * 8


def test_all_attempts_to_log_in_count_per_address_for_a_quarter_of_an_hour(make: Make) -> None:
    clock = Clock()
    app = make(rate_logins=5, clock=clock)

    statuses = [_login(app).status for _ in range(5)]
    sixth = _login(app)
    with_token = _login(app, token=ADMIN)
    elsewhere = _login(app, client="198.51.100.1")
    clock.advance(900)

    assert statuses == [201] * 5
    assert (sixth.status, sixth.details["window"]) == (429, "900s")
    assert with_token.status == 429
    assert elsewhere.status == 201
    assert _login(app).status == 201


def test_wrong_tokens_count_against_their_address_however_many_there_are(make: Make) -> None:
    app = make(rate_anonymous=3)

    statuses = [ask(app, THINGS, token=f"guess-{number}").status for number in range(5)]
    valid = ask(app, THINGS, token=ADMIN)

    assert statuses == [401, 401, 401, 429, 429]
    assert valid.status == 200


def test_anonymous_requests_count_per_address(make: Make) -> None:
    app = make(rate_anonymous=2)

    statuses = [ask(app, target).status for target in ("/openapi.json", "/nope", "/llms.txt")]

    assert statuses == [200, 404, 429]
    assert ask(app, "/llms.txt", client="198.51.100.1").status == 200


def test_one_network_of_ipv6_is_one_address(make: Make) -> None:
    app = make(rate_anonymous=1)
    ask(app, "/llms.txt", client="2001:db8:1:2::1")

    neighbour = ask(app, "/llms.txt", client="2001:db8:1:2:ffff::9")
    stranger = ask(app, "/llms.txt", client="2001:db8:1:3::1")

    assert (neighbour.status, stranger.status) == (429, 200)


def test_a_worker_is_limited_per_run_and_never_when_it_ends_a_test(make: Make) -> None:
    app = make(rate_worker=2, rate_anonymous=1)

    statuses = [_report(app, kind).status for kind in ("progress", "progress", "progress", "finish")]
    other_run = _report(app, "progress", run_id=6)

    assert statuses == [200, 200, 429, 200]
    assert other_run.status == 200


def test_a_refused_worker_is_told_in_text_when_to_come_back(make: Make) -> None:
    app = make(rate_worker=1)
    _report(app, "progress")

    refused = _report(app, "progress")

    assert (refused.status, refused.header("content-type")) == (429, "text/plain; charset=utf-8")
    assert refused.header("retry-after")
    assert refused.header("x-ratelimit-limit") == "1"


def test_a_wrong_run_token_counts_against_its_address(make: Make) -> None:
    app = make(rate_anonymous=1, rate_worker=9)

    _report(app, "progress", token="guess")
    second = _report(app, "progress", token="another")

    assert second.status == 429
    assert _report(app, "progress").status == 200


def test_a_forwarded_address_is_believed_from_a_trusted_proxy_only(make: Make) -> None:
    app = make(rate_anonymous=1, trusted_proxies=("10.0.0.0/8",))
    forwarded = [("X-Forwarded-For", "6.6.6.6, 198.51.100.1, 10.0.0.2")]

    first = ask(app, "/llms.txt", headers=forwarded, client="10.0.0.1")
    same_client = ask(app, "/llms.txt", headers=[("X-Forwarded-For", "7.7.7.7, 198.51.100.1")], client="10.0.0.1")
    liar = ask(app, "/llms.txt", headers=[("X-Forwarded-For", "8.8.8.8")], client="203.0.113.7")
    lying_again = ask(app, "/llms.txt", headers=[("X-Forwarded-For", "9.9.9.9")], client="203.0.113.7")

    assert [answer.status for answer in (first, same_client, liar, lying_again)] == [200, 429, 200, 429]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 90)), max_size=60))
def test_a_window_never_lets_more_through_than_it_may(steps: list[tuple[str, int]]) -> None:
    clock, passed = Clock(), {"a": [0.0], "b": [0.0]}
    counters = ProcessCounters(clock)

    for key, pause in steps:
        clock.advance(pause)
        count = counters.hit(key, 60)
        if count.used <= 3:
            passed[key].append(clock().timestamp())

        assert 0 < count.ends - clock().timestamp() <= 60
    for times in passed.values():
        # A fixed window lets twice its amount through at most, where two windows meet.
        assert all(later - earlier > 59 for earlier, later in zip(times[1:], times[7:], strict=False))


class Store:
    """A shared store that can be switched off."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.counters, self.asked, self.works = ProcessCounters(clock), 0, True

    def hit(self, key: str, window: int, cost: int = 1) -> Count:
        """Count, if the store works."""
        self.asked += 1
        if not self.works:
            raise StorageError(ConnectionError())
        return self.counters.hit(key, window, cost)

    def forget(self, key: str) -> None:
        """End a window, if the store works."""
        if not self.works:
            raise StorageError(ConnectionError())
        self.counters.forget(key)


def test_limits_go_on_per_process_while_the_store_is_away_and_come_back_with_it() -> None:
    clock = Clock()
    store = Store(clock)
    counters = FallbackCounters(store, ProcessCounters(clock), clock)
    counters.hit("a", 60)

    store.works = False
    away = [counters.hit("a", 60).used for _ in range(3)]
    degraded, asked = counters.degraded, store.asked
    store.works = True
    clock.advance(6)
    back = counters.hit("a", 60).used

    assert (away, degraded, asked) == ([1, 2, 3], True, 2)
    assert (back, counters.degraded) == (2, False)


def test_a_store_that_does_not_answer_leaves_the_server_limited_and_degraded(make: Make) -> None:
    app = make(rate_store="redis://127.0.0.1:1/0", rate_reads=2)

    statuses = [ask(app, THINGS, token=ADMIN).status for _ in range(3)]
    who = ask(app, "/api/v1/who", token=token_for(Role.USER, *Scope, number=3)).echo

    assert statuses == [200, 200, 429]
    assert who["degraded"] is True


def test_processes_that_share_a_store_share_their_limits(make: Make, redis_url: str) -> None:
    first, second = make(rate_store=redis_url, rate_reads=3), make(rate_store=redis_url, rate_reads=3)

    answers = [ask(app, THINGS, token=ADMIN) for app in (first, second, first, second)]

    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert [answer.header("x-ratelimit-remaining") for answer in answers] == ["2", "1", "0", "0"]


def test_shared_counters_count_like_those_of_a_process(redis_url: str) -> None:
    clock = Clock()
    shared = SharedCounters(shared_storage(redis_url), clock)

    used = [shared.hit("counted", 60, cost).used for cost in (0, 1, 1, 0)]
    shared.forget("counted")

    assert used == [0, 1, 2, 2]
    assert shared.hit("counted", 60).used == 1


@pytest.mark.parametrize("origin", ["https://app.example"])
def test_a_preflight_is_not_counted(make: Make, origin: str) -> None:
    app = make(rate_anonymous=1, cors_origins=(origin,))
    headers = [("Origin", origin), ("Access-Control-Request-Method", "GET")]

    statuses = [ask(app, THINGS, method="OPTIONS", headers=headers).status for _ in range(3)]

    assert statuses == [204, 204, 204]
    assert ask(app, "/llms.txt").status == 200
