"""A bench for attempts of jobs in each sandbox."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.sandbox.sandbox import Sandbox
from tests.jobs.attempts import PYTHON, Bench
from tests.parts import need
from tests.sandbox.machine_sandboxes import bubblewrap, cluster, container, kubernetes, sandbox

__all__ = ["bench", "bubblewrap", "cluster", "container", "kubernetes", "sandbox"]


@pytest.fixture
def bench(sandbox: Sandbox, tmp_path: Path) -> Iterator[Bench]:
    need(PYTHON)
    made = Bench(sandbox, tmp_path)
    yield made
    made.clear()
