"""Finds the line of a run: the finished runs of its ancestor commits, as far as these are known, and older runs."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Integer,
    Row,
    Select,
    String,
    and_,
    bindparam,
    case,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
)

from api.domain.causes.step import BESIDE_LIMIT
from api.domain.results.base_run import Line, PastRun, in_order, joined
from api.domain.results.result import Verdict
from api.domain.runs.run import Platform, Run, RunStatus
from api.storage.database import read, session
from api.storage.tables.results import VerdictRow
from api.storage.tables.runs import RunRow

RAN = (RunStatus.PASS.value, RunStatus.FAIL.value, RunStatus.INCOMPLETE.value)
GENERATIONS = 200
# So many runs of a line are looked at.
PAST_RUNS = 50
# So many runs tell of another, those of its line and more of the same commits.
SOURCES = 100
# Among so many runs, with ids no farther away, it is looked for commits that were run more than once; so many runs of these are looked at,
# on one platform and on another.
RECENT, NEAR, REPEATS, TWINS = 400, 2_000, 24, 10
OWN, MAIN, COMMITS = range(3)
_PAST = (
    RunRow.commit_sha, RunRow.run_id, RunRow.created_at, RunRow.environment_id, RunRow.platform, RunRow.pull_request,
    RunRow.merge_base_sha, RunRow.evidence, RunRow.status)
# A row of `_ancestors`: part, generation and the columns of `_PAST`.
Found = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Source:
    """A finished run by which another is judged: `evidence` names what it was itself judged by, `is_on_line` where it is on its
    line, `is_main` where it is of no pull request, `is_beside` where it is of another pull request that branches off at its parent.
    """

    run_id: int
    commit: str
    platform: Platform
    evidence: str
    is_on_line: bool
    is_main: bool
    is_beside: bool = False


def load_line(run: Run, main_repository: str, *, generations: int = GENERATIONS) -> Line:
    """Load the finished runs on the run's platform that precede it, the nearest first, at most `PAST_RUNS`.

    They come in this order:
    1. Runs of its own commits. Its pull request's runs (or those of its branch of a fork) name each commit's parent.
    2. Runs of the main repository at the merge base and at its ancestors, up to `generations` back. If the run has no merge base,
       this starts at the parents of its own commits.
    3. Older runs of the main repository, which are assumed to be of ancestors because no further parent is known. If the run names
       no parent, older runs of its own are assumed to be so too.

    Other runs of the same commit belong to the first group, unless that commit is the merge base that the run names.
    """
    known = _known_line(run, main_repository, generations)
    shape, values = _asked_for(run, main_repository), _values(run, main_repository, known)
    return known.with_older(read(_older(shape, known.farthest is not None), values))


def load_line_and_sources(run: Run, main_repository: str) -> tuple[Line, tuple[Source, ...]]:
    """The line of a run, as `load_line` tells it, and the runs that tell of it: at most `SOURCES`; in two statements.

    These are the runs of the line, then others on the same platform of the commits that are known to be the run's ancestors or its
    own, the newest first. Where commits between the base and the run were not tested on the run's platform, or not all of their tests
    were, runs of these and of the run's commit on another platform are among them, and on its own platform the newest of other pull
    requests that branch off at its parent.
    """
    known = _known_line(run, main_repository, GENERATIONS)
    untested, own = known.untested, run.commit.lower()
    tested = {own, *(past.commit for past in known.found)}
    older = _older(_asked_for(run, main_repository), known.farthest is not None).subquery()
    others = select(*_PAST, false(), false()).where(RunRow.evidence.is_not(None), RunRow.status.in_(RAN), RunRow.run_id != run.run_id)
    asked = [select(older), others.where(RunRow.commit_sha.in_([*tested, *untested]))]
    if untested:
        # For no commit a database would look through all runs of the platform.
        asked.append(others.where(RunRow.merge_base_sha == untested[0], RunRow.platform == run.platform.value))
    rows: Sequence[Any] = read(union_all(*asked), _values(run, main_repository, known))
    line = known.with_older([row for row in rows if row.is_assumed])
    on_line = {past.run_id for past in line.runs}
    told = {row.run_id: row for row in (*known.rows, *rows) if row.evidence is not None}
    elsewhere = {own, *untested} if untested else frozenset[str]()
    near, beside = [], []
    for row in told.values():
        if row.run_id in on_line or row.commit_sha in (tested if row.platform == run.platform else elsewhere):
            near.append(_source(row, is_on_line=row.run_id in on_line))
        elif row.merge_base_sha in untested[:1] and row.platform == run.platform and row.pull_request != run.pull_request:
            beside.append(_source(row, is_beside=True))
    found = [*near, *sorted(beside, key=lambda source: -source.run_id)[:BESIDE_LIMIT]]
    return line, tuple(sorted(found, key=lambda source: (not source.is_on_line, -source.run_id))[:SOURCES])


def load_repeats(run: Run, besides: frozenset[int]) -> tuple[Source, ...]:
    """Runs of commits that were run more than once about then: by these it shows which tests are not the same twice.

    First at most `REPEATS` of those that were on one platform, those of a commit together; then at most `TWINS` on another platform than
    the run, of its own commit and of others that were run on both. The run itself and those in `besides` are left out.
    """
    rows = session().execute(
        select(*_PAST).where(
            RunRow.run_id > run.run_id - NEAR, RunRow.run_id < run.run_id + NEAR,
            RunRow.status.in_(RAN), RunRow.evidence.is_not(None))
        .order_by(RunRow.run_id.desc()).limit(RECENT)).all()
    commits: defaultdict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in rows:
        commits[row.commit_sha, row.platform].append(row)
    repeated = [row for each in commits.values() if len(each) > 1 for row in each if row.run_id not in besides | {run.run_id}]
    own = run.commit.lower()
    twins = sorted(
        (row for row in rows if row.platform != run.platform and row.run_id not in besides
         and (row.commit_sha == own or (row.commit_sha, run.platform.value) in commits)),
        key=lambda row: (row.commit_sha != own, -row.run_id))
    found = {row.run_id: row for row in (*repeated[:REPEATS], *twins[:TWINS])}
    return tuple(map(_source, found.values()))


def _source(row: Any, *, is_on_line: bool = False, is_beside: bool = False) -> Source:
    return Source(
        row.run_id, row.commit_sha, Platform(row.platform), row.evidence, is_on_line, row.pull_request is None, is_beside)


@dataclass(frozen=True)
class _KnownLine:
    """What is known of a run's line by the parents that runs name: rows of runs, and the commits of the main repository."""

    rows: Sequence[Found]
    own: Sequence[tuple[int, PastRun]]
    main: Sequence[tuple[int, PastRun]]
    commits: tuple[str, ...]
    merge_base: str | None

    @property
    def found(self) -> tuple[PastRun, ...]:
        """The runs, the nearest first."""
        return joined(in_order(self.own)[:PAST_RUNS // 2], in_order(self.main))[:PAST_RUNS]

    @property
    def farthest(self) -> int | None:
        """The oldest run of the farthest ancestor that is known; None where none is."""
        nearest: dict[str, int] = {}
        # A commit that is its own ancestor, as parents may be told wrongly, is met again and again, farther away each time.
        for distance, past in self.main:
            nearest[past.commit] = min(distance, nearest.get(past.commit, distance))
        most = max(nearest.values(), default=0)
        return min((past.run_id for _, past in self.main if nearest[past.commit] == most), default=None)

    @property
    def untested(self) -> tuple[str, ...]:
        """The commits between the run and the nearest base that has all its results, nearest first; all, where none is known."""
        incomplete = {row.run_id for row in self.rows if row.status == RunStatus.INCOMPLETE.value}
        line = self.with_older(())
        base = next((past for past in line.bases if past.run_id not in incomplete), None)
        return line.commits if base is None else line.between(base.run_id)

    def with_older(self, rows: Sequence[Any]) -> Line:
        """The line, with runs behind that are assumed to be of ancestors, the newest first."""
        assumed = [
            PastRun(row.run_id, row.commit_sha, row.created_at, row.environment_id, bool(row.is_own), is_assumed=True)
            for row in sorted(rows, key=lambda row: -row.run_id)]
        of_its_own = {past.commit for _, past in self.own if past.commit != self.merge_base}
        runs, names = joined(self.found, assumed), {row.run_id: row.evidence for row in (*self.rows, *rows)}
        return Line(
            runs, tuple(commit for commit in self.commits if commit not in of_its_own), self.merge_base,
            tuple(names[past.run_id] for past in runs))


def _known_line(run: Run, main_repository: str, generations: int) -> _KnownLine:
    rows = read(_ancestors(_asked_for(run, main_repository), generations), _values(run, main_repository))
    parts: defaultdict[int, list[Found]] = defaultdict(list)
    for row in rows:
        parts[row.part].append(row)
    commits = dict.fromkeys(row.commit_sha for row in sorted(parts[COMMITS], key=lambda row: row.generation))
    return _KnownLine(
        [*parts[OWN], *parts[MAIN]], [_placed(row, is_own=True) for row in parts[OWN]], [_placed(row) for row in parts[MAIN]],
        tuple(commits), run.merge_base_sha and run.merge_base_sha.lower())


def _placed(row: Found, *, is_own: bool = False) -> tuple[int, PastRun]:
    return row.generation, PastRun(row.run_id, row.commit_sha, row.created_at, row.environment_id, is_own=is_own)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What of a run decides how its line is asked for; its values are parameters. To put a statement together takes longer than to
    execute it, so that each of the few shapes is made once.
    """

    own: str
    has_base: bool
    is_its_own_base: bool
    names_parent: bool


def _asked_for(run: Run, main_repository: str) -> _Shape:
    if run.pull_request is not None:
        own = "pull_request"
    elif run.repository.lower() == main_repository.lower():
        own = "commit"
    else:
        own = "branch"
    base = (run.merge_base_sha or "").lower()
    return _Shape(own, bool(base), base == run.commit.lower(), run.parent_sha is not None)


def _values(run: Run, main_repository: str, known: _KnownLine | None = None) -> Mapping[str, Any]:
    """The parameters of a run's line; `known` has those of the runs behind it."""
    values = {
        "run_id": run.run_id, "commit": run.commit.lower(), "platform": run.platform.value, "repository": run.repository.lower(),
        "main_repository": main_repository.lower(), "pull_request": run.pull_request, "branch": run.branch}
    return values if known is None else {**values, "farthest": known.farthest, "places": PAST_RUNS - len(known.found)}


_RUN_ID, _COMMIT, _PLATFORM = bindparam("run_id", type_=Integer), bindparam("commit", type_=String), bindparam("platform", type_=String)
_PULL_REQUEST = bindparam("pull_request", type_=Integer)
_OF_MAIN = and_(RunRow.repository == bindparam("main_repository"), RunRow.pull_request.is_(None))
# The platform gives the runs of all pull requests one branch, and others may have none, which equals no other.
_OWN: Mapping[str, ColumnElement[bool]] = {name: and_(RunRow.repository == bindparam("repository"), *told) for name, told in {
    "pull_request": (RunRow.pull_request == _PULL_REQUEST,), "commit": (RunRow.pull_request.is_(None), RunRow.commit_sha == _COMMIT),
    "branch": (RunRow.branch == bindparam("branch"), RunRow.pull_request.is_(None))}.items()}


@cache
def _ancestors(shape: _Shape, generations: int) -> CompoundSelect[*tuple[Any, ...]]:
    """Select the runs of its own commits, the main repository's runs at ancestor commits, and those commits.

    The conditions stand in CASE, so that no database chooses another index than the one over commits.
    """
    own = _OWN[shape.own]
    own_line = _line(
        select(func.lower(RunRow.commit_sha).label("commit_sha"), literal(0).label("generation")).where(RunRow.run_id == _RUN_ID),
        "own_line", own, generations)
    if shape.has_base:
        start = select(func.lower(RunRow.merge_base_sha).label("commit_sha"), literal(0).label("generation")).where(
            RunRow.run_id == _RUN_ID)
    else:
        start = select(own_line.c.commit_sha, own_line.c.generation).where(
            own_line.c.generation > 0, own_line.c.commit_sha != _COMMIT)
    main_line = _line(start, "main_line", _OF_MAIN, generations)
    ran = and_(RunRow.platform == _PLATFORM, RunRow.status.in_(RAN), RunRow.run_id != _RUN_ID)
    elsewhere = RunRow.commit_sha != _COMMIT
    before = elsewhere if shape.is_its_own_base else or_(elsewhere, RunRow.run_id < _RUN_ID)
    at_base = true() if shape.is_its_own_base else elsewhere
    return union_all(
        _runs_at(own_line, OWN, and_(own, ran, before)), _runs_at(main_line, MAIN, and_(_OF_MAIN, ran, at_base)),
        select(literal(COMMITS), main_line.c.generation, main_line.c.commit_sha, *(null() for _ in _PAST[1:]))
        .where(main_line.c.commit_sha.is_not(None)))


def _line(start: Any, name: str, told: ColumnElement[bool], generations: int) -> CTE:
    """Select the start's commits and their ancestors, each with its distance in generations. Runs that meet `told` name the parents."""
    line: CTE = start.cte(name, recursive=True)
    parent = case((told, func.lower(RunRow.parent_sha)))
    return line.union(
        select(parent, line.c.generation + 1)
        .join(line, RunRow.commit_sha == line.c.commit_sha).where(line.c.generation < generations))


def _runs_at(line: CTE, part: int, wanted: ColumnElement[bool]) -> Any:
    return (
        select(literal(part).label("part"), line.c.generation, *_PAST)
        .join(line, RunRow.commit_sha == line.c.commit_sha).where(case((wanted, 1), else_=0) == 1))


@cache
def _older(shape: _Shape, has_ancestors: bool) -> Select[*tuple[Any, ...]]:
    """Select up to `places` runs that are assumed to be of ancestor commits.

    These are the main repository's runs that are older than the farthest known ancestor. Without a known ancestor they are those
    older than the first run of the commit. If the run names no parent, older runs of its own are among them.
    """
    before: Any = bindparam("farthest", type_=Integer)
    if not has_ancestors:
        before = select(func.min(RunRow.run_id)).where(
            RunRow.commit_sha == _COMMIT, RunRow.repository == bindparam("repository"),
            RunRow.pull_request.is_not_distinct_from(_PULL_REQUEST)).scalar_subquery()
    own = and_(_OWN[shape.own], RunRow.run_id < _RUN_ID)
    wanted = [and_(_OF_MAIN, RunRow.run_id < before)]
    if not shape.names_parent:
        wanted.append(own)
    limit = bindparam("places", type_=Integer)
    newest: Select[*tuple[Any, ...]] = (
        select(*_PAST, case((own, True), else_=False).label("is_own"), true().label("is_assumed"))
        .where(RunRow.run_id < _RUN_ID, RunRow.platform == _PLATFORM, case((or_(*wanted), 1), else_=0) == 1)
        .order_by(RunRow.run_id.desc()).limit(limit))
    # Of each status by itself they lie in their order in an index, so that no more are read than are wanted.
    each = union_all(*(select(newest.where(RunRow.status == status).subquery()) for status in RAN)).subquery()
    return select(each).order_by(each.c.run_id.desc()).limit(limit)


def verdicts_in(runs: Sequence[PastRun], regression_ids: Collection[int]) -> Mapping[int, Mapping[int, Verdict]]:
    """Load the verdicts of these regression tests in these runs, by regression id and then by run id."""
    found: defaultdict[int, dict[int, Verdict]] = defaultdict(dict)
    if not runs or not regression_ids:
        return found
    wanted = {run.run_id for run in runs}
    ages = [run.created_at for run in runs]
    query: Any = select(VerdictRow.regression_id, VerdictRow.run_id, VerdictRow.verdict).where(
        VerdictRow.regression_id.in_(regression_ids), VerdictRow.created_at >= min(ages), VerdictRow.created_at <= max(ages))
    for regression_id, run_id, verdict in session().execute(query):
        if run_id in wanted:
            found[regression_id][run_id] = Verdict(verdict)
    return found
