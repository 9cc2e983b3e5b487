"""The agent beside a server: one for all its processes, kept alive, and gone with them."""
from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from api.beside import AgentBeside
from tests.e2e.processes import eventually, is_alive

# Says who it is, and ends with its starter.
STAND_IN = "import os, sys\nopen(sys.argv[1], 'a').write(f'{os.getpid()}\\n')\nsys.stdin.read()"


def beside(folder: Path, name: str) -> AgentBeside:
    return AgentBeside(folder / "work" / "home", {}, (sys.executable, "-S", "-c", STAND_IN, str(folder / name)))


def started(folder: Path, name: str) -> list[int]:
    file = folder / name
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


def await_start(folder: Path, name: str, number: int = 1) -> int:
    eventually(lambda: len(started(folder, name)) >= number, f"start {number} of {name}")
    return started(folder, name)[number - 1]


async def look(what: Callable[[], int]) -> int:
    return await asyncio.to_thread(what)


def test_it_runs_as_long_as_the_server_does(tmp_path: Path) -> None:
    async def serve() -> tuple[int, bool]:
        async with beside(tmp_path, "one").running():
            pid = await look(lambda: await_start(tmp_path, "one"))
            return pid, is_alive(pid)

    pid, lived = asyncio.run(serve())

    assert lived
    eventually(lambda: not is_alive(pid), "its end")


def test_of_several_processes_one_keeps_it_and_another_when_that_one_ends(tmp_path: Path) -> None:
    async def serve() -> tuple[list[int], list[int]]:
        async with beside(tmp_path, "two").running() as _:
            async with beside(tmp_path, "one").running():
                await look(lambda: int(bool(eventually(lambda: started(tmp_path, "one") or started(tmp_path, "two"), "a start"))))
                first = started(tmp_path, "one") + started(tmp_path, "two")
            await look(lambda: await_start(tmp_path, "two"))
            return first, started(tmp_path, "two")

    first, second = asyncio.run(serve())

    assert len(first) == 1
    assert len(second) == 1


def test_where_the_folder_belongs_to_somebody_else_no_agent_is_started_and_the_server_runs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "work").symlink_to(tmp_path / "elsewhere")

    async def serve() -> None:
        async with beside(tmp_path, "one").running():
            await look(lambda: int(eventually(lambda: "CI_JOB_WORK" in caplog.text, "a word about it")))

    asyncio.run(serve())

    assert started(tmp_path, "one") == []


def test_an_agent_that_cannot_be_started_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    program = tmp_path / "program"
    kept = AgentBeside(tmp_path / "work" / "home", {}, (str(program), "-S", "-c", STAND_IN, str(tmp_path / "one")), pause=0.05)

    async def serve() -> int:
        async with kept.running():
            await look(lambda: int(eventually(lambda: "trying again" in caplog.text, "a word about it")))
            program.symlink_to(sys.executable)
            return await look(lambda: await_start(tmp_path, "one"))

    assert asyncio.run(serve())
