"""Tails of logs, read once for all who stand at the same place."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from api.domain.jobs.event_stream import Frame, StreamPlace, frames_of
from api.domain.jobs.job import Job
from api.jobs.files import AttemptFiles
from api.storage.jobs.attempt_logs import LogsOnDisk
from api.storage.jobs.logs import READ_BYTES, LogQuery, LogState, query_log
from api.streaming.shared_tail import BUFFER_BYTES, Gap, Tail
from tests.handlers.jobs.followed import JOB, PLACE


@dataclass
class Subject:
    """What a tail is of."""

    job: Job = JOB


@dataclass(eq=False)
class Reader:
    """One who reads, and counts how often it is told of something new."""

    place: StreamPlace
    woken: int = 0

    def wake(self) -> None:
        """Count."""
        self.woken += 1


def tail_of(*pieces: bytes, head: int = 0) -> Tail:
    """A tail that has come to a head, and then read these pieces."""
    tail = Tail(Subject(), 1)
    tail.update(LogState(PLACE, head, head, (), closed=False, is_mid_line=False))
    for piece in pieces:
        frames = frames_of(piece, StreamPlace(1, head), final=True)
        head += len(piece)
        tail.update(LogState(PLACE, head, head, frames, closed=False, is_mid_line=False))
    return tail


def test_readers_at_the_same_place_get_the_same_frame_made_once() -> None:
    tail = tail_of(b"one\n", b"two\n")

    frames = [tail.next_for(StreamPlace(1, 4)) for _ in range(500)]

    assert isinstance(frames[0], Frame)
    assert (frames[0].start, frames[0].end) == (4, 8)
    assert {id(frame) for frame in frames} == {id(frames[0])}


def test_a_reader_behind_the_tail_or_within_a_frame_reads_alone_up_to_where_it_meets_the_others() -> None:
    tail = tail_of(b"one\n", b"two\n", head=100)

    assert tail.next_for(StreamPlace(1, 7)) == Gap(PLACE, StreamPlace(1, 7), 100)
    assert tail.next_for(StreamPlace(1, 102)) == Gap(PLACE, StreamPlace(1, 102), 104)
    assert tail.next_for(StreamPlace(1, 108)) is None


def test_a_tail_keeps_no_more_than_it_may_however_long_the_log_is() -> None:
    tail = tail_of(*[b"x" * 60_000 + b"\n"] * 40)

    first = tail.next_for(StreamPlace(1, 0))

    assert isinstance(first, Gap)
    assert 40 * 60_001 - first.limit <= BUFFER_BYTES


def test_a_tail_at_rest_keeps_nothing_that_all_have_read() -> None:
    tail, reader = tail_of(b"one\n"), Reader(StreamPlace(1, 4))
    tail.readers.append(reader)

    tail.release_frames()

    assert isinstance(tail.next_for(StreamPlace(1, 0)), Gap)


def test_a_log_is_read_on_only_while_somebody_has_read_all_before() -> None:
    tail, reader = tail_of(b"one\n"), Reader(StreamPlace(1, 0))
    tail.readers.append(reader)

    behind = tail.query(closing=False).read
    reader.place = StreamPlace(1, 4)

    assert (behind, tail.query(closing=False).read) == (False, True)


def test_a_short_log_is_shared_from_its_beginning_and_of_a_long_one_the_end(tmp_path: Path, attempt: AttemptFiles) -> None:
    logs = LogsOnDisk(tmp_path)
    heads = []
    for content in (b"", b"one\n", b"x" * READ_BYTES + b"yy\n", b"x" * READ_BYTES + "é".encode()[:1]):
        attempt.log.write_bytes(content)
        heads.append(query_log(logs, LogQuery(JOB, 1), PLACE, len(content)).head)

    assert heads == [0, 0, READ_BYTES + 3, READ_BYTES]


def test_a_log_is_closed_once_nobody_writes_to_it(tmp_path: Path, attempt: AttemptFiles) -> None:
    logs = LogsOnDisk(tmp_path)
    attempt.log.write_bytes(b"the last wor")

    running = query_log(logs, LogQuery(JOB, 1), PLACE, 12)
    over = query_log(logs, LogQuery(JOB, 1, closing=True), PLACE, 12)

    assert (running.closed, over.closed) == (False, True)
    assert (over.size, over.is_mid_line) == (12, True)
