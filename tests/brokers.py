"""Real brokers in the hands of a test, each on free ports, with all that they write in a folder of the test's."""
from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.processes import TIMEOUT, Running, eventually, free_port, started
from tests.parts import need

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


@dataclass(frozen=True)
class Broker:
    """A broker that can be started, and started again at the same place."""

    url: str
    running: Callable[[], AbstractContextManager[Running]]


def redis(folder: Path) -> Broker:
    """A Redis of the test's own."""
    program, port = need("redis-server"), free_port()
    command = (program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder))

    @contextmanager
    def running() -> Iterator[Running]:
        with started(command, {}, folder / "redis.log") as server:
            eventually(lambda: listens(port), "Redis listening")
            yield server

    return Broker(f"redis://127.0.0.1:{port}/0", running)


def rabbitmq(folder: Path) -> Broker:
    """A RabbitMQ of the test's own, with the name server of its own that Erlang wants. Debian's wrapper would become another user."""
    need("rabbitmqctl")
    port, names = free_port(), free_port()
    variables = {
        "HOME": str(folder), "ERL_EPMD_PORT": str(names), "ERL_EPMD_ADDRESS": "127.0.0.1", "RABBITMQ_NODENAME": f"ci-{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_NODE_PORT": str(port), "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"), "RABBITMQ_LOG_BASE": str(folder / "log"), "RABBITMQ_LOGS": "-",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"), "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none.conf")}

    @contextmanager
    def running() -> Iterator[Running]:
        with started((need("epmd"), "-port", str(names)), {"ERL_EPMD_ADDRESS": "127.0.0.1"}, folder / "epmd.log"):
            with started((str(RABBITMQ),), variables, folder / "rabbitmq.log", folder=folder) as server:
                eventually(lambda: listens(port) and "Server startup complete" in server.output(), "RabbitMQ started")
                yield server

    return Broker(f"amqp://guest:guest@127.0.0.1:{port}//", running)


def kill(running: Running) -> None:
    """End a broker without a word: the program that was started may only be a script around it."""
    for pid in running.family():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    running.process.wait(TIMEOUT)


def listens(port: int) -> bool:
    """Whether somebody takes connections at this port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
