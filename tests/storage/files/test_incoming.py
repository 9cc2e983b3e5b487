"""Files on their way in: what is on the disk before, while and after they come."""
from __future__ import annotations

from pathlib import Path

from api.storage.files.incoming import FileStore


def _files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_message_without_a_file_leaves_the_disk_alone(tmp_path: Path) -> None:
    with FileStore(tmp_path).receive() as incoming:
        begun = incoming.has_begun

    assert not begun
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_begun_and_not_placed_is_gone(tmp_path: Path) -> None:
    with FileStore(tmp_path).receive() as incoming:
        incoming.write(b"half")
        meanwhile = _files(tmp_path)

    assert len(meanwhile) == 1
    assert _files(tmp_path) == []


def test_a_file_that_nothing_was_written_to_is_placed_empty(tmp_path: Path) -> None:
    with FileStore(tmp_path).receive() as incoming:
        incoming.place(tmp_path / "there" / "log.txt")

    assert (tmp_path / "there" / "log.txt").read_bytes() == b""
    assert _files(tmp_path) == ["there/log.txt"]
