"""Supervisors that are born from a process which is ready for it."""
from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.domain.jobs.job import JobReason
from api.host.slots import Slots
from api.jobs.files import AttemptFiles
from api.jobs.supervisor.spec import Spec, Step
from api.jobs.supervisor.start import Forkserver, SupervisorNotStarted
from api.sandbox.sandbox import Sandbox
from tests.jobs.attempts import LIMITS, USER, Running, await_true, shell


@pytest.fixture
def forkserver() -> Iterator[Forkserver]:
    made = Forkserver()
    yield made
    made.close()


def prepared(sandbox: Sandbox, folder: Path, command: tuple[str, ...]) -> Running:
    workspace = folder / "workspace"
    workspace.mkdir(parents=True)
    os.chown(workspace, USER, USER)
    files = AttemptFiles(folder / "1-3")
    spec = Spec(f"test-{os.urandom(4).hex()}", 3, sandbox.description(), workspace, (Step("main", command, LIMITS),), user_id=USER)
    files.prepare(spec.as_json(), datetime.now(UTC) + timedelta(hours=1))
    return Running(files, workspace, USER)


def test_many_are_started_side_by_side_each_once(bubblewrap: Sandbox, forkserver: Forkserver, tmp_path: Path) -> None:
    attempts = [prepared(bubblewrap, tmp_path / str(number), shell(f"echo {number}; exit {number}")) for number in range(8)]
    threads = [threading.Thread(target=forkserver.start, args=(attempt.files,)) for attempt in attempts]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = [attempt.ended() for attempt in attempts]

    assert [(record.reason, record.exit_code) for record in records] == [(JobReason.EXIT_CODE, number) for number in range(8)]
    assert [attempt.log for attempt in attempts] == [f"{number}\n" for number in range(8)]


def test_an_attempt_has_one_supervisor(bubblewrap: Sandbox, forkserver: Forkserver, tmp_path: Path) -> None:
    attempt = prepared(bubblewrap, tmp_path, shell("echo once; sleep 2"))
    forkserver.start(attempt.files)

    with pytest.raises(SupervisorNotStarted):
        forkserver.start(attempt.files)
    attempt.ended()

    assert attempt.log == "once\n"


def test_a_supervisor_outlives_the_forkserver(bubblewrap: Sandbox, forkserver: Forkserver, tmp_path: Path) -> None:
    attempt = prepared(bubblewrap, tmp_path, shell("while [ ! -e go ]; do sleep 0.05; done; echo done"))
    forkserver.start(attempt.files)

    forkserver.close()
    (attempt.workspace / "go").touch()

    assert attempt.ended().exit_code == 0
    assert attempt.log == "done\n"


def test_a_forkserver_that_was_killed_is_replaced(bubblewrap: Sandbox, forkserver: Forkserver, tmp_path: Path) -> None:
    first, second, third = (prepared(bubblewrap, tmp_path / name, shell("exit 5")) for name in "abc")
    forkserver.start(first.files)
    assert forkserver._process is not None
    os.kill(forkserver._process.pid, signal.SIGKILL)

    forkserver.start(second.files)
    forkserver.start(third.files)

    assert [attempt.ended().exit_code for attempt in (first, second, third)] == [5, 5, 5]


def test_the_supervisor_goes_on_holding_the_slot(bubblewrap: Sandbox, forkserver: Forkserver, tmp_path: Path) -> None:
    slots = Slots(tmp_path / "slots", count=1)
    attempt = prepared(bubblewrap, tmp_path, shell("while [ ! -e go ]; do sleep 0.05; done"))
    slot = slots.take()
    assert slot is not None

    forkserver.start(attempt.files, keep=[slot.lock])
    slot.release()
    while_it_runs = slots.take()
    (attempt.workspace / "go").touch()
    attempt.ended()

    assert while_it_runs is None
    await_true(lambda: slots.take() is not None)


def test_a_folder_that_is_not_there_has_no_supervisor(forkserver: Forkserver, tmp_path: Path) -> None:
    with pytest.raises(SupervisorNotStarted):
        forkserver.start(AttemptFiles(tmp_path / "gone"))
