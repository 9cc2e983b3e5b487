"""Objects that are stored packed are read as what they stand for."""
from __future__ import annotations

import gzip
import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.text.log import LineFacts, LogFilter
from api.domain.text.log_cursor import LogPlace
from api.storage.files.backends import Backend
from api.storage.files.gzip_objects import SMALL, GzipObjects
from api.storage.text.logs import read_page
from tests.storage.files.emulator import Emulator
from tests.storage.files.file_stores import LOG, bucket_at

LINES = b"".join(b"2026-11-01T10:00:00Z [INFO] line %d of an old build log\n" % number for number in range(2000))
# Random words pack badly: what is stored of them is large.
LARGE = random.Random(4).randbytes(1_500_000).hex("\n", 30).encode()


@pytest.fixture
def bucket(emulator: Emulator) -> Backend:
    return bucket_at(emulator.endpoint, emulator)


@pytest.mark.parametrize("content", [LINES, b"", b"x", LARGE], ids=["lines", "empty", "one byte", "large"])
def test_a_packed_object_has_the_size_and_the_bytes_of_its_content(bucket: Backend, emulator: Emulator, content: bytes) -> None:
    emulator.put(LOG, gzip.compress(content), contentEncoding="gzip")

    found = bucket.stat(LOG)

    assert found is not None and found.size == len(content)
    assert bucket.read(LOG, 0, len(content) + 10, found.identity) == content


@pytest.mark.parametrize(("start", "length"), [(0, 10), (500, 100), (len(LINES) - 5, 100), (len(LINES), 10), (len(LINES) + 5, 10), (7, 0)])
def test_a_part_of_a_packed_object_is_a_part_of_its_content(bucket: Backend, emulator: Emulator, start: int, length: int) -> None:
    emulator.put(LOG, gzip.compress(LINES), contentEncoding="gzip")

    assert bucket.read(LOG, start, length) == LINES[start:start + length]


def test_a_packed_log_is_read_line_by_line(bucket: Backend, emulator: Emulator) -> None:
    emulator.put(LOG, gzip.compress(LINES), contentEncoding="gzip")
    found = bucket.stat(LOG)
    assert found is not None

    class Source:
        size = found.size

        def read(self, start: int, length: int) -> bytes:
            return bucket.read(LOG, start, length)

    page = read_page(Source(), LogPlace(0, False, LineFacts()), 3, LogFilter())

    assert [line.message.partition("] ")[2] for line in page.lines] == [f"line {number} of an old build log" for number in range(3)]


def test_an_object_that_took_its_place_is_another_one(bucket: Backend, emulator: Emulator) -> None:
    emulator.put(LOG, gzip.compress(b"old"), contentEncoding="gzip")
    assert bucket.read(LOG, 0, 10) == b"old"

    emulator.put(LOG, gzip.compress(b"newer"), contentEncoding="gzip")

    assert bucket.read(LOG, 0, 10) == b"newer"


def test_an_object_that_says_it_is_packed_and_is_not_is_read_as_it_is(bucket: Backend, emulator: Emulator) -> None:
    emulator.put(LOG, b"plain after all", contentEncoding="gzip")

    assert bucket.read(LOG, 0, 100) == b"plain after all"


@given(parts=st.lists(st.binary(max_size=50), min_size=1, max_size=4), cut=st.integers(0, 8))
def test_members_are_read_one_after_the_other_as_far_as_they_are_whole(parts: list[bytes], cut: int) -> None:
    packed = b"".join(map(gzip.compress, parts))
    packed = packed[:len(packed) - cut]

    content = GzipObjects().read("a", "1", 0, 1000, lambda start, length: packed[start:start + length])

    assert b"".join(parts).startswith(content)
    assert content == b"".join(parts) or cut


def test_an_object_is_unpacked_once_for_many_reads_and_few_are_kept() -> None:
    asked: list[int] = []
    packed = gzip.compress(os.urandom(SMALL + 1000))

    def read(start: int, length: int) -> bytes:
        asked.append(start)
        return packed[start:start + length]

    objects = GzipObjects(kept=2)
    for _ in range(3):
        objects.read("a", "1", 0, 10, read)
    once = len(asked)
    for name in "bc":
        objects.read(name, "1", 0, 10, read)
    objects.read("a", "1", 0, 10, read)

    assert once == 2
    assert len(asked) == 4 * once


def test_an_object_that_unpacks_to_more_than_is_kept_is_refused() -> None:
    packed = gzip.compress(bytes(10_000))

    with pytest.raises(OSError, match="too large"):
        GzipObjects(max_bytes=9_999).read("a", "1", 0, 10, lambda start, length: packed[start:start + length])
