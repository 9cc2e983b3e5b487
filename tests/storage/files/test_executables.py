"""Where an executable is found, and where it is not looked for."""
from __future__ import annotations

from pathlib import Path

import pytest

from api.domain.runs.executable import NoExecutable
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.storage.files.executables import find_executable

MAIN = "CCExtractor/ccextractor"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def put(folder: Path, place: str, mode: int = 0o755) -> Path:
    path = folder / place
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def find(folder: Path, repository: str = MAIN, commit: str = COMMIT, platform: str = "linux") -> Path:
    return find_executable(folder, repository, commit, platform, main_repository=MAIN)


def test_it_lies_under_repository_platform_and_commit(tmp_path: Path) -> None:
    path = put(tmp_path, f"someone/ccextractor/linux/{COMMIT}/ccextractor")

    assert find(tmp_path, "someone/ccextractor", COMMIT.upper()) == path


def test_the_main_repository_needs_no_folder_of_its_own(tmp_path: Path) -> None:
    path = put(tmp_path, f"windows/{COMMIT}/ccextractorwinfull.exe")

    assert find(tmp_path, platform="windows") == path


def test_a_fork_never_gets_the_main_repositorys_executable(tmp_path: Path) -> None:
    put(tmp_path, f"linux/{COMMIT}/ccextractor")

    with pytest.raises(NoExecutable, match=rf" put it at someone/ccextractor/linux/{COMMIT}/ccextractor") as caught:
        find(tmp_path, "someone/ccextractor")

    assert caught.value.code is InfrastructureCode.EXECUTABLE_MISSING
    assert str(tmp_path) not in caught.value.reason


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    outside = put(tmp_path, "outside/program")
    folder = tmp_path / "executables"
    place = folder / "linux" / COMMIT / "ccextractor"
    place.parent.mkdir(parents=True)
    place.symlink_to(outside)

    with pytest.raises(NoExecutable, match="leads out") as caught:
        find(folder)

    assert caught.value.code is InfrastructureCode.EXECUTABLE_NOT_ALLOWED


def test_a_file_without_the_right_to_be_executed_is_told(tmp_path: Path) -> None:
    put(tmp_path, f"linux/{COMMIT}/ccextractor", 0o644)

    with pytest.raises(NoExecutable, match="The file at linux/.* cannot be executed") as caught:
        find(tmp_path)

    assert caught.value.code is InfrastructureCode.EXECUTABLE_INVALID


@pytest.mark.parametrize(("repository", "commit", "platform"), [
    ("../..", COMMIT, "linux"), ("a/..", COMMIT, "linux"), ("a/b/c", COMMIT, "linux"), ("a", COMMIT, "linux"),
    ("a/b\n", COMMIT, "linux"),
    (MAIN, "../../etc", "linux"), (MAIN, "", "linux"), (MAIN, COMMIT + "\n", "linux"), (MAIN, COMMIT, "../linux"),
])
def test_hostile_names_are_an_error_of_the_checkout(tmp_path: Path, repository: str, commit: str, platform: str) -> None:
    with pytest.raises(NoExecutable) as caught:
        find(tmp_path, repository, commit, platform)

    assert caught.value.code is InfrastructureCode.REVISION_INVALID


def test_what_windows_executes_needs_no_permission_for_that_here(tmp_path: Path) -> None:
    path = put(tmp_path, f"windows/{COMMIT}/ccextractorwinfull.exe", 0o644)

    assert find(tmp_path, platform="windows") == path
