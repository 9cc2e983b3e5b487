"""A command line in the hands of a test."""
from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.cli import main


@dataclass(frozen=True)
class Said:
    """What a command wrote, and how it ended."""

    status: int
    output: str
    errors: str


Call = Callable[..., Said]


@pytest.fixture
def bare_call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls a command in an environment without settings, but for those that are given; `typed` is its standard input."""
    for name in [name for name in os.environ if name.startswith("CI_") or name == "SAMPLE_REPOSITORY"]:
        monkeypatch.delenv(name)

    def call(*words: str, typed: str = "", **variables: str) -> Said:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        try:
            status = main(words)
        except SystemExit as left:
            # This is how the parser ends: after its help, or where it was called wrongly.
            status = int(left.code or 0)
        return Said(status, *capsys.readouterr())

    return call


@pytest.fixture
def call(bare_call: Call, sqlite_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls a command on a migrated, empty database."""
    monkeypatch.setenv("CI_DATABASE_URL", f"sqlite:///{sqlite_path}")
    monkeypatch.setenv("SAMPLE_REPOSITORY", str(tmp_path / "files"))
    return bare_call
