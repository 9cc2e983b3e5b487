"""Programs, a store, a server and sandboxes for the worker's tests."""
from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.domain.runs.worker_suite import SuiteFile, SuiteTest, suite_files
from api.worker.options import Folders
from api.worker.run_source import ClaimedRun
from tests.sandbox.machine_sandboxes import bubblewrap, container, sandbox
from tests.worker.stand_in import StandIn

__all__ = ["bubblewrap", "container", "sandbox"]

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "CCExtractor/ccextractor"
TOKEN = "T" * 64

MakeProgram = Callable[[str], Path]


@dataclass(frozen=True)
class Store:
    """A file store with the executables folder and the temporary folder beside it."""

    folders: Folders

    def sample(self, content: bytes, extension: str = ".ts") -> str:
        """Keep a sample; return its name."""
        return _renew_until_done(self.folders.samples, content, extension)

    def baseline(self, content: bytes, extension: str = ".srt") -> str:
        """Keep a baseline; return its name."""
        return _renew_until_done(self.folders.baselines, content, extension)

    def suite(self, run_id: int, tests: Sequence[SuiteTest]) -> None:
        """Write a run's suite."""
        folder = self.folders.suite("linux", run_id)
        folder.mkdir(parents=True)
        for name, content in suite_files(tests).items():
            (folder / name).write_bytes(content)

    def executable(self, program: Path) -> None:
        """Make a program the executable of the commit that the tests use."""
        place = self.folders.executables / REPOSITORY / "linux" / COMMIT / "ccextractor"
        place.parent.mkdir(parents=True)
        program.rename(place)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    folders = Folders.of_store(tmp_path / "store", executables=tmp_path / "executables", temporary=tmp_path / "temporary")
    for folder in (folders.samples, folders.baselines, folders.suites, folders.executables, folders.temporary):
        folder.mkdir(parents=True)
    return Store(folders)


@pytest.fixture
def make_program(tmp_path: Path) -> MakeProgram:
    def make(body: str) -> Path:
        path = tmp_path / f"program-{hashlib.sha256(body.encode()).hexdigest()[:12]}"
        path.write_text(f"#!{sys.executable} -IS\nimport os, signal, sys, time\n{body}\n")
        path.chmod(0o755)
        return path
    return make


@pytest.fixture
def server() -> Iterator[StandIn]:
    stand_in = StandIn()
    stand_in.start()
    yield stand_in
    stand_in.stop()


def a_claim(run_id: int = 7) -> ClaimedRun:
    """A run of the main repository at the commit that the tests use."""
    return ClaimedRun(run_id, TOKEN, f"lease-{run_id}", "linux", REPOSITORY, COMMIT)


def a_test(
    regression_id: int = 1, *, command: str = "--out=srt", input_file: str = "sample.ts", output_type: str = "file",
    input_type: str = "file", files: tuple[SuiteFile, ...] = (SuiteFile(11, "baseline.srt", "out.srt"),), category: str = "DVB",
) -> SuiteTest:
    """A regression test with the outputs given."""
    return SuiteTest(regression_id, category, command, input_type, input_file, output_type, files)


def _renew_until_done(folder: Path, content: bytes, extension: str) -> str:
    name = hashlib.sha256(content).hexdigest() + extension
    (folder / name).write_bytes(content)
    return name
