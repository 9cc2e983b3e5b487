"""What a regression test came to in a run, and the pairs of files whose facts tell how two of these differ."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from api.domain.captions.fact import Fact
from api.domain.captions.facts import facts
from api.domain.captions.pruning import pruned
from api.domain.results.exit_code import normalized
from api.domain.results.failure_code import FailureCode
from api.domain.results.result import JudgedTest, expected_exit_code, produced_hash
from api.domain.runs.expected_tests import ExpectedTest

Facts = tuple[Fact, ...]
# A file that could not be read, or was not compared in time.
UNREAD = Fact("unread")


@dataclass(frozen=True, slots=True)
class Came:
    """How the program ended (normalized), and the hash (hex, lower case) of each output; None for one that was not written."""

    ending: int | None
    outputs: Mapping[int, str | None]


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """Two files by their hashes, the extension of both, and what is told of the program's end, as `facts` takes it with `whole`."""

    expected: str
    actual: str
    extension: str
    code: FailureCode | None = None


# The facts of pairs, none of them pruned.
Known = Mapping[Pair, Facts]


@dataclass(frozen=True, slots=True)
class Subject:
    """A regression test in the run that is looked at: what is expected of it there, and what it came to."""

    test: ExpectedTest
    wanted_ending: int | None
    came: Came

    @property
    def regression_id(self) -> int:
        """The test's id."""
        return self.test.regression_id

    def accepts(self, came: Came) -> bool:
        """Whether a result would pass by what is expected now."""
        return came.ending == self.wanted_ending and all(
            digest is not None and output.accepts(digest) for output in self.test.required_outputs if output.has_baseline
            for digest in [came.outputs.get(output.output_id)])


def came_of(judged: JudgedTest) -> Came:
    """What a test came to, by its reports; only outputs that are required are told."""
    report = judged.reports.report
    return Came(None if report is None else report.ending, {
        each.output_id: produced_hash(each, judged.reports.outputs.get(each.output_id)) for each in judged.test.required_outputs})


def subject_of(judged: JudgedTest) -> Subject:
    """A test as its run judged it."""
    report = judged.reports.report
    wanted = judged.test.expected_exit_code if report is None else expected_exit_code(judged.test, report)
    return Subject(judged.test, normalized(wanted, None if report is None else report.runtime_ms), came_of(judged))


def ending_code(ending: int | None, before: int | None, wanted: int | None) -> FailureCode | None:
    """The code of an ending that is not what it was before; None where it is, and where it is as wanted."""
    if ending in (before, wanted):
        return None
    if ending is None:
        return FailureCode.EXIT_CODE_MISMATCH
    return next((code for code in FailureCode if any(ending in each for each in code.endings)), FailureCode.EXIT_CODE_MISMATCH)


def _sides(subject: Subject, before: Came | None, after: Came) -> Iterator[tuple[str | None, str | None, str]]:
    """For each output the hashes before and after, with its extension; the baseline is before where there is no `before`."""
    for output in subject.test.required_outputs:
        old = output.baseline.lower() if before is None else before.outputs.get(output.output_id)
        new = after.outputs.get(output.output_id)
        if before is None and (not output.has_baseline or new is not None and output.accepts(new)):
            old = new
        yield old, new, output.extension


def pairs_between(subject: Subject, before: Came | None, after: Came) -> list[Pair]:
    """The pairs whose facts tell how a result differs from an earlier one, or from what is expected where that is None."""
    code = _code(subject, before, after)
    return [
        Pair(old, new, extension, code) for old, new, extension in _sides(subject, before, after)
        if old is not None and new is not None and old != new]


def _code(subject: Subject, before: Came | None, after: Came) -> FailureCode | None:
    return ending_code(after.ending, subject.wanted_ending if before is None else before.ending, subject.wanted_ending)


def facts_between(subject: Subject, before: Came | None, after: Came, known: Known) -> Facts:
    """How a result differs from an earlier one, or from what is expected: the facts of all outputs, none pruned, each kind once."""
    code = _code(subject, before, after)
    found: dict[tuple[str, str], Fact] = {}
    stages = [
        _pair_facts(old, new, extension, code, known) for old, new, extension in _sides(subject, before, after)
    ] or [facts(b"", b"", code)]
    for fact in (fact for stage in stages for fact in stage):
        found.setdefault((fact.kind, fact.parameter), fact)
    return tuple(found.values())


def _pair_facts(old: str | None, new: str | None, extension: str, code: FailureCode | None, known: Known) -> Facts:
    if new is None:
        return facts(b"", None if old is not None else b"", code)
    if old is None or old == new:
        return facts(b"", b"", code)
    return known.get(Pair(old, new, extension, code), (UNREAD,))


def telling(found: Facts) -> Facts:
    """Facts without those that stronger ones explain."""
    return tuple(pruned(found))


