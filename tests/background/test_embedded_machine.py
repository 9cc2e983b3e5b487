"""The machine that starts with a server: one for all its processes, kept alive, and gone with them."""
from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from api.background.embedded_machine import PAUSE, EmbeddedMachine, embedded_name, enrol_embedded
from api.config import Settings
from api.domain.runs.machine import WorkKind
from api.server import environment_of_machine
from api.services.runs.machine_access import find_by_token
from api.storage.database import session
from api.supervision.child_process import ChildEnded
from api.supervision.loop import Background
from tests.builders import NOW
from tests.databases import Database
from tests.e2e.processes import eventually, is_alive

# Says who it is, and ends with its starter.
STAND_IN = "import os, sys\nopen(sys.argv[1], 'a').write(f'{os.getpid()}\\n')\nsys.stdin.read()"


def embedded(folder: Path, name: str, program: str = sys.executable) -> EmbeddedMachine:
    command = (program, "-S", "-c", STAND_IN, str(folder / name))
    return EmbeddedMachine(folder / "work" / "home", lambda: folder / "token", lambda: None, {}, command)


@contextmanager
def kept(machine: EmbeddedMachine) -> Iterator[None]:
    """A machine for as long as the context lasts."""
    try:
        yield
    finally:
        machine.stop()


def started(folder: Path, name: str) -> list[int]:
    file = folder / name
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


def await_start(folder: Path, name: str, number: int = 1) -> int:
    eventually(lambda: len(started(folder, name)) >= number, f"start {number} of {name}")
    return started(folder, name)[number - 1]


def test_it_runs_as_long_as_the_server_does(tmp_path: Path) -> None:
    background = Background()
    background.add([embedded(tmp_path, "one").task()])

    with background.entered():
        pid = await_start(tmp_path, "one")
        lived = is_alive(pid)

    assert lived
    eventually(lambda: not is_alive(pid), "its end")


def test_of_several_processes_one_keeps_it_and_another_when_that_one_ends(tmp_path: Path) -> None:
    one, two = embedded(tmp_path, "one"), embedded(tmp_path, "two")
    with kept(two):
        with kept(one):
            one.ensure_running()
            two.ensure_running()
            await_start(tmp_path, "one")
            first = started(tmp_path, "two")
        two.ensure_running()
        await_start(tmp_path, "two")

    assert (first, len(started(tmp_path, "one")), len(started(tmp_path, "two"))) == ([], 1, 1)


def test_one_that_ended_is_started_again_and_meanwhile_another_process_may(tmp_path: Path) -> None:
    one, two = embedded(tmp_path, "one"), embedded(tmp_path, "two")
    with kept(one), kept(two):
        one.ensure_running()
        process = one._machine and one._machine._process
        assert process is not None
        await_start(tmp_path, "one")
        process.kill()
        process.wait()

        with pytest.raises(ChildEnded, match="-9"):
            one.ensure_running()
        two.ensure_running()
        one.ensure_running()

        await_start(tmp_path, "two")
        assert len(started(tmp_path, "one")) == 1


def test_where_the_folder_belongs_to_somebody_else_that_is_said_and_it_is_started_once_the_folder_is_ours(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "work").symlink_to(tmp_path / "elsewhere")
    machine = embedded(tmp_path, "one")
    with kept(machine):
        with pytest.raises(OSError, match="CI_WORK_DIR: .* belongs to somebody else"):
            machine.ensure_running()
        (tmp_path / "work").unlink()
        machine.ensure_running()

        assert await_start(tmp_path, "one")


def test_one_that_cannot_be_started_is_tried_again_but_not_without_a_pause(tmp_path: Path) -> None:
    program = tmp_path / "program"
    background = Background()
    machine = embedded(tmp_path, "one", str(program))
    background.add([machine.task()])
    loop = background._loops[0]
    with kept(machine):
        pauses = [loop.run_once() for _ in range(6)]
        program.symlink_to(sys.executable)
        pauses.append(loop.run_once())

        assert await_start(tmp_path, "one")
    assert pauses == [PAUSE, 10, 20, 40, 60, 60, 0.5]


def test_the_machine_is_known_to_the_server_by_its_newest_token(database: Database, tmp_path: Path) -> None:
    first = enrol_embedded(database.app, tmp_path).read_text()
    known = find_by_token(first, NOW)
    second = enrol_embedded(database.app, tmp_path).read_text()
    again = find_by_token(second, NOW + timedelta(seconds=20))
    session().rollback()

    assert first != second
    assert known is not None and again is not None
    assert (known.name, known.kinds, again.name) == (embedded_name(tmp_path), (WorkKind.JOB,), known.name)
    assert find_by_token(first, NOW) is None


def test_hosts_of_one_name_are_told_apart(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir(), other.mkdir()

    assert embedded_name(one) == embedded_name(one) != embedded_name(other)
    assert len(embedded_name(one)) <= 60


def test_it_is_told_the_servers_settings_but_not_where_the_database_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, token = tmp_path / "url", tmp_path / "token"
    url.write_text("mysql+pymysql://ci:secret@db/ci")
    token.write_text("of-github")
    for name, file in (("CI_DATABASE_URL_FILE", url), ("CI_GITHUB_TOKEN_FILE", token)):
        monkeypatch.setenv(name, str(file))
    monkeypatch.setenv("CI_DB_PATH", str(tmp_path / "ci.db"))
    server = replace(Settings.from_environment(), job_slots=7)

    machine = environment_of_machine(server)

    assert "secret" not in str(machine)
    assert Settings.from_environment(machine) == replace(server, database_url=Settings().database_url, db_path=None)
