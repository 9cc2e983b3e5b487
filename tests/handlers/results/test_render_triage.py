"""How triage keeps to its budget of bytes, whatever there is to say."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from api.domain.auth.signing import SigningKey
from api.domain.results.base_run import Base, BaseReason, Line, PastRun
from api.domain.results.failure import failures_of
from api.domain.results.failure_code import Severity
from api.domain.results.judged_run import Evidence, JudgedRun, judge_evidence
from api.domain.results.origin import FailingSince, Origin
from api.domain.results.runtime import RuntimeChange, RuntimeChanges
from api.domain.results.triage import FailingTest, NoDifference, first_difference
from api.domain.results.triage_cursor import TriageCursors
from api.domain.runs.expected_tests import ExpectedTests
from api.domain.runs.infrastructure import InfrastructureError
from api.domain.runs.infrastructure_code import InfrastructureType
from api.domain.runs.run import Platform, Run, RunStatus
from api.domain.runs.unexecuted import SkippedTest, SkipReason
from api.rendering.triage import Causes, Failures, triage
from api.services.results.comparisons import Basis
from api.specfirst.responses.json_responses import encode
from tests.builders import NOW
from tests.domain.results.judged_tests import OTHER, judged, make_test

NO_CAUSES = Causes({}, {})
CURSORS = TriageCursors(2**31 - 1, None, SigningKey(b"k" * 32))
NO_CHANGES = RuntimeChanges(0, 0, None, False, (), ())
API = "https://ci.example.test/api/v1"
RUN = Run(7, RunStatus.FAIL, Platform.LINUX, "CCExtractor/ccextractor", "master", "c" * 40, None, NOW, 1)
SINCE = FailingSince(PastRun(7, "c" * 40, NOW), at_least=True)
SIGNS = st.sampled_from(["a", "é", "😀", "\x01", '"', "\\", "\n", "word "])
TEXTS = st.builds(lambda signs, times: "".join(signs) * times, st.lists(SIGNS, max_size=5), st.sampled_from([1, 1, 30, 600]))

MESSAGES = st.builds(lambda sign, times: [sign * 400] * times, SIGNS, st.sampled_from([0, 1, 10, 12])) | st.lists(TEXTS, max_size=12)


def judged_run(troubles: Sequence[InfrastructureError]) -> JudgedRun:
    """A run without tests, with this trouble."""
    return replace(judge_evidence(Evidence(ExpectedTests(()), {}, (), {}, {})), infrastructure=tuple(troubles))


@st.composite
def failing_tests(draw: st.DrawFn) -> FailingTest:
    """A test whose output differs, somewhere or unknown where."""
    test = replace(make_test(2**31 - 1, 2**31 - 1, categories=[draw(TEXTS)]), command=draw(TEXTS))
    failing = judged(test, got={1: OTHER})
    same, (expected, actual) = draw(TEXTS), draw(st.sampled_from([("\x01", "\x02"), ("", "\n"), ("1", ""), ("\n", "😀")]))
    after = draw(TEXTS)
    assume(expected + after != actual)
    known = first_difference(f"{same}{expected}{after}".encode(), f"{same}{actual}".encode())
    difference = draw(st.sampled_from([known, known, known, *NoDifference]))
    return FailingTest(
        failing, failures_of(failing), SINCE, "failing_differently", draw(st.sampled_from(Origin)), 2**31 - 1, ("c" * 40,) * 9, 2**31 - 1,
        difference)


@settings(deadline=None)
@given(
    st.lists(failing_tests(), min_size=1, max_size=4), st.integers(1, 120), MESSAGES, TEXTS,
    st.sampled_from([8192, 8193, 20_000, 32_768, 262_144]))
def test_no_answer_is_longer_than_asked_for_and_all_that_is_listed_is_told_apart(
    kinds: list[FailingTest], number: int, messages: list[str], branch: str, max_bytes: int,
) -> None:
    tests = list(islice(cycle(kinds), number))
    troubles = [InfrastructureError("event-1", InfrastructureType.WORKER, Severity.CRITICAL, each, NOW) for each in messages]
    skipped = [SkippedTest(test.judged, SkipReason.WORKER_ENDED) for test in tests]
    line = Line((PastRun(7, "c" * 40, NOW),), tuple(f"{commit:040x}" for commit in range(30)))
    basis = Basis(line, Base(7, BaseReason.BEFORE), RUN._replace(branch=branch))

    runtimes = RuntimeChanges(20, number, 1.0, False, tuple(RuntimeChange(test.judged, 9, 3, 1, 6, 20) for test in tests), ())

    failures = Failures(tests, number, 0, tests, CURSORS)

    shown = triage(
        RUN, judged_run(troubles), skipped, basis.shown, failures, runtimes, NO_CAUSES, api_base=API, max_bytes=max_bytes)

    listed = shown["failures"]
    assert len(listed) > 0
    assert len(encode(shown)) <= max_bytes
    assert len(listed) + shown["omitted_count"] == number
    assert (0 < len(shown["skipped"]) <= number, shown["skipped_count"]) == (True, number)
    assert sum(each["first_difference"] is None for each in listed) == shown["differences_omitted_count"]
    for entry, test in zip(listed, tests, strict=False):
        assert entry.get("difference_omitted") == (test.difference if isinstance(test.difference, NoDifference) else None)
        found = entry["first_difference"] or {"expected": 1, "actual": 2}
        assert found["expected"] != found["actual"]


def test_long_messages_of_the_machinery_share_a_quarter_of_the_answer() -> None:
    long, short = "磁盘已满😀" * 100, "The disk is full."
    troubles = [InfrastructureError("event-1", InfrastructureType.WORKER, Severity.CRITICAL, each, NOW) for each in [*[long] * 11, short]]

    shown = triage(
        RUN, judged_run(troubles[2:]), [], None, Failures([], 0, 0, [], CURSORS), NO_CHANGES, NO_CAUSES, api_base=API, max_bytes=8192)

    messages = [each["message"] for each in shown["infrastructure_errors"]]
    assert messages[-1] == short
    assert all(long.startswith(message.removesuffix("…")) and len(encode(message)) > 200 for message in messages[:-1])
    assert sum(len(encode(message)) for message in messages) <= 2048
