"""The fake claims service does what the real one must."""
from __future__ import annotations

from pathlib import Path

import pytest

from tests.worker.fake_run_source import FakeRunSource
from tests.worker.run_source_suite import ClaimsSuite


class TestFakeClaims(ClaimsSuite):
    """The suite, over the fake."""

    @pytest.fixture
    def queue(self, tmp_path: Path) -> FakeRunSource:
        return FakeRunSource(tmp_path)
