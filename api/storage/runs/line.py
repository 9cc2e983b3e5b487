"""Finds the line of a run: the finished runs of its ancestor commits, as far as these are known, and older runs."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, ColumnElement, CompoundSelect, Row, and_, case, false, func, literal, null, or_, select, true, union_all

from api.domain.causes.step import BESIDE_LIMIT
from api.domain.results.base_run import Line, PastRun, in_order, joined
from api.domain.results.result import Verdict
from api.domain.runs.run import Platform, Run, RunStatus
from api.storage.database import session
from api.storage.tables import RunRow, VerdictRow

RAN = (RunStatus.PASS.value, RunStatus.FAIL.value, RunStatus.INCOMPLETE.value)
GENERATIONS = 200
# So many runs of a line are looked at.
PAST_RUNS = 50
# So many runs tell of another, those of its line and more of the same commits.
SOURCES = 100
OWN, MAIN, COMMITS = range(3)
# A row of `_ancestors`: part, generation, run_id, commit_sha, created_at, environment_id.
Found = Row[*tuple[Any, ...]]


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
    rows = session().execute(_ancestors(run, main_repository, generations)).all()
    parts: defaultdict[int, list[Found]] = defaultdict(list)
    for row in rows:
        parts[row.part].append(row)
    own, main = [_placed(row, is_own=True) for row in parts[OWN]], [_placed(row) for row in parts[MAIN]]
    found = joined(in_order(own)[:PAST_RUNS // 2], in_order(main))[:PAST_RUNS]
    assumed = _older(run, main_repository, main, PAST_RUNS - len(found))
    commits = dict.fromkeys(row.commit_sha for row in sorted(parts[COMMITS], key=lambda row: row.generation))
    of_its_own = {past.commit for _, past in own if past.commit != (run.merge_base_sha or "").lower()}
    return Line(
        joined(found, assumed),
        tuple(commit for commit in commits if commit not in of_its_own), run.merge_base_sha and run.merge_base_sha.lower())


def _placed(row: Found, *, is_own: bool = False) -> tuple[int, PastRun]:
    return row.generation, PastRun(row.run_id, row.commit_sha, row.created_at, row.environment_id, is_own=is_own)


def _ancestors(run: Run, main_repository: str, generations: int) -> CompoundSelect[*tuple[Any, ...]]:
    """Select the runs of its own commits, the main repository's runs at ancestor commits, and those commits.

    The conditions stand in CASE, so that no database chooses another index than the one over commits.
    """
    commit, of_the_main, own = run.commit.lower(), and_(*_of_main(main_repository)), and_(*_of_its_own(run, main_repository))
    own_line = _line(
        select(func.lower(RunRow.commit_sha).label("commit_sha"), literal(0).label("generation")).where(RunRow.run_id == run.run_id),
        "own_line", own, generations)
    if run.merge_base_sha:
        start = select(func.lower(RunRow.merge_base_sha).label("commit_sha"), literal(0).label("generation")).where(
            RunRow.run_id == run.run_id)
    else:
        start = select(own_line.c.commit_sha, own_line.c.generation).where(
            own_line.c.generation > 0, own_line.c.commit_sha != commit)
    main_line = _line(start, "main_line", of_the_main, generations)
    is_its_own_base = (run.merge_base_sha or "").lower() == commit
    ran = and_(RunRow.platform == run.platform.value, RunRow.status.in_(RAN), RunRow.run_id != run.run_id)
    elsewhere = RunRow.commit_sha != commit
    before = elsewhere if is_its_own_base else or_(elsewhere, RunRow.run_id < run.run_id)
    at_base = true() if is_its_own_base else elsewhere
    return union_all(
        _runs_at(own_line, OWN, and_(own, ran, before)), _runs_at(main_line, MAIN, and_(of_the_main, ran, at_base)),
        select(literal(COMMITS), main_line.c.generation, null(), main_line.c.commit_sha, null(), null())
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
        select(literal(part).label("part"), line.c.generation, RunRow.run_id, RunRow.commit_sha, RunRow.created_at, RunRow.environment_id)
        .join(line, RunRow.commit_sha == line.c.commit_sha).where(case((wanted, 1), else_=0) == 1))


def _older(run: Run, main_repository: str, ancestors: Sequence[tuple[int, PastRun]], limit: int) -> list[PastRun]:
    """Load up to `limit` runs that are assumed to be of ancestor commits.

    These are the main repository's runs that are older than the farthest known ancestor. Without a known ancestor they are those
    older than the first run of the commit. If the run names no parent, older runs of its own are among them.
    """
    farthest = max(ancestors, key=lambda each: each[0])[0] if ancestors else 0
    before: Any = min((past.run_id for distance, past in ancestors if distance == farthest), default=None)
    if before is None:
        before = select(func.min(RunRow.run_id)).where(
            RunRow.commit_sha == run.commit.lower(), RunRow.repository == run.repository.lower(),
            RunRow.pull_request.is_not_distinct_from(run.pull_request)).scalar_subquery()
    own = and_(*_of_its_own(run, main_repository), RunRow.run_id < run.run_id)
    wanted = [and_(*_of_main(main_repository), RunRow.run_id < before)]
    if run.parent_sha is None:
        wanted.append(own)
    rows = session().execute(
        select(
            RunRow.run_id, RunRow.commit_sha, RunRow.created_at, RunRow.environment_id, case((own, True), else_=False).label("is_own"))
        .where(RunRow.run_id < run.run_id, RunRow.platform == run.platform.value, RunRow.status.in_(RAN), or_(*wanted))
        .order_by(RunRow.run_id.desc()).limit(limit))
    return [
        PastRun(row.run_id, row.commit_sha, row.created_at, row.environment_id, bool(row.is_own), is_assumed=True) for row in rows]


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


def load_sources(run: Run, line: Line) -> tuple[Source, ...]:
    """The runs of a line, then others on the same platform of its commits or the run's, the newest first; at most `SOURCES` in all.

    Where commits between the base and the run were not tested on the run's platform, runs of these and of the run's commit on another
    platform are among them, and on its own platform the newest of other pull requests that branch off at its parent.
    """
    on_line, own = {past.run_id for past in line.runs}, run.commit.lower()
    untested = () if line.base is None else line.between(line.base.run_id)
    tested = {own, *(past.commit for past in line.runs)}
    columns = RunRow.run_id, RunRow.commit_sha, RunRow.platform, RunRow.evidence, RunRow.pull_request, RunRow.merge_base_sha
    over = RunRow.evidence.is_not(None), RunRow.status.in_(RAN), RunRow.run_id != run.run_id
    rows = session().execute(
        select(*columns).where(RunRow.run_id.in_(on_line), *over)
        .union(
            select(*columns).where(RunRow.commit_sha.in_([*tested, *untested]), *over),
            select(*columns).where(RunRow.merge_base_sha.in_(untested[:1]), RunRow.platform == run.platform.value, *over))).all()
    elsewhere = {own, *untested} if untested else frozenset[str]()
    near = [
        row for row in rows
        if row.run_id in on_line or row.commit_sha in (tested if row.platform == run.platform else elsewhere)]
    beside = [
        row for row in rows
        if row not in near and row.merge_base_sha in untested[:1] and row.platform == run.platform and row.pull_request != run.pull_request]
    found = [
        *(_source(row, is_on_line=row.run_id in on_line) for row in near),
        *(_source(row, is_beside=True) for row in sorted(beside, key=lambda row: -row.run_id)[:BESIDE_LIMIT])]
    return tuple(sorted(found, key=lambda source: (not source.is_on_line, -source.run_id))[:SOURCES])


def _source(row: Any, *, is_on_line: bool = False, is_beside: bool = False) -> Source:
    return Source(
        row.run_id, row.commit_sha, Platform(row.platform), row.evidence, is_on_line, row.pull_request is None, is_beside)


def _of_its_own(run: Run, main_repository: str) -> tuple[ColumnElement[bool], ...]:
    # The platform gives the runs of all pull requests one branch, and others may have none.
    repository = RunRow.repository == run.repository.lower()
    if run.pull_request is not None:
        return repository, RunRow.pull_request == run.pull_request
    if run.repository.lower() == main_repository.lower():
        return repository, RunRow.pull_request.is_(None), RunRow.commit_sha == run.commit.lower()
    if run.branch is None:
        return (false(),)
    return repository, RunRow.branch == run.branch, RunRow.pull_request.is_(None)


def _of_main(main_repository: str) -> tuple[ColumnElement[bool], ...]:
    return RunRow.repository == main_repository.lower(), RunRow.pull_request.is_(None)


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
