"""Liveness and readiness: each answers by what it is about, and by nothing else."""
from __future__ import annotations

import pytest

from api.app import Application
from api.domain.auth.access import Caller
from api.specfirst.responses.probes import LIVENESS, READINESS
from tests.specfirst.asking import ask
from tests.specfirst.conftest import ADMIN, Make


def make_application(make: Make, *, ready: bool, asked: list[str]) -> Application:
    """An application whose every part but the probes is away, and which takes one request a minute."""
    async def is_ready() -> bool:
        asked.append(READINESS)
        return ready

    def authenticate(token: str) -> Caller | None:
        asked.append(token)
        raise ConnectionError

    return make(is_ready=is_ready, authenticate=authenticate, rate_anonymous=1)


def test_a_process_that_lives_says_so_and_asks_nothing_for_it(make: Make) -> None:
    asked: list[str] = []
    app = make_application(make, ready=False, asked=asked)

    answers = [ask(app, LIVENESS, token=ADMIN) for _ in range(200)]

    assert {(answer.status, answer.body) for answer in answers} == {(200, b'{"status":"alive"}')}
    assert asked == []


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
def test_readiness_hangs_on_what_requests_need(make: Make, ready: bool, status: int) -> None:
    answer = ask(make_application(make, ready=ready, asked=[]), READINESS)

    assert (answer.status, answer.header("cache-control")) == (status, "no-store")


def test_a_process_that_is_not_ready_says_when_to_ask_again_as_every_refusal_does(make: Make) -> None:
    answer = ask(make_application(make, ready=False, asked=[]), READINESS)

    assert (answer.header("retry-after"), answer.json["code"], answer.json["details"]["retry_after"]) == ("5", "unavailable", 5)


def test_readiness_asks_for_no_token_and_has_no_limit(make: Make) -> None:
    asked: list[str] = []
    app = make_application(make, ready=True, asked=asked)

    statuses = {ask(app, READINESS, token=ADMIN).status for _ in range(50)}

    assert (statuses, set(asked)) == ({200}, {READINESS})


def test_probes_do_not_use_up_what_others_have(make: Make) -> None:
    app = make_application(make, ready=True, asked=[])
    for _ in range(20):
        ask(app, LIVENESS)

    assert ask(app, "/openapi.json").status == 200


@pytest.mark.parametrize("path", [LIVENESS, READINESS])
@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("POST", 405), ("DELETE", 405)])
def test_probes_can_only_be_read(make: Make, path: str, method: str, status: int) -> None:
    answer = ask(make_application(make, ready=True, asked=[]), path, method=method)

    assert answer.status == status
    assert answer.body == b"" or answer.header("allow") == "GET, HEAD"
