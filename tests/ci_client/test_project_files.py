"""Which files of a folder are submitted."""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ci_client.errors import CiError
from ci_client.project_files import project_files
from tests.ci_client.projects import git, make_project, make_work_tree

Make = Callable[..., Path]
both_kinds = pytest.mark.parametrize("make", [make_project, make_work_tree], ids=["folder", "work tree"])


def listed(folder: Path) -> list[str]:
    return [str(path) for path in project_files(folder, lambda text: None)]


def warned(folder: Path) -> list[str]:
    warnings: list[str] = []
    project_files(folder, warnings.append)
    return warnings


@both_kinds
def test_a_projects_files_are_listed_in_order(make: Make, tmp_path: Path) -> None:
    make(tmp_path, {"b.py": "", "a/z.py": "", "a/b/c.py": "", "a.py": "", ".coveragerc": ""})

    assert listed(tmp_path) == [".coveragerc", "a.py", "a/b/c.py", "a/z.py", "b.py"]


@both_kinds
def test_what_is_ignored_is_left_out(make: Make, tmp_path: Path) -> None:
    make(tmp_path, {".gitignore": "*.log\nbuild/\n!kept.log\n/only_here.txt\n", "a.py": "", "a.log": "", "kept.log": "", "build/a.py": "",
                    "only_here.txt": "", "sub/only_here.txt": "", "sub/build/x.py": ""})

    assert listed(tmp_path) == [".gitignore", "a.py", "kept.log", "sub/only_here.txt"]


@both_kinds
def test_a_folders_own_rules_go_before_those_above(make: Make, tmp_path: Path) -> None:
    make(tmp_path, {".gitignore": "*.txt\n", "a.txt": "", "sub/.gitignore": "!a.txt\nb.py\n", "sub/a.txt": "", "sub/b.py": "", "b.py": ""})

    assert listed(tmp_path) == [".gitignore", "b.py", "sub/.gitignore", "sub/a.txt"]


@both_kinds
def test_version_control_itself_is_never_sent(make: Make, tmp_path: Path) -> None:
    make(tmp_path, {"a.py": "", ".hg/store": "", "sub/.svn/entries": ""})
    (tmp_path / ".git").mkdir(exist_ok=True)

    assert listed(tmp_path) == ["a.py"]


@both_kinds
def test_links_are_left_out_and_said(make: Make, tmp_path: Path) -> None:
    make(tmp_path, {"a.py": "", "sub/b.py": ""})
    (tmp_path / "secret.py").symlink_to("/etc/passwd")
    (tmp_path / "again").symlink_to("sub", target_is_directory=True)

    assert listed(tmp_path) == ["a.py", "sub/b.py"]
    assert warned(tmp_path) == [f"{name} is left out: it is a link or no ordinary file." for name in ("again", "secret.py")]


@both_kinds
def test_names_are_taken_as_they_are(make: Make, tmp_path: Path) -> None:
    make(tmp_path, {"größe 1.py": "", "a\nb.py": "", "-n": ""})

    assert listed(tmp_path) == ["-n", "a\nb.py", "größe 1.py"]


@pytest.mark.parametrize("with_git", [True, False])
def test_a_folder_that_is_ignored_as_a_whole_is_a_project_by_its_own_rules(
    with_git: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_work_tree(tmp_path, {
        ".gitignore": "/instance/\n*.txt\n", "a.py": "", "instance/demo/project/.gitignore": "*.log\n", "instance/demo/project/b.py": "",
        "instance/demo/project/c.txt": "", "instance/demo/project/d.log": ""})
    if not with_git:
        monkeypatch.setenv("PATH", str(tmp_path))

    assert listed(tmp_path / "instance/demo/project") == [".gitignore", "b.py", "c.txt"]


@both_kinds
def test_a_folder_of_ignored_files_alone_is_nothing_to_submit(make: Make, tmp_path: Path) -> None:
    make_project(tmp_path, {"sub/a.log": ""})
    make(tmp_path, {".gitignore": "*\n"} if make is make_project else {"b.py": "", ".gitignore": "*.log\n"})

    with pytest.raises(CiError, match="nothing to submit"):
        listed(tmp_path if make is make_project else tmp_path / "sub")


def test_an_empty_folder_is_nothing_to_submit(tmp_path: Path) -> None:
    with pytest.raises(CiError, match="nothing to submit"):
        listed(tmp_path)


def test_a_file_is_no_project(tmp_path: Path) -> None:
    (tmp_path / "a.py").touch()

    with pytest.raises(CiError, match="is not a folder"):
        listed(tmp_path / "a.py")


def test_without_git_what_python_makes_and_secrets_are_left_out_unless_a_rule_says_otherwise(tmp_path: Path) -> None:
    make_project(tmp_path, {"a.py": "", "__pycache__/a.pyc": "", ".venv/bin/python": "", ".env": ""})
    make_project(tmp_path, {"sub/.env": "", "sub/.gitignore": "!.env\n"})

    assert listed(tmp_path) == ["a.py", "sub/.env", "sub/.gitignore"]


def test_in_a_work_tree_new_files_are_sent_and_deleted_ones_are_not(tmp_path: Path) -> None:
    make_work_tree(tmp_path, {"old.py": "", "gone.py": ""})
    (tmp_path / "gone.py").unlink()
    (tmp_path / "new.py").touch()

    assert listed(tmp_path) == ["new.py", "old.py"]


def test_what_is_tracked_is_sent_even_if_it_is_ignored(tmp_path: Path) -> None:
    make_work_tree(tmp_path, {"a.log": ""})
    make_project(tmp_path, {".gitignore": "*.log\n", "b.log": ""})

    assert listed(tmp_path) == [".gitignore", "a.log"]


def test_a_folder_within_a_work_tree_is_a_project_under_the_rules_above(tmp_path: Path) -> None:
    make_work_tree(tmp_path, {".gitignore": "*.log\n/sub/out/\n", "a.py": "", "sub/b.py": "", "sub/c.log": "", "sub/out/d.py": ""})

    assert listed(tmp_path / "sub") == ["b.py"]


def test_without_git_the_rules_above_count_up_to_the_work_trees_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(tmp_path, {".gitignore": "*.py\n"})
    make_work_tree(tmp_path / "top", {".gitignore": "*.log\n", "sub/b.py": "", "sub/c.log": ""})
    monkeypatch.setenv("PATH", str(tmp_path))

    assert listed(tmp_path / "top/sub") == ["b.py"]


def test_repositories_within_the_repository_are_sent_by_their_own_rules(tmp_path: Path) -> None:
    make_work_tree(tmp_path / "library", {".gitignore": "*.log\n", "lib.py": "", "lib.log": ""})
    make_work_tree(tmp_path / "project", {"a.py": ""})
    git(tmp_path / "project", "submodule", "--quiet", "add", str(tmp_path / "library"), "submodule")
    make_work_tree(tmp_path / "project/untracked", {".gitignore": "*.log\n", "x.py": "", "x.log": ""})

    assert listed(tmp_path / "project") == [
        ".gitmodules", "a.py", "submodule/.gitignore", "submodule/lib.py", "untracked/.gitignore", "untracked/x.py"]


def test_a_submodule_that_is_not_checked_out_is_said(tmp_path: Path) -> None:
    make_work_tree(tmp_path / "library", {"lib.py": ""})
    make_work_tree(tmp_path / "project", {"a.py": ""})
    git(tmp_path / "project", "submodule", "--quiet", "add", str(tmp_path / "library"), "submodule")
    git(tmp_path / "project", "submodule", "--quiet", "deinit", "--force", "submodule")

    assert warned(tmp_path / "project") == ["submodule is left out: it is a submodule that is not checked out."]


def test_a_hook_of_another_repository_does_not_lead_git_astray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_work_tree(tmp_path / "other", {"other.py": ""})
    make_work_tree(tmp_path / "project", {"a.py": ""})
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other/.git/index"))

    assert listed(tmp_path / "project") == ["a.py"]


def test_a_pipe_is_left_out(tmp_path: Path) -> None:
    make_project(tmp_path, {"a.py": ""})
    os.mkfifo(tmp_path / "pipe")

    assert listed(tmp_path) == ["a.py"]
