"""`ci-api machine` before it has work: it waits for its server, stops when it is told to, and says what keeps it from beginning."""
from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from api.commands import bare_machine
from api.commands.failure import CommandFailed
from api.commands.machine import identify
from api.commands.machine_runs import MachineProcess
from api.config import Settings
from api.domain.runs.machine import WorkKind, machine_token
from api.machine.job_client import JobClient
from api.machine.machine_client import MachineClient

MACHINE = {"name": "linux-1", "kinds": ["run"], "platform": "linux", "lease_seconds": 60}


def client_of(folder: Path, *answers: httpx.Response | Exception) -> MachineClient:
    """A client of a server that answers so, one after another."""
    (folder / "token").write_text(machine_token(b"t" * 32))
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    return MachineClient(httpx.Client(transport=httpx.MockTransport(answer)), "http://server", folder / "token")


class Waits(threading.Event):
    """An event that nobody sets, and that is not waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Note the time."""
        self.waited.append(timeout)
        return self.is_set()


def test_a_server_that_is_away_is_waited_for(tmp_path: Path) -> None:
    stop = Waits()
    client = client_of(tmp_path, httpx.ConnectError("refused"), httpx.Response(503), httpx.Response(200, json=MACHINE))

    assert identify(client, stop, once=False) == MACHINE
    assert stop.waited == [0.5, 1.0]


def test_whoever_is_told_to_stop_waits_no_longer(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()

    assert identify(client_of(tmp_path), stop, once=False) is None


@pytest.mark.parametrize(("answer", "words"), [
    (httpx.Response(401), "the server does not know the token"),
    (httpx.Response(404, json={"code": "not_found", "message": "", "details": {}}), "the server answered with status 404")])
def test_a_refusal_ends_the_command(tmp_path: Path, answer: httpx.Response, words: str) -> None:
    with pytest.raises(CommandFailed, match=words):
        identify(client_of(tmp_path, answer), Waits(), once=False)


def test_once_waits_for_nothing(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="the server does not answer: refused"):
        identify(client_of(tmp_path, httpx.ConnectError("refused")), Waits(), once=True)


def test_jobs_alone_are_nothing_for_a_system_without_a_sandbox(tmp_path: Path) -> None:
    stop = threading.Event()
    client = JobClient(httpx.Client(), "http://server", tmp_path / "token")
    machine = MachineProcess(Settings(trust_executables=True), client, "windows-1", 60, frozenset({WorkKind.JOB}), False, stop, stop)

    with pytest.raises(CommandFailed, match="there is no sandbox, which jobs need: add the machine with --takes run"):
        bare_machine.execute(machine)
