"""How outputs are held against their baselines."""
from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from api.domain.runs.worker_suite import SuiteFile
from api.worker.output_comparison import compare_outputs

FILE = SuiteFile(3, "baseline.srt", "out.srt")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    work, baselines = tmp_path / "work", tmp_path / "baselines"
    work.mkdir()
    baselines.mkdir()
    return work, baselines


@pytest.mark.parametrize(("baseline", "matches"), [(b"same", True), (b"other", False), (b"", False), (None, False)])
def test_an_output_matches_its_baseline_only_to_the_byte(folders: tuple[Path, Path], baseline: bytes | None, matches: bool) -> None:
    work, baselines = folders
    (work / "out.srt").write_bytes(b"same")
    if baseline is not None:
        (baselines / "baseline.srt").write_bytes(baseline)

    produced = compare_outputs([FILE], work, baselines)

    assert [(each.output_id, each.matches) for each in produced] == [(3, matches)]


@pytest.mark.parametrize(("baseline", "matches"), [(b"", True), (b"\n", False), (None, False)])
def test_an_empty_output_is_an_output(folders: tuple[Path, Path], baseline: bytes | None, matches: bool) -> None:
    work, baselines = folders
    (work / "out.srt").touch()
    if baseline is not None:
        (baselines / "baseline.srt").write_bytes(baseline)

    produced = compare_outputs([FILE], work, baselines)

    assert [(each.sha256, each.matches) for each in produced] == [(sha256(b"").hexdigest(), matches)]


def test_an_output_that_no_baseline_is_named_for_matches_nothing(folders: tuple[Path, Path]) -> None:
    (folders[0] / "out.srt").write_bytes(b"same")

    produced = compare_outputs([SuiteFile(3, "", "out.srt")], *folders)

    assert [each.matches for each in produced] == [False]


def test_an_output_that_was_not_produced_is_not_mentioned(folders: tuple[Path, Path]) -> None:
    assert compare_outputs([FILE], *folders) == ()


def test_an_ignored_output_is_not_mentioned(folders: tuple[Path, Path]) -> None:
    (folders[0] / "out.srt").write_bytes(b"x")

    assert compare_outputs([SuiteFile(3, "baseline.srt", "out.srt", ignore=True)], *folders) == ()


def test_links_folders_and_pipes_are_no_outputs(folders: tuple[Path, Path]) -> None:
    work, baselines = folders
    (work / "link").symlink_to("/etc/hostname")
    (work / "folder").mkdir()
    os.mkfifo(work / "pipe")

    produced = compare_outputs([SuiteFile(n, "b", name) for n, name in enumerate(["link", "folder", "pipe"])], work, baselines)

    assert produced == ()
