"""What an executable is called, and where it may lie."""
from __future__ import annotations

import pytest

from api.domain.runs.executable import NoExecutable, candidates, program_name, require_names
from api.domain.runs.infrastructure_code import InfrastructureCode

MAIN = "CCExtractor/ccextractor"
COMMIT = "0123456789abcdef"


def test_the_main_repositorys_executable_may_lie_without_its_folder_too() -> None:
    own = f"windows/{COMMIT}/{program_name('windows')}"

    assert candidates("ccextractor/CCExtractor", COMMIT.upper(), "windows", main_repository=MAIN) == (f"ccextractor/CCExtractor/{own}", own)


def test_a_forks_executable_lies_in_its_folder_alone() -> None:
    assert candidates("ada/ccextractor", COMMIT, "linux", main_repository=MAIN) == (f"ada/ccextractor/linux/{COMMIT}/ccextractor",)


@pytest.mark.parametrize(("repository", "commit", "platform"), [
    ("../ccextractor", COMMIT, "linux"), ("ada/..", COMMIT, "linux"), ("ada", COMMIT, "linux"), ("a/b/c", COMMIT, "linux"),
    ("ada/x\n", COMMIT, "linux"), ("ada/" + "x" * 101, COMMIT, "linux"), ("ada/x", "../..", "linux"), ("ada/x", "abc", "linux"),
    ("ada/x", "a" * 65, "linux"), ("ada/x", "", "linux"), ("ada/x", COMMIT, "plan9"), ("ada/x", COMMIT, "../linux")])
def test_names_that_may_lead_elsewhere_are_refused(repository: str, commit: str, platform: str) -> None:
    with pytest.raises(NoExecutable) as refused:
        require_names(repository, commit, platform)

    assert refused.value.code is InfrastructureCode.REVISION_INVALID
    assert refused.value.reason == str(refused.value)
