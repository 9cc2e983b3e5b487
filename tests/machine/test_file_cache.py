"""Files that a machine keeps: fetched once, whole, and no more than there is room for."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from api.machine.file_cache import FileCache, WrongContent
from api.machine.machine_client import Refused, ServerUnavailable

CONTENT = bytes(range(256)) * 64
DIGEST = sha256(CONTENT).hexdigest()


@dataclass
class Remote:
    """A server of one file. Of each answer it sends as many bytes as `sends` says, and then breaks off; None: all."""

    content: bytes = CONTENT
    status: int = 200
    content_type: str = "application/octet-stream"
    sends: list[int | None] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    @contextmanager
    def open(self, sha256: str, start: int) -> Iterator[httpx.Response]:
        """Answer."""
        self.asked.append(start)
        limit = self.sends.pop(0) if self.sends else None

        def pieces() -> Iterator[bytes]:
            yield self.content[start:None if limit is None else start + limit]
            if limit is not None:
                raise httpx.ReadError("broken off")

        if self.status >= 400:
            yield httpx.Response(self.status, json={"code": "refused"})
        elif start >= len(self.content) and start:
            yield httpx.Response(416)
        else:
            yield httpx.Response(206 if start else self.status, content=pieces(), headers={"Content-Type": self.content_type})


@pytest.fixture
def cache(tmp_path: Path) -> FileCache:
    return FileCache(tmp_path / "cache", 1 << 20)


def kept(cache: FileCache) -> set[str]:
    return {path.name for path in cache.folder.iterdir() if not path.name.endswith(".lock")}


def test_a_file_is_fetched_once_and_can_be_read_and_executed_by_all(cache: FileCache, tmp_path: Path) -> None:
    remote = Remote()

    for name in ("one", "two"):
        cache.provide(DIGEST, tmp_path / name, remote.open)

    assert [(tmp_path / name).read_bytes() for name in ("one", "two")] == [CONTENT] * 2
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o755
    assert remote.asked == [0]


def test_what_broke_off_is_continued(cache: FileCache, tmp_path: Path) -> None:
    remote = Remote(sends=[1000, 500, 0, None])

    for _ in range(3):
        with pytest.raises(ServerUnavailable):
            cache.provide(DIGEST, tmp_path / "file", remote.open)
    cache.provide(DIGEST, tmp_path / "file", remote.open)

    assert (tmp_path / "file").read_bytes() == CONTENT
    assert remote.asked == [0, 1000, 1500, 1500]


def test_a_file_that_came_whole_just_before_a_kill_is_not_fetched_again(cache: FileCache, tmp_path: Path) -> None:
    remote = Remote(sends=[len(CONTENT)])

    with pytest.raises(ServerUnavailable):
        cache.provide(DIGEST, tmp_path / "file", remote.open)
    cache.provide(DIGEST, tmp_path / "file", remote.open)

    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_part_that_is_damaged_here_is_fetched_anew(cache: FileCache, tmp_path: Path) -> None:
    remote = Remote(sends=[1000, None])
    with pytest.raises(ServerUnavailable):
        cache.provide(DIGEST, tmp_path / "file", remote.open)
    # As a power failure leaves what was not written yet.
    (cache.folder / f"{DIGEST}.part").write_bytes(bytes(1000))

    cache.provide(DIGEST, tmp_path / "file", remote.open)

    assert (tmp_path / "file").read_bytes() == CONTENT
    assert remote.asked == [0, 1000, 0]


def test_the_page_of_a_proxy_says_nothing_of_the_file(cache: FileCache, tmp_path: Path) -> None:
    remote = Remote(sends=[1000])
    with pytest.raises(ServerUnavailable):
        cache.provide(DIGEST, tmp_path / "file", remote.open)

    with pytest.raises(ServerUnavailable):
        cache.provide(DIGEST, tmp_path / "file", Remote(content=b"<html>" * 999, content_type="text/html").open)
    cache.provide(DIGEST, tmp_path / "file", remote.open)

    assert remote.asked == [0, 1000]


def test_what_is_not_what_its_hash_says_is_thrown_away(cache: FileCache, tmp_path: Path) -> None:
    remote = Remote(content=b"something else")

    with pytest.raises(WrongContent):
        cache.provide(DIGEST, tmp_path / "file", remote.open)

    assert (kept(cache), (tmp_path / "file").exists()) == (set(), False)
    cache.provide(DIGEST, tmp_path / "file", Remote().open)
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize(("status", "raised"), [(404, Refused), (503, ServerUnavailable), (429, ServerUnavailable)])
def test_a_refusal_leaves_nothing(cache: FileCache, tmp_path: Path, status: int, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        cache.provide(DIGEST, tmp_path / "file", Remote(status=status).open)

    assert kept(cache) == set()


def test_what_was_not_used_for_longest_makes_room_and_goes_on_under_its_other_name(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "cache", 250)
    contents = [bytes([number]) * 100 for number in range(3)]
    digests = [sha256(content).hexdigest() for content in contents]
    for number, (digest, content) in enumerate(zip(digests[:2], contents[:2], strict=True)):
        cache.provide(digest, tmp_path / str(number), Remote(content=content).open)
        os.utime(cache.folder / digest, (number, number))
    cache.provide(digests[0], tmp_path / "0", Remote(content=b"not asked for").open)

    cache.provide(digests[2], tmp_path / "2", Remote(content=contents[2]).open)

    assert kept(cache) == {digests[0], digests[2]}
    assert [(tmp_path / name).read_bytes() for name in "012"] == contents
