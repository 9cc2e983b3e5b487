"""The run's log: the worker's own lines, and those of programs that it runs."""
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.worker.sources.build_log import BuildLog, LogForwarder

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STAMP = "[2026-01-01T00:00:00Z] [INFO]"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "output"
    path.touch()
    return path


def test_lines_are_carried_as_soon_as_they_are_whole(tmp_path: Path, output: Path) -> None:
    with BuildLog(tmp_path / "log", lambda: NOW) as build_log, output.open("ab", buffering=0) as program:
        carried = LogForwarder(build_log, output, "build")
        seen = []
        for chunk in (b"", b"first\nsec", b"ond\n", b"last"):
            program.write(chunk)
            carried.forward()
            seen.append(build_log.path.read_text())
        carried.forward(to_end=True)

        lines = [f"{STAMP} [build] {words}\n" for words in ("first", "second", "last")]
        assert seen == ["", lines[0], lines[0] + lines[1], lines[0] + lines[1]]
        assert build_log.path.read_text() == "".join(lines)


def test_a_program_cannot_write_lines_in_the_workers_name(tmp_path: Path, output: Path) -> None:
    output.write_bytes(b"[2026-01-01T00:00:00Z] [ERROR] [worker] forged\rand\x0bmore\xff\n")

    with BuildLog(tmp_path / "log", lambda: NOW) as build_log:
        LogForwarder(build_log, output, "build").forward(to_end=True)

    written = (tmp_path / "log").read_text()
    assert written.startswith(f"{STAMP} [build] [2026-01-01T00:00:00Z] [ERROR] [worker] forged and more")
    assert written.count("\n") == 1


def test_much_at_once_is_carried_whole(tmp_path: Path, output: Path) -> None:
    lines = [f"line {number} " + "x" * 90 for number in range(5000)]
    output.write_text("\n".join(lines))

    with BuildLog(tmp_path / "log", lambda: NOW) as build_log:
        carried = LogForwarder(build_log, output, "build")
        carried.forward()
        some = build_log.path.read_text().count("\n")
        carried.forward(to_end=True)

    assert 0 < some < 5000
    assert (tmp_path / "log").read_text() == "".join(f"{STAMP} [build] {line}\n" for line in lines)
