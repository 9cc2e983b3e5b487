"""Steps: where on its line the output of a test changed, the nearest first, and what was different from then on."""
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from api.domain.causes.came import Came, Facts, Known, Pair, Subject, facts_between, pairs_between
from api.domain.results.base_run import Line, PastRun

# So many changes of a test's output are looked at; a test that is never the same twice has more.
STEP_LIMIT = 8


@dataclass(frozen=True, slots=True)
class Change:
    """Two runs that follow each other on a line and differ in what a test came to; `untested` are the commits between."""

    run: PastRun
    before: PastRun
    untested: tuple[str, ...]
    came: Came
    came_before: Came


@dataclass(frozen=True, slots=True)
class Step:
    """A change of a test's output, told in facts: it came with `commit`, or with one of the `untested` commits after `from_commit`.

    `is_assumed` where the older run was taken for an ancestor because it is older.
    """

    commit: str
    run_id: int
    from_commit: str
    from_run_id: int
    untested: tuple[str, ...] = ()
    facts: Facts = ()
    is_assumed: bool = False


@dataclass(frozen=True, slots=True)
class Walk:
    """The way back from a test's result to the last one that would pass now.

    `changes` are the nearest first. `oldest` is the last run that was looked at and failed; `at_least` where none before it is
    known to have passed. `base` is the nearest run that is not of the run's own commits and has a result of the test, with what it
    came to there and the untested commits between; `base_passed` where it did, by what was expected of it there.
    """

    now: PastRun
    subject: Subject
    changes: tuple[Change, ...]
    oldest: PastRun
    oldest_came: Came
    at_least: bool
    kept: int = 0
    base: PastRun | None = None
    base_came: Came | None = None
    untested: tuple[str, ...] = ()
    base_passed: bool = False


def walk(now: PastRun, subject: Subject, line: Line, came: Mapping[int, Came], passed: Collection[int] = ()) -> Walk:
    """Walk a line back from `now`; `came` has what the test came to in the runs of the line, by run id, where it has a result.

    `passed` are the runs in which it passed. Runs of one commit that differ are no change of it: the test is not the same twice.
    `kept` counts the runs that confirm the newest change, `now` among them.
    """
    changes: list[Change] = []
    at, at_came, kept, at_least = now, subject.came, 1, True
    for run in line.runs:
        result = came.get(run.run_id)
        if result is None:
            continue
        is_change = result != at_came and run.commit != at.commit
        if is_change:
            changes.append(Change(at, run, commits_between(line, at, run), at_came, result))
        kept += not changes
        if subject.accepts(result) and run.commit != now.commit:
            at_least = False
            break
        at, at_came = run, result
        if len(changes) == STEP_LIMIT:
            break
    base = next((run for run in line.bases if run.run_id in came), None)
    return Walk(
        now, subject, tuple(changes), at, at_came, at_least, kept, base, None if base is None else came[base.run_id],
        () if base is None else line.between(base.run_id), base is not None and base.run_id in passed)


def commits_between(line: Line, run: PastRun, before: PastRun) -> tuple[str, ...]:
    """The commits between two runs of a line, nearest first, as far as they are known."""
    between = line.between(before.run_id)
    return between[between.index(run.commit) + 1:] if run.commit in between else between


def pairs_of(found: Walk) -> Iterable[Pair]:
    """The pairs of files whose facts tell of a walk's steps, of what fails now, and of what failed in the base."""
    subject = found.subject
    yield from pairs_between(subject, None, subject.came)
    for change in found.changes:
        yield from pairs_between(subject, change.came_before, change.came)
    if found.base_came is not None:
        yield from pairs_between(subject, found.base_came, subject.came)
        yield from pairs_between(subject, None, found.base_came)
    if found.at_least:
        yield from pairs_between(subject, None, found.oldest_came)


def needed_pairs(walks: Iterable[Walk], limit: int) -> tuple[Pair, ...]:
    """The pairs of files whose facts these walks need, each once, at most so many: those of each walk's beginning come first."""
    return tuple(islice(dict.fromkeys(pair for each in walks for pair in pairs_of(each)), limit))


def steps_of(found: Walk, known: Known) -> tuple[Step, ...]:
    """The steps of a walk, the nearest first."""
    return tuple(
        Step(
            each.run.commit, each.run.run_id, each.before.commit, each.before.run_id, each.untested,
            facts_between(found.subject, each.came_before, each.came, known), each.before.is_assumed)
        for each in found.changes)
