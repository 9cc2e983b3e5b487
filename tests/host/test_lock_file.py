"""Lock files between processes: held until they are closed, however their holder ends."""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.host.lock_file import locked, take, try_lock

HOLDER = (
    "import sys; from pathlib import Path; from api.host.lock_file import try_lock\n"
    "assert try_lock(Path(sys.argv[1])) is not None\nprint('held', flush=True)\nsys.stdin.read()")


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock of the file `lock`."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_what_another_process_holds_is_not_taken(holder: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert try_lock(tmp_path / "lock") is None


def test_the_lock_of_a_killed_process_is_free(holder: subprocess.Popen[bytes], tmp_path: Path) -> None:
    holder.kill()
    holder.wait()

    descriptor = try_lock(tmp_path / "lock")

    assert descriptor is not None
    os.close(descriptor)


def test_a_lock_is_waited_for(holder: subprocess.Popen[bytes], tmp_path: Path) -> None:
    pauses = []

    def pause() -> None:
        pauses.append(holder.poll())
        holder.kill()
        holder.wait()

    with (tmp_path / "lock").open("r+b") as file:
        take(file.fileno(), pause)

    assert pauses == [None]


def test_a_lock_is_given_back_at_the_end_of_its_context(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        within = try_lock(tmp_path / "lock")
    after = try_lock(tmp_path / "lock")

    assert within is None
    assert after is not None
    os.close(after)


def test_what_cannot_be_locked_is_an_error_of_the_system() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    os.close(reader)

    with pytest.raises(OSError, match="Bad file descriptor"):
        take(reader)
