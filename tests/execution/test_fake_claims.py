"""The fake claims service does what the real one must."""
from __future__ import annotations

import pytest

from tests.execution.claims_suite import ClaimsSuite
from tests.execution.fake_claims import FakeClaims


class TestFakeClaims(ClaimsSuite):
    """The suite, over the fake."""

    @pytest.fixture
    def queue(self) -> FakeClaims:
        return FakeClaims()
