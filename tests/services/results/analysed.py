"""Runs with outputs that are files, as the analyst finds them."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from api.diffs.channel import Contents
from api.diffs.pool import DiffPool
from api.domain.captions.facts import facts
from api.domain.causes.came import Facts
from api.domain.causes.run_analysis import AnalysisDue
from api.domain.runs.run import Phase, Platform
from api.domain.runs.trigger import RunRequest
from api.services.results.analysing import Analyst
from api.services.results.output_facts import FactFinder
from api.services.runs.platform_sync import catch_up
from api.storage.database import transact
from api.storage.files.archive import Archive
from api.storage.files.backends import LocalBackend
from api.storage.runs.new_runs import create_run
from tests.builders import (
    MAIN_REPOSITORY,
    NOW,
    BuiltTest,
    Output,
    add_event,
    add_regression_test,
    add_result_with_output,
    add_user,
    minutes,
)
from tests.storage.files.file_stores import SOON, link, now
from tests.storage.runs.requests import new_run

CUES = "".join(
    f"{number}\n00:00:{number:02},000 --> 00:00:{number:02},500\nline {number} of the sample {{sample}}\n\n" for number in range(1, 12))


def captions(sample: int, *, ends: str = "500") -> bytes:
    """A caption file of a sample, in which every cue ends at these milliseconds."""
    return CUES.replace(",500\n", f",{ends}\n").format(sample=sample).encode()


class OwnPool(DiffPool):
    """A pool that compares in this process; `asked` counts the pairs."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def facts_of_pairs(self, pairs: Sequence[Contents]) -> Sequence[Facts | None]:
        self.asked += len(pairs)
        return [facts(pair.expected, pair.actual, pair.code, whole=True) for pair in pairs]


def archive_of(folder: Path) -> Archive:
    """The files in a folder."""
    local = LocalBackend(folder, link)
    return Archive([local], clock=now, link_lifetime=SOON, send_on=lambda _: None)


def analyse_all(analyst: Analyst) -> list[AnalysisDue]:
    """Analyse all runs that wait; how urgently each did."""
    found = []
    while (due := analyst.analyse_next()) is not None:
        found.append(due)
    return found


@dataclass
class Scene:
    """A store of outputs, and tests whose baselines are in it."""

    folder: Path
    pool: OwnPool
    user_id: int
    tests: list[BuiltTest]

    @classmethod
    def made(cls, folder: Path, test_count: int = 4) -> Scene:
        """A scene of so many tests."""
        (folder / "TestResults").mkdir(parents=True, exist_ok=True)
        scene = cls(folder, OwnPool(), add_user(), [])
        scene.tests += [add_regression_test(outputs=[Output(scene.add(captions(number)))]) for number in range(test_count)]
        return scene

    @property
    def archive(self) -> Archive:
        return archive_of(self.folder)

    @property
    def analyst(self) -> Analyst:
        return Analyst(FactFinder(self.archive, self.pool), MAIN_REPOSITORY)

    def add(self, content: bytes) -> str:
        digest = sha256(content).hexdigest()
        (self.folder / "TestResults" / f"{digest}.srt").write_bytes(content)
        return digest

    def run(
        self, commit: str, parent: str | None = None, *, ends: Mapping[int, str] | None = None, at: int = 0,
        pull_request: int | None = None, platform: Platform = Platform.LINUX, merge_base: str | None = None,
        outputs: Mapping[int, bytes] | None = None,
    ) -> int:
        """A finished run of a commit, in which the cues of some tests, by their place, end at other milliseconds.

        `outputs` are of tests that come to something else altogether.
        """
        request = RunRequest(
            MAIN_REPOSITORY, commit * 40, platform, "master", pull_request=pull_request, parent_sha=parent and parent * 40,
            merge_base_sha=merge_base and merge_base * 40)
        wanted = new_run(
            [test.regression_id for test in self.tests], requester_id=self.user_id, created_at=minutes(at), request=request)
        run_id = transact(lambda: create_run(wanted))
        add_event(run_id, Phase.TESTING, at=minutes(at))
        for place, test in enumerate(self.tests):
            other = (ends or {}).get(place)
            got = None if other is None else self.add(captions(place, ends=other))
            got = self.add(outputs[place]) if outputs and place in outputs else got
            add_result_with_output(run_id, test, got=got, expected=self.add(captions(place)))
        add_event(run_id, Phase.COMPLETED, at=minutes(at + 1))
        catch_up(NOW)
        return run_id

    def analyse_all(self) -> list[AnalysisDue]:
        return analyse_all(self.analyst)
