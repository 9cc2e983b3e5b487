"""How triage keeps to its budget of bytes, whatever there is to say."""
from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from api.domain.failure import failures_of
from api.domain.run import Platform, Run, RunStatus
from api.domain.summary import summarize
from api.domain.triage import FailingSince, NoDifference, PastRun, first_difference
from api.handlers.answers import encode
from api.handlers.render_triage import FailingTest, triage
from tests.builders import NOW
from tests.domain.judged_tests import OTHER, judged, make_test

RUN = Run(7, RunStatus.FAIL, Platform.LINUX, "CCExtractor/ccextractor", "master", "c" * 40, None, NOW, 1)
SINCE = FailingSince(PastRun(7, "c" * 40, NOW), at_least=True)
SIGNS = st.sampled_from(["a", "é", "😀", "\x01", '"', "\\", "\n", "word "])
TEXTS = st.builds(lambda signs, times: "".join(signs) * times, st.lists(SIGNS, max_size=5), st.sampled_from([1, 1, 30, 600]))


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
    return FailingTest(failing, failures_of(failing), SINCE, "failing_differently", 2**31 - 1, difference)


@settings(deadline=None)
@given(st.lists(failing_tests(), min_size=1, max_size=4), st.integers(1, 120), st.sampled_from([8192, 8193, 20_000, 32_768, 262_144]))
def test_no_answer_is_longer_than_asked_for_and_all_that_is_listed_is_told_apart(
    kinds: list[FailingTest], number: int, max_bytes: int,
) -> None:
    tests = list(islice(cycle(kinds), number))
    counts = summarize([test.judged for test in tests], [])

    shown = triage(RUN, counts, [], None, tests, api_base="https://ci.example.test/api/v1", max_bytes=max_bytes)

    failures = shown["failures"]
    assert len(encode(shown)) <= max_bytes
    assert len(failures) + shown["omitted_count"] == number
    assert sum(each["first_difference"] is None for each in failures) == shown["differences_omitted_count"]
    for entry, test in zip(failures, tests, strict=False):
        assert entry.get("difference_omitted") == (test.difference if isinstance(test.difference, NoDifference) else None)
        found = entry["first_difference"] or {"expected": 1, "actual": 2}
        assert found["expected"] != found["actual"]
