"""Runs, results and walks for tests of causes."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from api.domain.captions.fact import Fact
from api.domain.causes.came import Came, Facts, Pair, Subject
from api.domain.causes.step import Walk, walk
from api.domain.results.base_run import Line, PastRun
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest

START = datetime(2026, 8, 1, tzinfo=UTC)
GOOD = "good"
OUTPUT = 5
SEGFAULT = -11


def run(run_id: int, commit: str | None = None, *, is_own: bool = False, is_assumed: bool = False) -> PastRun:
    """A run, of a commit of its own unless another is given."""
    return PastRun(run_id, commit or f"c{run_id}", START + timedelta(hours=run_id), is_own=is_own, is_assumed=is_assumed)


def line(*runs: PastRun, untested: Sequence[str] = ()) -> Line:
    """The runs of a line, nearest first; before the first one that is not its own stand the untested commits."""
    return Line(runs, (*untested, *dict.fromkeys(run.commit for run in runs if not run.is_own)))


def came(digest: str | None = GOOD, ending: int | None = 0) -> Came:
    """What a test with one output came to."""
    return Came(ending, {OUTPUT: digest})


def subject(result: Came, regression_id: int = 1, *, sample_id: int = 7) -> Subject:
    """A test with one output, by what it came to."""
    output = ExpectedOutput(OUTPUT, GOOD, ".srt", "", ignored=False, acceptable=("variant",))
    return Subject(
        ExpectedTest(regression_id, sample_id, "sha", ".ts", "--out=srt", "file", "file", 0, ("DVB",), (output,)), 0, result)


def walked(
    *digests: str | Came | None, regression_id: int = 1, sample_id: int = 7, own: int = 0, untested: Sequence[str] = (),
    passed: Sequence[int] = (), elsewhere: Mapping[str, Came] | None = None, beside: Mapping[str, Sequence[Came]] | None = None,
    is_assumed: bool = False,
) -> Walk:
    """The way back of a test that came to these, the newest first, in runs 99, 98 and so on of commits c99, c98 and so on.

    None is a run without a result. The nearest `own` runs before it are of its own commits, `untested` commits lie behind them.
    """
    results = [each if isinstance(each, Came) or each is None else came(each) for each in digests]
    past = [
        run(98 - place, is_own=place < own, is_assumed=is_assumed and place >= own) for place in range(len(results) - 1)]
    assert results[0] is not None
    return walk(
        run(99), subject(results[0], regression_id, sample_id=sample_id), line(*past, untested=untested),
        {each.run_id: result for each, result in zip(past, results[1:], strict=True) if result is not None}, passed=passed,
        elsewhere=elsewhere, beside=beside)


def known(**told: str) -> dict[Pair, Facts]:
    """Facts of pairs, as `good_bad="cues.lost tail, cues.order"`; a kind may be followed by a parameter and, behind a slash, a share."""
    found: dict[Pair, Facts] = {}
    for names, words in told.items():
        expected, actual = names.split("_")
        found[Pair(expected, actual, ".srt")] = facts(words)
    return found


def facts(words: str) -> Facts:
    """Facts by their words."""
    return tuple(fact(each.strip()) for each in words.split(",") if each.strip())


def fact(words: str) -> Fact:
    """A fact by its kind, parameter and share."""
    told, _, share = words.partition("/")
    kind, _, parameter = told.partition(" ")
    return Fact(kind, parameter, float(share or 1))
