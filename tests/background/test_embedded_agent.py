"""The agent beside a server: one for all its processes, kept alive, and gone with them."""
from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.background.embedded_agent import PAUSE, EmbeddedAgent
from api.supervision.child_process import ChildEnded
from api.supervision.loop import Background
from tests.e2e.processes import eventually, is_alive

# Says who it is, and ends with its starter.
STAND_IN = "import os, sys\nopen(sys.argv[1], 'a').write(f'{os.getpid()}\\n')\nsys.stdin.read()"


def embedded(folder: Path, name: str, program: str = sys.executable) -> EmbeddedAgent:
    return EmbeddedAgent(folder / "work" / "home", {}, (program, "-S", "-c", STAND_IN, str(folder / name)))


@contextmanager
def kept(agent: EmbeddedAgent) -> Iterator[None]:
    """An agent for as long as the context lasts."""
    try:
        yield
    finally:
        agent.stop()


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
        process = one._agent._process
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
    agent = embedded(tmp_path, "one")
    with kept(agent):
        with pytest.raises(OSError, match="CI_WORK_DIR: .* belongs to somebody else"):
            agent.ensure_running()
        (tmp_path / "work").unlink()
        agent.ensure_running()

        assert await_start(tmp_path, "one")


def test_one_that_cannot_be_started_is_tried_again_but_not_without_a_pause(tmp_path: Path) -> None:
    program = tmp_path / "program"
    background = Background()
    agent = embedded(tmp_path, "one", str(program))
    background.add([agent.task()])
    loop = background._loops[0]
    with kept(agent):
        pauses = [loop.run_once() for _ in range(6)]
        program.symlink_to(sys.executable)
        pauses.append(loop.run_once())

        assert await_start(tmp_path, "one")
    assert pauses == [PAUSE, 10, 20, 40, 60, 60, 0.5]
