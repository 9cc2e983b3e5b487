"""How an attempt's end is written down and read back."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.job import JobReason

INSTANTS = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]))
RECORDS = st.builds(
    ExitRecord, fence=st.integers(0), reason=st.sampled_from(JobReason), started_at=INSTANTS, ended_at=INSTANTS,
    exit_code=st.none() | st.integers(0, 255), signal=st.none() | st.integers(1, 64), step=st.none() | st.text(),
    log_bytes=st.integers(0), log_truncated=st.booleans(), detail=st.none() | st.text())


@given(RECORDS)
def test_a_record_reads_back_as_it_was_written(record: ExitRecord) -> None:
    text = record.as_json()

    assert ExitRecord.from_json(text) == record


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "{}", '{"reason": "bored"}', '{"reason": "exit_code", "unknown": 1}'])
def test_what_is_no_record_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="not an exit record"):
        ExitRecord.from_json(text)


def test_times_are_read_as_utc() -> None:
    noon = datetime(2025, 11, 21, 12, tzinfo=timezone(timedelta(hours=1)))
    record = ExitRecord(1, JobReason.TIMEOUT, noon, noon)

    read = ExitRecord.from_json(record.as_json())

    assert read.started_at.tzinfo is UTC
    assert read.started_at.hour == 11
