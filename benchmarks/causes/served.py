"""What a server says of the runs of a corpus over HTTP: each run is asked for when it is over and analysed."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

from sqlalchemy import insert, update

from api.diffs.pool import DiffPool
from api.domain.auth.access import Role
from api.domain.captions.fact import Fact
from api.domain.causes.analysis import Analysed, Analysis, Cause
from api.domain.causes.attribution import Attributed, Confidence, Reason
from api.domain.causes.clustering import Cluster
from api.domain.causes.first_bad import FirstBad, FirstBadState
from api.domain.causes.run_analysis import AnalysisDue
from api.domain.causes.stability import StabilityState
from api.domain.results.origin import Origin
from api.domain.runs.run import Phase
from api.services.results.analysing import Analyst
from api.services.results.output_facts import FactFinder
from api.services.runs.platform_sync import catch_up
from api.storage.database import session, transaction
from api.storage.platform_tables import ProgressRow, RegressionOutputRow, ResultFileRow, ResultRow
from benchmarks.causes.corpus import Corpus, Run
from tests.builders import MAIN_REPOSITORY, BuiltTest, Output, add_regression_test, add_sample
from tests.handlers.site import Client, Site
from tests.services.results.analysed import archive_of

MOST_BYTES = 262_144


@dataclass
class Claims:
    """What is said of a run in the end: its analysis, and for each failing test the commit of `failing_since`, None where not known."""

    analysis: Analysis
    since: dict[int, str | None]


class Served:
    """A server with the tests of a corpus."""

    def __init__(self, corpus: Corpus, site: Site, pool: DiffPool) -> None:
        self.corpus, self.site = corpus, site
        self.client: Client = site.as_role(Role.ADMIN)
        self.analyst = Analyst(FactFinder(archive_of(site.files), pool), MAIN_REPOSITORY)
        self.runs: list[Run] = []
        self._ids: dict[int, int] = {}
        self._tests: dict[int, BuiltTest] = {}
        self._baselines: dict[int, str] = {}
        self._commits = {corpus.history.sha(commit): commit for commit in corpus.history.C}
        (site.files / "TestResults").mkdir(parents=True, exist_ok=True)

    def answers(self) -> Iterator[tuple[Run, Claims]]:
        """Each run that is not empty, with what is said of it."""
        for run in self.corpus.runs():
            if not self._tests:
                self._add_tests(run.baselines)
            self.runs.append(run)
            run_id = self._ids[run.run_id] = self._play(run)
            self._analyse()
            if run.tests:
                yield run, self._asked(run_id)

    def stable(self) -> dict[int, StabilityState]:
        """What is said of each test being the same each time."""
        said = {}
        for number, test in self._tests.items():
            answer = self.client.get(
                f"/api/v1/regression-tests/{test.regression_id}/stability", params={"platform": "linux"}).json()
            said[number] = StabilityState(answer["state"])
        return said

    def _add_tests(self, baselines: dict[int, str]) -> None:
        samples = {name: add_sample() for name in self.corpus.samples}
        for number, test in self.corpus.tests.items():
            self._tests[number] = add_regression_test(
                outputs=[Output(self._store(baselines[number], test), self.corpus.extension(test))], sample_id=samples[test["sample"]],
                command=f"--out={test['fmt']}", expected_exit_code=test["rc"], categories=[test["kind"]])
        self._baselines = dict(baselines)
        self._numbers = {test.regression_id: number for number, test in self._tests.items()}

    def _store(self, digest: str, test: dict[str, Any]) -> str:
        path = self.site.files / "TestResults" / f"{digest}{self.corpus.extension(test)}"
        if not path.exists():
            path.write_bytes(self.corpus.contents[digest])
        return digest

    def _play(self, run: Run) -> int:
        """Run it, as a worker would; its id."""
        history = self.corpus.history
        self.site.clock.now += timedelta(minutes=30)
        self._approve(run.baselines)
        body: dict[str, Any] = {"repository": MAIN_REPOSITORY, "commit_sha": history.sha(run.commit), "platform": run.platform}
        if run.commit in history.PARENT:
            body["parent_sha"] = history.sha(history.PARENT[run.commit])
        if run.pull_request is None:
            body["branch"] = "master"
        else:
            body |= {
                "branch": f"pr-{run.pull_request}", "pull_request": run.pull_request,
                "merge_base_sha": history.sha(history.PRS[run.pull_request][0])}
        run_id: int = self.client.post("/api/v1/runs", json=body).json()["run_id"]
        self._report(run, run_id)
        return run_id

    def _approve(self, baselines: dict[int, str]) -> None:
        changed = {number: digest for number, digest in baselines.items() if digest != self._baselines[number]}
        self._baselines |= changed
        with transaction() as current:
            for number, digest in changed.items():
                self._store(digest, self.corpus.tests[number])
                current.execute(update(RegressionOutputRow).where(
                    RegressionOutputRow.id == self._tests[number].output_id).values(correct=digest))

    def _report(self, run: Run, run_id: int) -> None:
        phases = (Phase.TESTING, Phase.COMPLETED) if run.tests else (Phase.CANCELED,)
        ends, outputs = [], []
        for number, came in run.tests.items():
            test, definition = self._tests[number], self.corpus.tests[number]
            own = {"test_id": run_id, "regression_test_id": test.regression_id}
            ends.append(own | {"runtime": 1000, "expected_rc": definition["rc"], "exit_code": came.exit_code})
            if came.digest is not None:
                got = None if came.digest == run.baselines[number] else self._store(came.digest, definition)
                outputs.append(own | {
                    "regression_test_output_id": test.output_id, "expected": run.baselines[number], "got": got})
        with transaction() as current:
            if ends:
                current.execute(insert(ResultRow), ends)
            if outputs:
                current.execute(insert(ResultFileRow), outputs)
            current.execute(insert(ProgressRow), [
                {"test_id": run_id, "status": phase.value, "timestamp": self.site.clock.now, "message": "git clone failed"}
                for phase in phases])

    def _analyse(self) -> None:
        catch_up(self.site.clock.now)
        while self.analyst.analyse_next() is AnalysisDue.ENDED:
            pass
        session().rollback()

    def _asked(self, run_id: int) -> Claims:
        path = f"/api/v1/runs/{run_id}"
        failures, listed = self._failures(path), self._clusters(path)
        causes, members = [], dict[int, Analysed]()
        for each in listed:
            shown = self.client.get(f"{path}/clusters/{each['class_id']}", params={"limit": 200}).json()
            told = [self._member(member) for member in shown["members"]]
            members |= {test.regression_id: test for test in told}
            causes.append(self._cause(each, [test.regression_id for test in told]))
        origins = {self._numbers[each["regression_id"]]: each for each in failures}
        for number, failure in origins.items():
            said = members.get(number) or Analysed(
                number, 0, (), (), Attributed(Origin(failure["origin"]), Reason.NO_BASE, Confidence.UNCERTAIN), ())
            assert said.attributed.origin is Origin(failure["origin"]), "a test is told twice, and otherwise"
            members[number] = said
        return Claims(
            Analysis(tuple(members[number] for number in sorted(members)), tuple(causes)),
            {number: self._commits.get(failure["failing_since"]["commit_sha"]) for number, failure in origins.items()})

    def _failures(self, path: str) -> list[Any]:
        found, query = [], dict[str, Any](max_bytes=MOST_BYTES)
        while True:
            shown = self.client.get(f"{path}/triage", params=query).json()
            assert shown["analysis"]["state"] != "pending", shown["analysis"]
            found += shown["failures"]
            if shown["next_cursor"] is None:
                return found
            query["cursor"] = shown["next_cursor"]

    def _clusters(self, path: str) -> list[Any]:
        found: list[Any] = []
        while True:
            shown = self.client.get(f"{path}/clusters", params={"limit": 100, "offset": len(found)}).json()
            found += shown["data"]
            if shown["pagination"]["next_offset"] is None:
                return found

    def _cause(self, told: Any, members: list[int]) -> Cause:
        facts = tuple(map(_fact, told["facts"]))
        return Cause(
            Cluster(told["class_id"], told["exact_id"], facts, tuple(members), told["sample_count"], MappingProxyType({}), 0, 0),
            Origin(told["origin"]), Confidence(told["confidence"]), told["first_bad"] and self._first_bad(told["first_bad"]))

    def _member(self, told: Any) -> Analysed:
        attributed = Attributed(
            Origin(told["origin"]), Reason(told["reason"]), Confidence(told["confidence"]),
            tuple(map(partial(self._commits.get), told["suspects"])), tuple(map(_fact, told["changed"])))
        return Analysed(
            self._numbers[told["regression_id"]], 0, tuple(map(_fact, told["facts"])), (), attributed,
            tuple(map(self._first_bad, told["first_bad"])), StabilityState(told["stability"]))

    def _first_bad(self, told: Any) -> FirstBad:
        return FirstBad(self._commits[told["commit_sha"]], told["run_id"], FirstBadState(told["state"]))


def _fact(told: Any) -> Fact:
    return Fact(told["kind"], told["parameter"], told["share"], tuple(told["places"]))
