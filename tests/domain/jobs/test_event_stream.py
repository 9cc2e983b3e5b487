"""The stream of a job's log: its events, its places, and how bytes become text."""
from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.domain.errors import Invalid
from api.domain.jobs.event_stream import (
    JOINED_LATE,
    MAX_CHUNK_BYTES,
    PING,
    End,
    StreamPlace,
    after_attempt,
    attempt_event,
    complete_event,
    cut_chunk,
    frames_of,
    is_yes,
    job_id_event,
    log_event,
    may_grow,
    newer,
    opening,
    parse_event_id,
)
from api.domain.jobs.job import Job, JobReason, JobStatus, end_message, outcome_of

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
BEGINNING = StreamPlace(1, 0)

places = st.builds(StreamPlace, st.integers(1, 999_999), st.integers(0, 10**15 - 1))
# Bytes in which whole characters, halves of them, line ends and rubbish are all likely.
logs = st.lists(st.sampled_from(
    [b"a", b"\n", "é".encode(), "€".encode(), "🎬".encode(), b"\xff", b"\x80", b"\xf0\x9f", b"\xed\xa0"])).map(b"".join)


@given(places, places)
def test_places_are_named_apart_and_read_back(one: StreamPlace, other: StreamPlace) -> None:
    assert parse_event_id(one.event_id()) == one
    assert (one.event_id() == other.event_id()) is (one == other)


@given(places, places)
def test_a_later_attempt_is_further_on_whatever_its_log_holds(one: StreamPlace, other: StreamPlace) -> None:
    assert (one < other) is ((one.attempt, one.offset) < (other.attempt, other.offset))


@pytest.mark.parametrize("text", [
    "", "1", "1-", "-1", "0-0", "01-0", "1--1", "1-1\n", " 1-1", "1-1 ", "1-1-1", "١-١", "1-" + "9" * 16, "9999999-0", "a-b", "\ud800"])
def test_what_is_no_events_id_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_event_id(text)

    assert set(refused.value.details["fields"]) == {"last_event_id"}


@given(st.text(), st.none() | places)
def test_an_event_is_one_frame_that_a_program_reads_back(text: str, place: StreamPlace | None) -> None:
    frame = log_event(text, place)

    head, _, body = frame.decode().rpartition("data: ")
    assert head == ("" if place is None else f"id: {place.event_id()}\n")
    assert json.loads(body) == {"type": "log", "data": text}
    assert frame.endswith(b"\n\n") and frame.count(b"\n\n") == 1 and b"\r" not in frame


@pytest.mark.parametrize(("frame", "expected"), [
    (job_id_event("j1"), b'data: {"type": "job_id", "job_id": "j1"}\n\n'),
    (complete_event(success=True), b'data: {"type": "complete", "success": true}\n\n'),
    (complete_event(success=False), b'data: {"type": "complete", "success": false}\n\n'),
])
def test_the_other_events_are_written_as_the_contract_has_them(frame: bytes, expected: bytes) -> None:
    assert frame == expected


def test_what_is_no_event_carries_no_data() -> None:
    assert re.fullmatch(rb"retry: \d+\n\n", opening(None))
    assert re.fullmatch(rb"retry: \d+\nid: 2-7\n\n", opening(StreamPlace(2, 7)))
    assert PING.startswith(b":") and PING.endswith(b"\n\n")


@given(st.lists(logs, max_size=8))
def test_a_log_that_arrives_in_pieces_loses_no_byte_and_no_character(pieces: list[bytes]) -> None:
    log = b"".join(pieces)
    told, waiting = "", b""

    for number, piece in enumerate([*pieces, b""]):
        waiting += piece
        final = number == len(pieces)
        while waiting:
            text, taken = cut_chunk(waiting, final=final)
            told, waiting = told + text, waiting[taken:]
            if not taken:
                break

    assert waiting == b""
    assert told == log.decode("utf-8", "replace")


@settings(max_examples=40)
@given(st.integers(0, 8), logs, st.booleans())
def test_a_chunk_has_its_bound_and_never_stands_still(short_of: int, log: bytes, final: bool) -> None:
    raw = b"x" * (MAX_CHUNK_BYTES - short_of) + log

    told, rest = "", raw
    while rest:
        text, taken = cut_chunk(rest, final=final)
        assert taken <= MAX_CHUNK_BYTES
        if not taken:
            break
        told, rest = told + text, rest[taken:]

    assert len(rest) <= (0 if final else 3)
    assert told + rest.decode("utf-8", "replace") == raw.decode("utf-8", "replace")


@pytest.mark.parametrize(("raw", "final", "text", "taken"), [
    (b"", False, "", 0), (b"", True, "", 0),
    (b"one\ntwo", False, "one\n", 4), (b"one\ntwo\nthr", True, "one\ntwo\n", 8),
    (b"no end", False, "no end", 6), ("né".encode()[:-1], False, "n", 1), ("né".encode()[:-1], True, "n\ufffd", 2),
    ("€".encode()[:2], False, "", 0), ("🎬".encode()[:3], False, "", 0), ("🎬".encode(), False, "🎬", 4), ("€".encode(), False, "€", 3),
    (b"\x80\x80\x80\x80", False, "\ufffd" * 4, 4), (b"\xe2\n", False, "\ufffd\n", 2),
])
def test_a_chunk_ends_with_a_line_or_else_with_a_character(raw: bytes, final: bool, text: str, taken: int) -> None:
    assert cut_chunk(raw, final=final) == (text, taken)


def job(status: JobStatus = JobStatus.RUNNING, attempt: int = 1, *, fence: int | None = None) -> Job:
    return Job("j", 1, status, NOW, attempt=attempt, fence=attempt if fence is None else fence)


def ended(reason: JobReason | None = JobReason.EXIT_CODE, exit_code: int | None = 0, attempt: int = 1) -> Job:
    outcome = None if reason is None else outcome_of(reason, exit_code)
    return Job(
        "j", 1, outcome.status if outcome else JobStatus.FAILED, NOW, attempt=attempt, reason=reason, exit_code=exit_code,
        success=outcome.success if outcome else None, tests=1)


def read(events: Sequence[bytes]) -> list[tuple[str | None, dict[str, object]]]:
    """The ids and contents of events."""
    found = []
    for event in events:
        head, _, body = event.decode().rpartition("data: ")
        found.append((head.removeprefix("id: ").strip() or None, json.loads(body)))
    return found


@given(st.lists(logs, max_size=6), st.integers(0, 1000))
def test_frames_follow_one_another_and_hold_the_whole_log_however_it_arrived(pieces: list[bytes], start: int) -> None:
    whole, waiting, place = b"".join(pieces), b"", StreamPlace(3, start)
    told = ""

    for number, piece in enumerate([*pieces, b""]):
        waiting += piece
        for frame in frames_of(waiting, place, final=number == len(pieces)):
            assert frame.start == place.offset
            waiting, place = waiting[frame.end - frame.start:], StreamPlace(3, frame.end)
            (event_id, content), = read([frame.event])
            assert event_id == place.event_id()
            told += str(content["data"])

    assert (waiting, place.offset) == (b"", start + len(whole))
    assert told == whole.decode("utf-8", "replace")


def stream(over: Job, attempts: Sequence[bytes], place: StreamPlace, cuts: Iterator[int]) -> Iterator[bytes]:
    """The events of a job that is over, from a place on; what is read at once is as long as the cuts say."""
    for attempt in range(place.attempt, len(attempts) + 1):
        log = attempts[attempt - 1]
        while place.offset < len(log):
            raw = log[place.offset:place.offset + next(cuts)]
            frames = frames_of(raw, place, final=place.offset + len(raw) == len(log))
            yield from (frame.event for frame in frames)
            place = StreamPlace(attempt, frames[-1].end)
        if (following := after_attempt(over, attempt)) is not None:
            yield attempt_event(following.attempt, is_mid_line=ends_in_line(log))
            place = following
    yield from end_of(over, attempts).events_after(place)


def ends_in_line(log: bytes) -> bool:
    return log != b"" and not log.endswith(b"\n")


def end_of(over: Job, attempts: Sequence[bytes]) -> End:
    log = attempts[-1] if attempts else b""
    return End(over, len(log), ends_in_line(log))


@given(st.lists(logs, max_size=3), st.lists(st.integers(0, 12), max_size=40), st.data())
def test_over_any_interruptions_a_reader_gets_all_of_it_once_and_one_end(
    attempts: list[bytes], kept: list[int], data: st.DataObject,
) -> None:
    over = ended(attempt=len(attempts))
    place, told, ends = BEGINNING, "", 0
    sizes = iter(lambda: data.draw(st.integers(4, 40)), None)

    for number in [*kept, None]:
        if place >= end_of(over, attempts).place:
            break
        for event_id, content in read(list(islice(stream(over, attempts, place, sizes), number))):
            assert event_id is not None
            assert parse_event_id(event_id) > place
            place = parse_event_id(event_id)
            told += str(content.get("data", ""))
            ends += content["type"] == "complete"

    assert told == expected(over, attempts)
    assert ends == 1


def expected(over: Job, attempts: Sequence[bytes]) -> str:
    said = ""
    for number, log in enumerate(attempts, 1):
        text = log.decode("utf-8", "replace")
        between = f"This is attempt {number + 1} of the job; the one before was lost.\n" if number < len(attempts) else ""
        said += text + ("\n" if ends_in_line(log) else "") + between
    return said + "The command ended with exit code 0.\n"


@pytest.mark.parametrize("tests", [None, 0])
def test_the_last_line_of_a_success_that_no_test_stands_behind_says_so(tests: int | None) -> None:
    said, _ = read(End(replace(ended(), tests=tests), 0, False).events_after(StreamPlace(1, 0)))

    assert said[1]["data"] == "The command ended with exit code 0. It left no report of any test.\n"


@pytest.mark.parametrize("reason", JobReason)
@pytest.mark.parametrize("is_mid_line", [True, False])
def test_the_last_line_says_why_the_job_ended_and_then_comes_how(reason: JobReason, is_mid_line: bool) -> None:
    over = ended(reason, 3, attempt=2)
    line = ("\n" if is_mid_line else "") + end_message(reason, 3) + "\n"

    events = End(over, 100, is_mid_line).events_after(StreamPlace(2, 100))

    assert read(events) == [
        (f"2-{100 + len(line)}", {"type": "log", "data": line}),
        (f"2-{100 + len(line) + 1}", {"type": "complete", "success": False})]


def test_who_has_the_last_line_gets_the_last_event_alone() -> None:
    end = End(ended(), 100, is_mid_line=False)
    (line, _), (complete, content) = read(end.events_after(StreamPlace(1, 100)))

    again = end.events_after(parse_event_id(str(line)))

    assert read(again) == [(complete, content)]
    assert end.place == parse_event_id(str(complete))


def test_a_job_without_a_reason_just_ends() -> None:
    assert read(End(ended(None), 7, is_mid_line=True).events_after(StreamPlace(1, 7))) == [("1-8", {"type": "complete", "success": False})]


def test_a_job_that_was_never_begun_has_places_behind_its_end_too() -> None:
    end = End(ended(JobReason.CANCELLED, None, attempt=0), 0, is_mid_line=False)

    assert [event_id for event_id, _ in read(end.events_after(BEGINNING))] == ["1-23", "1-24"]
    assert end.place == StreamPlace(1, 24)


def test_who_joins_late_is_told_so_and_how_it_ended() -> None:
    end = End(ended(), 10, is_mid_line=False)

    assert read(end.late_events) == [
        (None, {"type": "log", "data": JOINED_LATE}), (end.place.event_id(), {"type": "complete", "success": True})]


@pytest.mark.parametrize(("is_mid_line", "before"), [(False, ""), (True, "\n")])
def test_another_attempt_is_announced_on_a_line_of_its_own(is_mid_line: bool, before: str) -> None:
    said = before + "This is attempt 2 of the job; the one before was lost.\n"

    assert read([attempt_event(2, is_mid_line=is_mid_line)]) == [("2-0", {"type": "log", "data": said})]


@pytest.mark.parametrize(("status", "attempt", "grows"), [
    (JobStatus.QUEUED, 1, True), (JobStatus.QUEUED, 2, False), (JobStatus.RUNNING, 1, False), (JobStatus.RUNNING, 2, True),
    (JobStatus.RUNNING, 3, True), (JobStatus.COMPLETED, 2, False), (JobStatus.CANCELLED, 3, False)])
def test_an_attempts_log_may_grow_until_its_claim_is_gone(status: JobStatus, attempt: int, grows: bool) -> None:
    now = job(status, 0 if status is JobStatus.QUEUED and attempt == 1 else 2)

    assert may_grow(now, attempt) is grows


@pytest.mark.parametrize(("attempt", "following"), [(1, StreamPlace(2, 0)), (2, StreamPlace(3, 0)), (3, None), (4, None)])
def test_behind_an_attempts_log_comes_the_next_attempts_where_there_is_one(attempt: int, following: StreamPlace | None) -> None:
    assert after_attempt(job(attempt=3), attempt) == following


def test_the_later_look_at_a_job_counts_whichever_came_first() -> None:
    looks = [job(JobStatus.QUEUED, 0), job(), job(JobStatus.QUEUED, fence=2), job(attempt=2, fence=3), ended(attempt=2)]

    for number, earlier in enumerate(looks):
        for later in looks[number + 1:]:
            assert newer(earlier, later) == newer(later, earlier) == later


@pytest.mark.parametrize(("word", "means"), [
    ("true", True), ("True", True), ("YES", True), ("1", True), ("false", False), ("0", False), ("off", False)])
def test_words_of_a_query_mean_yes_or_no(word: str, means: bool) -> None:
    assert is_yes(word) == means
