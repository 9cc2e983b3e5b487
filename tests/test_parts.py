"""A missing part of the machine skips a test, or fails it where nothing may be skipped."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.parts import NO_SKIP, need


def test_a_program_that_is_there_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Path(sys.executable)
    monkeypatch.setenv("PATH", str(program.parent))

    assert need(program.name) == str(program)


def test_a_missing_program_skips_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NO_SKIP, raising=False)

    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
        need("no-such-program")


def test_a_missing_program_fails_where_nothing_may_be_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NO_SKIP, "1")

    with pytest.raises(pytest.fail.Exception, match="no-such-program is not installed"):
        need("no-such-program")
