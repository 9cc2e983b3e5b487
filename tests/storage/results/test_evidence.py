"""What runs were judged by is kept as it was."""
from __future__ import annotations

import zlib
from datetime import UTC, datetime

import orjson
from hypothesis import given
from hypothesis import strategies as st

from api.domain.results.judged_run import Evidence
from api.domain.results.result import OutputReport, Report, TestReports
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest, ExpectedTests
from api.domain.runs.infrastructure import EventOrigin
from api.domain.runs.infrastructure_code import InfrastructureCode, InfrastructureType
from api.domain.runs.run import Phase, ProgressEvent
from api.storage.results.evidence import pack, unpack

BASELINES = ("a" * 64, "b" * 64)
ids = st.integers(1, 5)
numbers = st.none() | st.integers(-2**31, 2**31 - 1)
hashes = st.sampled_from([*BASELINES, "c" * 64, "error", ""])
words = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
instants = st.datetimes(datetime(1970, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))
events = st.builds(ProgressEvent, ids, st.sampled_from(Phase), instants, words, st.booleans())
origins = st.builds(
    EventOrigin, st.none() | st.sampled_from(InfrastructureType), st.lists(words, max_size=2).map(tuple),
    st.none() | st.sampled_from(InfrastructureCode))


@st.composite
def reported(draw: st.DrawFn) -> dict[int, TestReports]:
    found = {}
    for regression_id in draw(st.sets(ids)):
        end = draw(st.none() | st.builds(Report, st.just(regression_id), numbers, numbers, numbers))
        outputs = {
            output_id: OutputReport(regression_id, output_id, draw(st.none() | hashes), draw(hashes)) for output_id in draw(st.sets(ids))}
        found[regression_id] = TestReports(end, outputs)
    return found


@st.composite
def sets(draw: st.DrawFn) -> ExpectedTests:
    return ExpectedTests.of(
        ExpectedTest(regression_id, 1, "d" * 64, ".ts", "", "file", "file", 0, outputs=tuple(
            ExpectedOutput(output_id, draw(st.sampled_from(BASELINES)), ".srt", "", False) for output_id in draw(st.sets(ids))))
        for regression_id in draw(st.sets(ids)))


@given(st.builds(
    Evidence, sets(), reported(), st.lists(events, max_size=3).map(tuple), st.dictionaries(ids, origins), st.dictionaries(ids, instants)))
def test_evidence_comes_back_as_it_was(evidence: Evidence) -> None:
    assert unpack(pack(evidence), evidence.expected) == evidence


def test_evidence_from_before_there_were_codes_has_none() -> None:
    body = zlib.compress(orjson.dumps({"reports": [], "events": [], "origins": [[3, "storage", []]], "ended_at": []}))

    assert unpack(body, ExpectedTests.of([])).origins == {3: EventOrigin(InfrastructureType.STORAGE)}


def test_a_hash_that_the_set_has_takes_no_room() -> None:
    digests = [f"{number:064x}" for number in range(2**200, 2**200 + 300)]
    expected = ExpectedTests.of(
        ExpectedTest(number, 1, "d" * 64, ".ts", "", "file", "file", 0, outputs=(ExpectedOutput(number, digest, ".srt", "", False),))
        for number, digest in enumerate(digests))
    reports = {
        number: TestReports(Report(number, 0, 100, 0), {number: OutputReport(number, number, None, digest)})
        for number, digest in enumerate(digests)}

    assert len(pack(Evidence(expected, reports, (), {}, {}))) < 20 * len(reports)
