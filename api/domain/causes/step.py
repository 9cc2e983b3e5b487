"""Steps: where on its line the output of a test changed, the nearest first, and what was different from then on."""
from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise

from api.domain.causes.came import Came, Facts, Known, Pair, Subject, facts_between, pairs_between, telling
from api.domain.causes.key import key_of, keys_of
from api.domain.results.base_run import Line, PastRun

# So many results of a test that follow each other and differ are looked at; a test that is never the same twice has more.
STRETCH_LIMIT = 9
# So many pull requests that branch off at one commit are looked at.
BESIDE_LIMIT = 3
# The place on its line of the run that is looked at; the nearest run before it has place 0.
NOW = -1


@dataclass(frozen=True, slots=True)
class Stretch:
    """Runs that follow each other on a line and in which a test came to the same: how many, of which commits, and their places there."""

    came: Came
    newest: PastRun
    oldest: PastRun
    first: int
    last: int
    count: int = 1
    commits: tuple[str, ...] = ()

    def with_older(self, run: PastRun, place: int) -> Stretch:
        """With one more run."""
        return replace(self, oldest=run, last=place, count=self.count + 1, commits=(*self.commits, run.commit))


@dataclass(frozen=True, slots=True)
class Step:
    """A change of a test's output, told in facts: it came with `commit`, or with one of the `untested` commits after `from_commit`.

    `run_id` has the changed output first, at the place `first` on the line, and `from_run_id`, at `before`, the last of those that
    were as before; `runs` runs have kept the change. `is_assumed` where the older run was taken for an ancestor because it is older.
    """

    commit: str
    run_id: int
    from_commit: str
    from_run_id: int
    first: int
    before: int
    untested: tuple[str, ...] = ()
    facts: Facts = ()
    runs: int = 1
    is_assumed: bool = False


@dataclass(frozen=True, slots=True)
class Walk:
    """The way back from a test's result to the last one that would pass now; that one is the last stretch where `ends_well`.

    `base` is the nearest run that is not of the run's own commits and has a result of the test, with its place, what the test came to
    there, whether it passed by what was expected there, and the untested commits between. `elsewhere` has what the test came to on
    another platform, by commit, for those commits and the run's own; `beside` what it came to in other pull requests that branch off at
    the nearest of them.
    """

    now: PastRun
    subject: Subject
    stretches: tuple[Stretch, ...]
    ends_well: bool
    untested_before: tuple[tuple[str, ...], ...] = ()
    base: PastRun | None = None
    base_place: int = 0
    base_came: Came | None = None
    base_passed: bool = False
    untested: tuple[str, ...] = ()
    elsewhere: Mapping[str, Came] = field(default_factory=dict)
    beside: tuple[Came, ...] = ()


def walk(
    now: PastRun, subject: Subject, line: Line, came: Mapping[int, Came], *, passed: Collection[int] = (),
    elsewhere: Mapping[str, Came] | None = None, beside: Mapping[str, Sequence[Came]] | None = None,
) -> Walk:
    """Walk a line back from `now`. `came` has what the test came to in runs of the line, by run id, where it has a result.

    `passed` are the runs in which it passed; `elsewhere` has results on another platform, by commit, and `beside` those of other pull
    requests on this platform, by their merge bases. Of runs of one commit the nearest counts alone: where others differ, the test is
    not the same twice.
    """
    results = [(place, run, came[run.run_id]) for place, run in enumerate(line.runs) if run.run_id in came]
    stretches, ends_well = _stretches(now, subject, results)
    base = next(((place, run, result) for place, run, result in results if not run.is_own), None)
    found = Walk(
        now, subject, stretches, ends_well,
        tuple(commits_between(line, one.oldest, other.newest) for one, other in pairwise(stretches)))
    if base is None:
        return found
    untested = line.between(base[1].run_id)
    wanted = {*untested, now.commit}
    return replace(
        found, base=base[1], base_place=base[0], base_came=base[2], base_passed=base[1].run_id in passed, untested=untested,
        elsewhere={commit: result for commit, result in (elsewhere or {}).items() if untested and commit in wanted},
        beside=tuple((beside or {}).get(untested[0], ())[:BESIDE_LIMIT]) if untested else ())


def _stretches(
    now: PastRun, subject: Subject, results: Iterable[tuple[int, PastRun, Came]],
) -> tuple[tuple[Stretch, ...], bool]:
    found, ends_well = [Stretch(subject.came, now, now, NOW, NOW, commits=(now.commit,))], False
    for place, run, result in results:
        at = found[-1]
        if result == at.came:
            found[-1] = at.with_older(run, place)
            continue
        if run.commit == at.oldest.commit:
            continue
        if len(found) == STRETCH_LIMIT:
            break
        found.append(Stretch(result, run, run, place, place, commits=(run.commit,)))
        ends_well = subject.accepts(result)
        if ends_well:
            break
    return tuple(found), ends_well


def commits_between(line: Line, run: PastRun, before: PastRun) -> tuple[str, ...]:
    """The commits between two runs of a line, nearest first, as far as they are known."""
    between = line.between(before.run_id)
    return between[between.index(run.commit) + 1:] if run.commit in between else between


def pairs_of(found: Walk) -> Iterator[Pair]:
    """The pairs of files whose facts tell of a walk's results and steps, of its base, and of results elsewhere."""
    subject = found.subject
    for stretch in found.stretches:
        yield from pairs_between(subject, None, stretch.came)
    for newer, older in pairwise(found.stretches):
        yield from pairs_between(subject, older.came, newer.came)
    if found.base_came is not None:
        yield from pairs_between(subject, found.base_came, subject.came)
        yield from pairs_between(subject, None, found.base_came)
    own = found.elsewhere.get(found.now.commit)
    for result in found.beside:
        yield from pairs_between(subject, None, result)
    for commit in found.untested:
        there = found.elsewhere.get(commit)
        if there is not None:
            yield from pairs_between(subject, None, there)
            if own is not None:
                yield from pairs_between(subject, there, own)


def needed_pairs(walks: Iterable[Walk], limit: int) -> tuple[Pair, ...]:
    """The pairs of files whose facts these walks need, each once, at most so many."""
    return tuple(islice(dict.fromkeys(pair for each in walks for pair in pairs_of(each)), limit))


def steps_of(found: Walk, known: Known) -> tuple[Step, ...]:
    """The steps of a walk, the nearest first, with facts that are not pruned.

    Where the older result hides what the test does, as one of a crash, the step is told by what is different from what is expected, and
    was not so in the result before those that hide it. It has no facts where that is nothing.
    """
    against = [facts_between(found.subject, None, stretch.came, known) for stretch in found.stretches]
    steps = []
    for index, (newer, older) in enumerate(pairwise(found.stretches)):
        step = Step(
            newer.oldest.commit, newer.oldest.run_id, older.newest.commit, older.newest.run_id, newer.last, older.first,
            found.untested_before[index], runs=sum(stretch.count for stretch in found.stretches[:index + 1]),
            is_assumed=older.newest.is_assumed)
        if hides(against[index + 1]) and not hides(against[index]):
            steps.append(_revealing(step, index, found, against))
        else:
            steps.append(replace(step, facts=facts_between(found.subject, older.came, newer.came, known)))
    return tuple(steps)


def _revealing(step: Step, index: int, found: Walk, against: list[Facts]) -> Step:
    """A step behind results that hide what the test does."""
    open_one = next((other for other in range(index + 2, len(against)) if not hides(against[other])), None)
    seen = keys_of(against[open_one]) if open_one is not None else frozenset()
    facts = tuple(fact for fact in telling(against[index]) if key_of(fact) not in seen)
    if open_one is None:
        return replace(step, facts=facts)
    before = found.stretches[open_one].newest
    hidden = (commit for stretch in found.stretches[index + 1:open_one] for commit in stretch.commits)
    return replace(
        step, facts=facts, from_commit=before.commit, from_run_id=before.run_id, before=found.stretches[open_one].first,
        untested=tuple(dict.fromkeys((*step.untested, *hidden, *(
            commit for each in found.untested_before[index + 1:open_one] for commit in each)))))


_HIDING = frozenset({"file.missing", "file.cut", "cues.none", "binary.other", "unread"})


def hides(found: Facts) -> bool:
    """Whether a result with these facts may have others that are not seen, since most of the output is not there or not read."""
    return any(fact.kind in _HIDING for fact in found)
