"""How outputs are held against their baselines."""
from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from api.domain.runs.worker_suite import SuiteFile
from api.worker.output_comparison import compare_outputs


def a_file(baseline: bytes | None) -> SuiteFile:
    return SuiteFile(3, None if baseline is None else sha256(baseline).hexdigest(), "out.srt")


@pytest.mark.parametrize(("baseline", "matches"), [(b"same", True), (b"other", False), (b"", False), (None, False)])
def test_an_output_matches_its_baseline_only_to_the_byte(tmp_path: Path, baseline: bytes | None, matches: bool) -> None:
    (tmp_path / "out.srt").write_bytes(b"same")

    produced = compare_outputs([a_file(baseline)], tmp_path)

    assert [(each.output_id, each.matches) for each in produced] == [(3, matches)]


@pytest.mark.parametrize(("baseline", "matches"), [(b"", True), (b"\n", False), (None, False)])
def test_an_empty_output_is_an_output(tmp_path: Path, baseline: bytes | None, matches: bool) -> None:
    (tmp_path / "out.srt").touch()

    produced = compare_outputs([a_file(baseline)], tmp_path)

    assert [(each.sha256, each.matches) for each in produced] == [(sha256(b"").hexdigest(), matches)]


def test_an_output_that_was_not_produced_is_not_mentioned(tmp_path: Path) -> None:
    assert compare_outputs([a_file(b"same")], tmp_path) == ()


def test_an_ignored_output_is_not_mentioned(tmp_path: Path) -> None:
    (tmp_path / "out.srt").write_bytes(b"x")

    assert compare_outputs([SuiteFile(3, None, "out.srt", ignored=True)], tmp_path) == ()


def test_links_folders_and_pipes_are_no_outputs(tmp_path: Path) -> None:
    work = tmp_path
    (work / "link").symlink_to("/etc/hostname")
    (work / "folder").mkdir()
    os.mkfifo(work / "pipe")

    produced = compare_outputs([SuiteFile(n, None, name) for n, name in enumerate(["link", "folder", "pipe"])], work)

    assert produced == ()
