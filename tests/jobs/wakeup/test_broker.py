"""The wakeup between hosts, rung over real brokers, and heard by the command that listens on each host."""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from api.commands.wakeup import listening
from api.config import Settings
from api.jobs.wakeup.broker import BrokerWakeup
from api.jobs.wakeup.wakeup import Listener
from api.jobs.wakeup.wakeups import local_wakeup, wakeups_of
from tests.brokers import Broker, kill, rabbitmq, redis
from tests.e2e.processes import CI_API, eventually, free_port, started

MakeBroker = Callable[[Path], Broker]


@pytest.fixture(params=[redis, rabbitmq])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Broker:
    make: MakeBroker = request.param
    return make(tmp_path)


@contextmanager
def host(broker: Broker, work: Path) -> Iterator[Listener]:
    """A host with an agent that listens, and what wakes it at the broker's messages."""
    work.mkdir()
    with local_wakeup(work).listen() as listener, listening(Settings(broker_url=broker.url, work_dir=work)):
        yield listener


def hears(wakeup: BrokerWakeup, listener: Listener) -> bool:
    """Ring, and tell whether it was heard a moment later."""
    wakeup.wake()
    return listener.wait(0.5)


def test_a_ring_wakes_the_agents_of_every_host(broker: Broker, tmp_path: Path) -> None:
    with ExitStack() as stack:
        stack.enter_context(broker.running())
        hosts = [stack.enter_context(host(broker, tmp_path / name)) for name in ("one", "two")]
        wakeup = BrokerWakeup(broker.url)
        for listener in hosts:
            eventually(lambda listener=listener: hears(wakeup, listener), "the first ring")
        for listener in hosts:
            while listener.wait(1):
                continue

        wakeup.wake()
        heard = [listener.wait(60) for listener in hosts]

    assert heard == [True, True]


def test_hosts_hear_again_once_a_broker_that_was_killed_is_back(broker: Broker, tmp_path: Path) -> None:
    wakeup = BrokerWakeup(broker.url)

    with ExitStack() as stack:
        with broker.running() as server:
            listener = stack.enter_context(host(broker, tmp_path / "host"))
            eventually(lambda: hears(wakeup, listener), "a ring before")
            kill(server)
        wakeup.wake()
        with broker.running():
            heard = eventually(lambda: hears(wakeup, listener), "a ring after")

    assert heard


def test_a_broker_that_is_away_is_told_once_and_without_its_password(caplog: pytest.LogCaptureFixture) -> None:
    wakeup = BrokerWakeup(f"amqp://guest:topsecret@127.0.0.1:{free_port()}//")

    def told() -> list[str]:
        """What this wakeup has logged; those of other tests may still be at it."""
        return [each.levelname for each in caplog.records if wakeup._thread is not None and each.thread == wakeup._thread.ident]

    with caplog.at_level(logging.WARNING):
        wakeup.wake()
        eventually(told, "the warning")
        wakeup.wake()
        eventually(lambda: not wakeup._requested.is_set(), "the second ring taken up")

    assert told() == ["WARNING"]
    assert "topsecret" not in caplog.text


def test_without_a_broker_the_bell_of_this_host_is_rung_alone(tmp_path: Path) -> None:
    with local_wakeup(tmp_path).listen() as listener:
        wakeups_of(tmp_path, "").wake()

        assert listener.wait(60)


def test_the_command_needs_a_broker(tmp_path: Path) -> None:
    with started((*CI_API, "wakeup"), {}, tmp_path / "log") as command:
        assert command.ended() == 1

        assert "CI_BROKER_URL is not set" in command.output()


def test_the_attached_command_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    settings = {"CI_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0", "CI_WORK_DIR": str(tmp_path)}

    with started((*CI_API, "wakeup", "--attached"), settings, tmp_path / "log") as command:
        assert command.ended() != 0
