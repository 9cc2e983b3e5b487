"""A repository of origin, a fork, and a checkout of them."""
from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

from api.worker.cancellation import Cancellation
from api.worker.run_source import ClaimedRun
from api.worker.sources.build_log import BuildLog
from api.worker.sources.checkout import Checkout
from api.worker.sources.git import GitOptions
from api.worker.sources.source import FetchRequest
from tests.worker.inputs import REPOSITORY

FORK = "ada/ccextractor"
FILES: dict[str, str | bytes] = {"a.txt": "one\ntwo\nthree\n", "sub/b.txt": "b\n"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Desk:
    """Checks out as a worker does, run after run on the same host."""

    def __init__(self, folder: Path) -> None:
        self.origins, self.mirrors = folder / "origins", folder / "mirrors"
        self.options = GitOptions(f"file://{self.origins}", self.mirrors, seconds=120)
        self.told: list[str] = []
        self.merge_base: str | None = None
        self.stopped = threading.Event()
        self._folder, self._count = folder, 0

    def check_out(
        self, commit: str, repository: str = REPOSITORY, *, branch: str | None = "master", pull_request: int | None = None, base: str = "",
    ) -> Path:
        """The folder with the commit's files."""
        self._count += 1
        folder = self._folder / f"run-{self._count}"
        source = folder / "source"
        source.mkdir(parents=True)
        claimed = ClaimedRun(self._count, "lease", "linux", repository, commit, branch, pull_request)
        with BuildLog(folder / "build.log", lambda: NOW) as build_log:
            request = FetchRequest(claimed, folder, build_log, Cancellation(self.stopped), self.told.append)
            Checkout(self.options, REPOSITORY, base).check_out(request, source)
            self.merge_base = request.build.merge_base
        assert not (folder / "git").exists()
        return source

    @property
    def log(self) -> str:
        """The log of the last run."""
        return (self._folder / f"run-{self._count}" / "build.log").read_text()

    def is_shallow(self) -> bool:
        """Whether the only repository that is kept has no history."""
        place, = self.mirrors.glob("*.git")
        return (place / "shallow").exists()


def changed(**files: str) -> dict[str, str | bytes]:
    """The files, some of them changed; dots stand as underscores in the names given."""
    return {**FILES, **{name.replace("_", "."): content for name, content in files.items()}}
