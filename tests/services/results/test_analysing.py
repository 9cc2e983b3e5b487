"""Finished runs are analysed once, and again when something changed that their analysis was made from."""
from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from api.diffs.pool import DiffPool
from api.domain.causes.attribution import Confidence, Reason
from api.domain.causes.run_analysis import ANALYSIS_VERSION, AnalysisDue, AnalysisState, NotAnalysed
from api.domain.results.origin import Origin
from api.domain.runs.run import Platform
from api.services.results.analyses import AnalysisStatus, find_analysis
from api.services.results.analysing import Analyst
from api.services.results.output_facts import FactFinder
from api.services.results.verdicts import judge_run
from api.services.runs import runs
from api.storage.database import session, transact, transaction
from api.storage.results.analyses import count_due_runs, drop_due_run, renew_due_run, take_due_run
from api.storage.results.occurrences import Elsewhere
from tests.builders import MAIN_REPOSITORY, NOW, minutes
from tests.databases import Database
from tests.services.results.analysed import Scene

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene.made(tmp_path / "files")


def status_of(run_id: int) -> AnalysisStatus:
    session().rollback()
    run = runs.show_run(run_id, NOW)
    return find_analysis(run, judge_run(run), MAIN_REPOSITORY)


def test_a_run_is_pending_until_it_is_analysed(scene: Scene) -> None:
    run_id = scene.run("a", ends={0: "460"})
    before = status_of(run_id)
    scene.analyse_all()

    assert (before.state, before.of, before.done) == (AnalysisState.PENDING, 1, 0)
    assert status_of(run_id).state is AnalysisState.READY
    assert count_due_runs() == 0


def test_an_analysis_is_read_in_three_statements_with_where_else_its_causes_were_seen(scene: Scene, database: Database) -> None:
    scene.run("a", at=0)
    first = scene.run("b", "a", ends={0: "460", 1: "460"}, at=2)
    last = scene.run("c", "b", ends={0: "460", 1: "460", 2: "900"}, at=4)
    scene.analyse_all()
    run = runs.show_run(last, NOW)
    judged = judge_run(run)

    with database.counted() as words:
        found = find_analysis(run, judged, MAIN_REPOSITORY, since=NOW - timedelta(days=1))

    assert len(words) == 3, words
    assert found.found is not None
    [old] = [each.cluster.class_id for each in found.found.causes if each.origin is Origin.NOT_MINE]
    assert found.elsewhere == {old: Elsewhere(1, 0, first)}


def test_the_causes_of_a_run_are_found_along_its_line(scene: Scene) -> None:
    scene.run("a", at=0)
    first = scene.run("b", "a", ends={0: "460", 1: "460"}, at=2)
    last = scene.run("c", "b", ends={0: "460", 1: "460", 2: "900"}, at=4)
    scene.analyse_all()

    found = status_of(last).found

    assert found is not None
    told = {
        cause.cluster.regression_ids: (cause.origin, cause.first_bad.run_id, cause.cluster.facts)
        for cause in found.causes if cause.first_bad is not None}
    old, new = (tuple(scene.tests[place].regression_id for place in places) for places in ((0, 1), (2,)))
    assert [told[each][:2] for each in (new, old)] == [(Origin.MINE, last), (Origin.NOT_MINE, first)]
    assert [(fact.kind, fact.parameter) for fact in told[old][2]] == [("time.end.const", "-40")]
    assert found.base is not None
    assert found.base.run_id == first


def test_a_run_without_failures_is_analysed_too(scene: Scene) -> None:
    run_id = scene.run("a")
    scene.analyse_all()

    found = status_of(run_id).found

    assert found is not None
    assert (found.causes, found.tests) == ((), ())


def test_what_was_compared_for_one_run_is_not_compared_for_the_next(scene: Scene) -> None:
    scene.run("a")
    scene.run("b", "a", ends={0: "460"}, at=2)
    scene.analyse_all()
    asked = scene.pool.asked
    scene.run("c", "b", ends={0: "460"}, at=4)
    scene.analyse_all()

    assert scene.pool.asked == asked > 0


def test_an_analysis_is_made_anew_when_a_run_of_its_line_ends_later(scene: Scene) -> None:
    scene.run("a")
    last = scene.run("c", "b", ends={0: "460"}, at=4)
    scene.analyse_all()
    before = status_of(last)
    middle = scene.run("b", "a", ends={0: "460"}, at=2)
    between = status_of(last)
    dues = scene.analyse_all()

    after = status_of(last)

    assert before.found is not None
    assert middle > last
    assert between.state is AnalysisState.PENDING
    assert dues[0] is AnalysisDue.ENDED
    assert after.state is AnalysisState.READY


def test_a_pull_request_from_an_untested_commit_tells_what_did_not_come_with_that(scene: Scene) -> None:
    scene.run("a")
    scene.run("b", "a", platform=Platform.WINDOWS, at=2)
    scene.run("d", "b", pull_request=7, merge_base="b", at=4)
    last = scene.run("c", "b", ends={0: "460"}, at=6)
    scene.analyse_all()

    found = status_of(last).found

    assert found is not None
    assert [test.analysed.attributed.reason for test in found.tests] == [Reason.NOT_BESIDE]


def test_two_never_hold_one_run_and_who_lost_it_keeps_nothing(scene: Scene) -> None:
    scene.run("a")
    taken = transact(lambda: take_due_run(NOW, minutes(1) - NOW))
    other = transact(lambda: take_due_run(NOW, minutes(1) - NOW))
    later = transact(lambda: take_due_run(minutes(2), minutes(1) - NOW))

    assert taken is not None
    assert other is None
    assert later is not None
    assert transact(lambda: drop_due_run(taken)) is False
    assert transact(lambda: renew_due_run(taken, minutes(5))) is None
    assert transact(lambda: renew_due_run(later, minutes(5))) is not None


def test_a_process_that_died_leaves_a_run_to_the_next(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = scene.run("a", ends={0: "460"})

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(scene.pool, "facts_of_pairs", die)
        with pytest.raises(SystemExit):
            scene.analyst.analyse_next()
    before = scene.analyse_all()
    with transaction() as current:
        current.connection().exec_driver_sql("UPDATE ci_run SET analysis_taken_until = '2000-01-01 00:00:00.000000'")
    after = scene.analyse_all()

    assert (before, after) == ([], [AnalysisDue.ENDED])
    assert status_of(run_id).state is AnalysisState.READY


def test_an_analysis_that_fails_says_so_and_is_not_tried_for_ever(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = scene.run("a", ends={0: "460"})

    def fail(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr("api.services.results.analysing.analyse", fail)
    dues = scene.analyse_all()

    status = status_of(run_id)
    assert dues == [AnalysisDue.ENDED]
    assert (status.state, status.reason) == (AnalysisState.NOT_ANALYSABLE, NotAnalysed.FAULT)


def test_a_run_with_hostile_outputs_is_analysed_and_its_other_causes_are_found(scene: Scene) -> None:
    hostile = [b"<tt>" + b"<p " * 340_000, b"a" * (10 << 20), b"1\n0:0:1,0 --> 0:0:2,0\nx\n" * 1_000_000]
    scene.run("a")
    run_id = scene.run("b", "a", ends={3: "460"}, outputs=dict(enumerate(hostile)), at=2)
    pool = DiffPool()
    analyst = Analyst(FactFinder(scene.archive, pool), MAIN_REPOSITORY)
    while analyst.analyse_next() is not None:
        pass
    pool.close()

    found = status_of(run_id).found

    assert found is not None
    assert [each.analysed.attributed.origin for each in found.tests] == [Origin.MINE] * 4
    told = [{fact.kind for fact in each.cluster.facts} for each in found.causes]
    assert {"time.end.const"} in told


@pytest.mark.parametrize("history", [
    # In a circle.
    (("a", "b", False), ("b", "c", True), ("c", "a", True)), (("a", "a", False), ("b", "b", True), ("b", "a", True)),
    # With parents that nobody ran.
    (("a", None, False), ("b", "z", True), ("c", "y", True)),
    # Rewritten: of one commit two parents are told, and what was an ancestor is none any more.
    (("a", None, False), ("b", "a", True), ("b", "f", True), ("c", "b", True), ("f", "c", False)),
])
def test_whatever_runs_say_of_their_parents_nothing_that_changed_is_proven(
    scene: Scene, history: tuple[tuple[str, str | None, bool], ...],
) -> None:
    runs_made = [
        scene.run(commit, parent, ends={0: "460", 1: str(600 + place)} if is_bad else {}, at=2 * place)
        for place, (commit, parent, is_bad) in enumerate(history)]
    scene.analyse_all()

    always, once = (test.regression_id for test in scene.tests[:2])
    for run_id, (*_, is_bad) in zip(runs_made, history, strict=True):
        found = status_of(run_id).found
        assert found is not None
        assert sorted(found.by_id) == ([always, once] if is_bad else [])
        if is_bad:
            assert found.by_id[once].analysed.attributed.confidence is not Confidence.PROVEN
            assert found.by_id[always].analysed.attributed.origin in (Origin.MINE, Origin.NOT_MINE, Origin.UNKNOWN)


def test_runs_of_an_older_version_are_analysed_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = scene.run("a", ends={0: "460"})
    scene.analyse_all()
    for module in ("api.services.results.analyses", "api.storage.results.analyses"):
        monkeypatch.setattr(f"{module}.ANALYSIS_VERSION", ANALYSIS_VERSION + 1)
    before = status_of(run_id).state
    dues = scene.analyse_all()

    assert before is AnalysisState.PENDING
    assert dues == [AnalysisDue.BEHIND]
    assert status_of(run_id).state is AnalysisState.READY
