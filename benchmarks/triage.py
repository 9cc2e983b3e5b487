"""How true the answers of triage are: every claim about every run of a history with known causes, compared with the truth.

    python -m benchmarks.triage [--samples 30]
"""
from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from api.storage.database import transaction
from api.storage.platform_tables import ProgressRow, RegressionOutputRow, ResultFileRow, ResultRow
from tests.builders import NOW, BuiltTest, Output, add_regression_test, add_sample
from tests.databases import opened
from tests.handlers.site import Client, Site, build_site

FORMATS = ("srt", "vtt", "ttxt", "sami")
# A cause: the formats it is seen in, one in how many samples, and whether the program crashes by it. The last one is different each time.
CAUSES = {
    "shift": (FORMATS, 4, False), "colours": (("srt", "vtt"), 1, False), "crash": (("ttxt",), 3, True), "spaces": (("srt",), 2, False),
    "last line": (FORMATS, 5, False), "line ends": (("vtt", "sami"), 2, False), "ends": (("srt", "vtt"), 1, False),
    "version": (("sami",), 1, False), "drift": (("ttxt",), 2, False), "encoding": (("srt",), 3, False), "order": (("srt",), 10, False)}
FLAKY = "order"
MAIN: tuple[tuple[str, ...], ...] = (
    (), (), ("shift",), ("shift",), ("colours",), ("colours",), ("colours", "crash"), ("colours", "crash"), ("colours",),
    ("colours",), ("colours",), ("colours", "spaces"), ("colours", "spaces", "last line"), ("colours", "last line", "line ends"),
    ("colours", "last line"))
# Pull requests: the place of the merge base in MAIN, and what each of its commits has besides.
PULL_REQUESTS: dict[int, tuple[int, tuple[tuple[str, ...], ...]]] = {
    201: (3, (("ends",), ("ends",))), 202: (6, (("version",),)), 203: (8, (("drift", "encoding"), ("drift",))), 204: (12, ((),)),
    205: (13, (("ends",),)), 206: (14, (("drift", "spaces"), ("drift",)))}
APPROVED = 10
# Only half of the tests were executed of this commit.
HALF = "main 5"


@dataclass(frozen=True)
class Commit:
    """A commit: what it comes from, its causes, and those that are its own or its pull request's."""

    name: str
    parent: Commit | None
    causes: frozenset[str]
    own: frozenset[str]
    pull_request: int | None = None
    merge_base: Commit | None = None

    @property
    def sha(self) -> str:
        """A hash for the name."""
        return sha1(self.name.encode(), usedforsecurity=False).hexdigest()

    def introduced(self, cause: str) -> Commit:
        """The ancestor that brought a cause in."""
        found = self
        while found.parent is not None and cause in found.parent.causes:
            found = found.parent
        return found


def commits() -> Iterator[tuple[int, Commit]]:
    """All commits in the order of their runs, with the place in MAIN that they come behind."""
    main: list[Commit] = []
    for place, causes in enumerate(MAIN):
        parent = main[-1] if main else None
        main.append(Commit(f"main {place}", parent, frozenset(causes), frozenset(causes) - (parent.causes if parent else frozenset())))
        yield place, main[-1]
        for number, (base, parts) in PULL_REQUESTS.items():
            if base != place:
                continue
            before = main[base]
            for index, own in enumerate(parts):
                before = Commit(
                    f"pull request {number} {index}", before, main[base].causes | set(own), frozenset(own), number, main[base])
                yield place, before


def active(causes: Sequence[str], sample: int, form: str) -> list[str]:
    """The causes that are seen in an output."""
    return sorted(cause for cause in causes if form in CAUSES[cause][0] and sample % CAUSES[cause][1] == 0)


@dataclass
class Audit:
    """A server in this process, its tests by sample and format, and what is counted."""

    site: Site
    client: Client
    tests: dict[BuiltTest, tuple[int, str]]
    counts: Counter[str]
    truths: dict[int, tuple[Commit, dict[int, tuple[str, ...]]]]

    def store(self, text: str) -> str:
        """Put an output into the store; its hash."""
        digest = sha256(text.encode()).hexdigest()
        (self.site.files / "TestResults" / f"{digest}.srt").write_text(text)
        return digest

    def output(self, sample: int, form: str, seen: Sequence[str], seed: int) -> str:
        """What comes out; of a crash only the beginning."""
        lines = [f"{form} {sample} {line}" + "".join(f" <{cause}>" for cause in seen if cause != FLAKY) for line in range(9)]
        return "\n".join([*lines[:3 if "crash" in seen else 9], *([f"order {seed}"] if FLAKY in seen else [])])

    def run(self, commit: Commit, seed: int, approved: bool, *, half: bool) -> tuple[int, dict[int, tuple[str, ...]]]:
        """Execute a run of a commit, or half of it; its id, and the causes of each failing test."""
        body: dict[str, Any] = {"repository": "CCExtractor/ccextractor", "commit_sha": commit.sha, "platform": "linux", "branch": "master"}
        if commit.parent is not None:
            body["parent_sha"] = commit.parent.sha
        if commit.merge_base is not None:
            body |= {"pull_request": commit.pull_request, "merge_base_sha": commit.merge_base.sha}
        run_id = self.client.post("/api/v1/runs", json=body).json()["run_id"]
        ends, outputs, truth = [], [], {}
        for test, (sample, form) in list(self.tests.items())[:len(self.tests) // (2 if half else 1)]:
            seen = active([*commit.causes, FLAKY], sample, form)
            expected = [cause for cause in ("colours",) if approved and cause in active(["colours"], sample, form)]
            differs = seen != expected
            if failing := tuple(cause for cause in seen if cause not in expected):
                truth[test.regression_id] = failing
            ends.append({
                "test_id": run_id, "regression_test_id": test.regression_id, "runtime": 1000, "expected_rc": 0,
                "exit_code": -11 if "crash" in seen else 0})
            outputs.append({
                "test_id": run_id, "regression_test_id": test.regression_id, "regression_test_output_id": test.output_id, "expected": "",
                "got": self.store(self.output(sample, form, seen, seed)) if differs else None})
        with transaction() as current:
            current.execute(insert(ResultRow), ends)
            current.execute(insert(ResultFileRow), outputs)
            current.execute(insert(ProgressRow), [
                {"test_id": run_id, "status": phase.value, "timestamp": NOW, "message": ""} for phase in (Phase.TESTING, Phase.COMPLETED)])
        return run_id, truth

    def approve(self) -> None:
        """Make what came out without colours the baselines."""
        with transaction() as current:
            for test, (sample, form) in self.tests.items():
                if seen := active(["colours"], sample, form):
                    current.execute(update(RegressionOutputRow).where(RegressionOutputRow.id == test.output_id).values(
                        correct=self.store(self.output(sample, form, seen, 0))))

    def judge(self, commit: Commit, run_id: int, truth: dict[int, tuple[str, ...]], shas: dict[str, Commit]) -> None:
        """Ask as an agent does, and count what is right."""
        path = f"/api/v1/runs/{run_id}"
        whole = self.client.get(f"{path}/triage", params={"max_bytes": 262144}).json()
        short = self.client.get(f"{path}/triage", params={"max_bytes": 8192}).json()
        for failure in whole["failures"]:
            self._judge_failure(commit, failure, truth[failure["regression_id"]], shas)
        mine = {test for test, causes in truth.items() if commit.own & set(causes)}
        if mine:
            self.counts["red by its own commits"] += 1
            self.counts["none of its own in 8 KiB"] += not mine & {each["regression_id"] for each in short["failures"]}
        compared = self.client.get(f"{path}/compare")
        self.truths[run_id] = commit, truth
        if compared.status_code == 200:
            self._judge_fixed(commit, compared.json())

    def _judge_fixed(self, commit: Commit, compared: dict[str, Any]) -> None:
        for each in compared["fixed"]:
            _, before = self.truths[each["base_run_id"] or compared["base"]["run_id"]]
            gone = set(before[each["regression_id"]]) - commit.causes - {FLAKY}
            self.counts["fixed: right" if gone else "fixed: wrong, the code did not"] += 1

    def _judge_failure(self, commit: Commit, failure: dict[str, Any], causes: Sequence[str], shas: dict[str, Commit]) -> None:
        self.counts["claims"] += 1
        lasting = [cause for cause in causes if cause != FLAKY]
        truly, says = bool(commit.own & set(lasting)), failure["origin"]
        kind = "flaky, " if FLAKY in causes else ""
        answer = "no answer" if says == "unknown" else "right" if (says == "mine") == truly else "wrong"
        self.counts[f"{kind}is it mine: {answer}"] += 1
        if lasting and commit.parent is not None:
            guilty = {commit.introduced(cause) for cause in lasting}
            said = shas.get(failure["failing_since"]["commit_sha"])
            right = "right" if {said} == guilty else "one of several" if said in guilty else "wrong"
            self.counts[f"{kind}since which commit: {right}"] += 1


def audit(site: Site, samples: int) -> Counter[str]:
    """Fill a server with the history, and count what it says of each run."""
    (site.files / "TestResults").mkdir(parents=True, exist_ok=True)
    found = Audit(site, site.as_role(Role.ADMIN), {}, Counter(), {})
    for sample in range(samples):
        sample_id = add_sample()
        for form in FORMATS:
            baseline = found.store(found.output(sample, form, [], 0))
            test = add_regression_test(outputs=[Output(baseline=baseline)], sample_id=sample_id, categories=[f"category {sample % 5}"])
            found.tests[test] = (sample, form)
    shas: dict[str, Commit] = {}
    for seed, (place, commit) in enumerate(commits()):
        if place == APPROVED and commit.pull_request is None:
            found.approve()
        shas[commit.sha] = commit
        found.judge(commit, *found.run(commit, seed, place >= APPROVED, half=commit.name == HALF), shas)
    return found.counts


def main() -> None:
    """Print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=30)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    with opened(f"sqlite:///{folder / 'ci.db'}"):
        pass
    site = build_site(folder, folder / "ci.db")
    with site.client, site.app.flask.app_context():
        counts = audit(site, arguments.samples)
    print("| claim | tests or runs |\n|---|---|")
    for name, count in sorted(counts.items()):
        print(f"| {name} | {count} |")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
