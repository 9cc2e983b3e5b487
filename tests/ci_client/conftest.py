"""What all tests of the client begin with."""
from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_kept_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tokens of whoever runs the tests have no part in them."""
    monkeypatch.setenv("CI_CREDENTIALS", str(tmp_path / "no-credentials.json"))
