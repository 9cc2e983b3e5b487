"""Programs, a store, a server and sandboxes for the worker's tests."""
from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.worker.options import WorkerOptions
from api.worker.patience import Retries
from api.worker.programs.execution import Limits
from api.worker.sources.source import FolderSource
from tests.sandbox.machine_sandboxes import bubblewrap, container, sandbox
from tests.worker.fake_run_source import FakeRunSource
from tests.worker.inputs import EXTRACTOR, MakeProgram, Store

__all__ = ["bubblewrap", "container", "sandbox"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store", tmp_path / "temporary")
    for folder in (made.folder, made.temporary):
        folder.mkdir()
    return made


@pytest.fixture
def make_program(tmp_path: Path) -> MakeProgram:
    def make(body: str) -> Path:
        path = tmp_path / f"program-{hashlib.sha256(body.encode()).hexdigest()[:12]}"
        path.write_text(f"#!{sys.executable} -IS\nimport os, signal, sys, time\n{body}\n")
        path.chmod(0o755)
        return path
    return make


@pytest.fixture
def options(store: Store, run_source: FakeRunSource) -> WorkerOptions:
    return WorkerOptions(
        name="tester", temporary=store.temporary, trusted=True, sources=(FolderSource(run_source),),
        limits=Limits(seconds=60), retries=Retries(timeout=30, first_pause=0.02, max_pause=0.1), poll_seconds=0.02, renew_seconds=0.02,
        stop_timeout=1)


@pytest.fixture
def run_source(store: Store) -> FakeRunSource:
    return FakeRunSource(store.folder)


@pytest.fixture
def extractor(store: Store, make_program: MakeProgram) -> None:
    store.executable(make_program(EXTRACTOR))


@pytest.fixture
def nothing_is_left_behind(store: Store) -> Iterator[None]:
    """No message and no test leaves a file in the temporary folder."""
    yield
    assert list(store.temporary.iterdir()) == []
