"""The log of an attempt: whole, within its limit, and kept through a full disk."""
from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from api.jobs.supervisor.attempt_log import AttemptLog
from tests.jobs.small_disk import SmallDisk, small_disk

__all__ = ["small_disk"]


def test_a_log_that_is_there_is_appended_to(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"before\n")
    log = AttemptLog(tmp_path / "log")

    log.write(b"after")

    assert log.close() == 12
    assert (tmp_path / "log").read_bytes() == b"before\nafter"


def test_words_of_ours_stand_on_a_line_of_their_own(tmp_path: Path) -> None:
    log = AttemptLog(tmp_path / "log")

    log.write_message("Installing dependencies...")
    log.write(b"half")
    log.write_message("Running tests...\n")
    log.write_message("")
    log.close()

    assert (tmp_path / "log").read_bytes() == b"Installing dependencies...\nhalf\nRunning tests...\n"


@given(before=st.binary(max_size=20), heading=st.sampled_from(["", "Running tests..."]), output=st.binary(max_size=20))
def test_what_is_written_once_more_after_a_rewind_is_the_same(
    tmp_path_factory: object, before: bytes, heading: str, output: bytes,
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"  # type: ignore[attr-defined]
    first = AttemptLog(path)
    first.write(before)
    length = first.length
    first.write_message(heading)
    first.write(output)
    first.close()
    written = path.read_bytes()

    again = AttemptLog(path)
    again.rewind(length)
    again.write_message(heading)
    again.write(output)

    assert again.close() == len(written)
    assert path.read_bytes() == written


@given(chunks=st.lists(st.binary(max_size=20), max_size=20), limit=st.integers(0, 100))
def test_a_log_is_the_beginning_of_the_output_as_far_as_the_limit(tmp_path_factory: object, chunks: list[bytes], limit: int) -> None:
    folder = tmp_path_factory.mktemp("log")  # type: ignore[attr-defined]
    log = AttemptLog(folder / "log")
    log.limit(limit)

    for chunk in chunks:
        log.write(chunk)
    over = log.is_over_limit
    log.close()

    whole = b"".join(chunks)
    assert (folder / "log").read_bytes() == whole[:limit]
    assert (over, log.is_truncated) == (len(whole) > limit, len(whole) > limit)


def test_each_step_has_a_limit_of_its_own(tmp_path: Path) -> None:
    log = AttemptLog(tmp_path / "log")
    log.limit(3)
    log.write(b"abcdef")

    log.limit(3)
    over = log.is_over_limit
    log.write(b"ghi")
    log.close()

    assert not over
    assert (tmp_path / "log").read_bytes() == b"abcghi"


def test_a_full_disk_holds_the_log_up_and_loses_nothing(small_disk: SmallDisk) -> None:
    small_disk.fill()
    log = AttemptLog(small_disk.folder / "log")

    log.write(b"x" * 100_000)
    waiting = log.is_blocked
    log.write(b"y" * 100_000)
    small_disk.empty()
    log.flush()

    assert (waiting, log.is_blocked) == (True, False)
    assert log.close() == 200_000
    assert (small_disk.folder / "log").read_bytes() == b"x" * 100_000 + b"y" * 100_000
    assert not log.is_truncated


def test_what_never_found_room_is_said_to_be_missing(small_disk: SmallDisk) -> None:
    small_disk.fill()
    log = AttemptLog(small_disk.folder / "log")

    log.write(b"x" * 100_000)
    log.close()

    assert log.is_truncated
