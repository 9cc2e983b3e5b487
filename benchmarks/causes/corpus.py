"""A labelled history, in memory: runs of commits with known causes, what each test came to, and the truth about it.

A corpus is a folder with `media.json`, `causes.py` (`tests_of`, `produce`, `CAUSES`) and `history.py` (`MAIN`, `PARENT`, `C`, `PRS`,
`ORDER`, `sha`).
"""
from __future__ import annotations

import importlib
import json
import random
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from api.domain.results.exit_code import signed_32_bits
from benchmarks.causes.invented import FLAKY, Extractor, History

EXTENSIONS = {
    "srt": ".srt", "vtt": ".vtt", "ttxt": ".txt", "smptett": ".ttml", "sami": ".smi", "ass": ".ass", "txt": ".txt", "bin": ".bin",
    "ucla": ".txt"}
APPROVED = "colour-lost"


@dataclass(frozen=True)
class Came:
    """What a test came to in a run, and the causes of that: those without which it would have come to something else.

    Where not `is_told`, these are not the truth.
    """

    digest: str | None
    exit_code: int
    causes: tuple[str, ...]
    is_told: bool = True


@dataclass
class Run:
    """A run of the history: `own` are the causes of its commit, or of its pull request."""

    run_id: int
    commit: str
    platform: str
    what: str
    pull_request: int | None
    causes: tuple[str, ...]
    own: frozenset[str]
    baselines: dict[int, str]
    tests: dict[int, Came] = field(default_factory=dict)


class Corpus:
    """The tests of a corpus by their ids, the contents of all files by their hashes, and its runs in their order."""

    def __init__(self, causes: Any, history: Any, tests: Sequence[dict[str, Any]]) -> None:
        self.causes, self.history = causes, history
        self.tests: dict[int, dict[str, Any]] = dict(enumerate(tests, 1))
        self.samples = {name: number for number, name in enumerate(dict.fromkeys(test["sample"] for test in tests), 1)}
        self.contents: dict[str, bytes] = {}
        self._outputs: dict[Any, tuple[str | None, int]] = {}

    @classmethod
    def read(cls, folder: Path) -> Corpus:
        """The corpus in a folder."""
        sys.path.insert(0, str(folder))
        causes, history = importlib.import_module("causes"), importlib.import_module("history")
        sys.path.remove(str(folder))
        return cls(causes, history, causes.tests_of(json.loads((folder / "media.json").read_text())))

    @classmethod
    def invented(cls, seed: int) -> Corpus:
        """A corpus that is made up."""
        chance = random.Random(seed)
        extractor = Extractor(chance)
        return cls(extractor, History(chance, [each for each in extractor.CAUSES if each != FLAKY]), extractor.tests_of())

    def extension(self, test: dict[str, Any]) -> str:
        """The extension of a test's output."""
        return EXTENSIONS.get(test["fmt"], f".{test['fmt']}")

    def never_the_same(self, runs: Iterable[Run]) -> set[int]:
        """The tests that are not the same each time, and showed it in one of these runs."""
        return {
            number for run in runs for number, came in run.tests.items() if FLAKY in came.causes and self.tests[number]["flaky"]}

    def introduced(self, cause: str, commit: str) -> str:
        """The commit that brought a cause in, on the way back from one that has it."""
        for ancestor in self.ancestors(commit):
            if cause not in self.history.C[ancestor]:
                break
            commit = ancestor
        return commit

    def ancestors(self, commit: str) -> Iterator[str]:
        """The ancestors of a commit, nearest first."""
        while commit in self.history.PARENT:
            commit = self.history.PARENT[commit]
            yield commit

    def runs(self) -> Iterator[Run]:
        """The runs one after the other; baselines are as they were when each was made."""
        of_requests = {commit: number for number, (_, commits) in self.history.PRS.items() for commit, _ in commits}
        baselines = {
            number: str(self._output(number, (), "linux", 0)[0]) for number in self.tests}
        approved: dict[int, str] = {}
        done: list[Run] = []
        for seed, (commit, platform, what) in enumerate(self.history.ORDER):
            if commit == "APPROVE":
                cause = APPROVED if what == "ok" else what
                newest = [run for run in done if run.platform == platform and run.pull_request is None][-1]
                now = [
                    number for number, came in newest.tests.items()
                    if came.causes == (cause,) and number not in approved and self._output(number, (cause,), "linux", 0)[0] is not None]
                approved |= dict.fromkeys(now, cause)
                baselines |= {number: str(self._output(number, (cause,), "linux", 0)[0]) for number in now}
                continue
            causes = tuple(self.history.C[commit])
            number = of_requests.get(commit)
            base = self.history.PRS[number][0] if number is not None else self.history.PARENT.get(commit)
            own = frozenset(causes) - frozenset(self.history.C[base]) if base is not None else frozenset()
            run = Run(len(done) + 1, commit, platform, what, number, causes, own, dict(baselines))
            count = {"ok": len(self.tests), "infra": 0}.get(what, len(self.tests) * 6 // 10)
            for test in list(self.tests)[:count]:
                run.tests[test] = self._came(run, test, seed, approved)
            done.append(run)
            yield run

    def _came(self, run: Run, number: int, seed: int, approved: Mapping[int, str]) -> Came:
        test = self.tests[number]
        causes = run.causes + ((FLAKY,) if test["flaky"] else ())
        digest, code = self._output(number, causes, run.platform, seed)
        if (digest, code) == (run.baselines[number], signed_32_bits(test["rc"])):
            return Came(digest, code, ())
        active = tuple(
            cause for cause in causes
            if self._output(number, tuple(each for each in causes if each != cause), run.platform, seed) != (digest, code))
        if number in approved:
            # Of a commit that lacks what was approved, no cause is to blame.
            return Came(digest, code, tuple(cause for cause in active if cause != approved[number]), approved[number] in causes)
        # Where each cause hides the other, none can be told.
        return Came(digest, code, active or causes, bool(active))

    def _output(self, number: int, causes: tuple[str, ...], platform: str, seed: int) -> tuple[str | None, int]:
        test = self.tests[number]
        context = {"platform": platform, "seed": seed}
        active = tuple(cause for cause in causes if self.causes.CAUSES[cause]["on"](test, context))
        key = number, active, platform, seed if FLAKY in active else 0
        if key not in self._outputs:
            content, code, _, _ = self.causes.produce(test, list(active), context)
            digest = None
            if content is not None:
                digest = sha256(content).hexdigest()
                self.contents[digest] = content
            self._outputs[key] = digest, signed_32_bits(code)
        return self._outputs[key]
