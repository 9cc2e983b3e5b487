"""Workspaces: of their size, their user's alone, and gone when they are removed."""
from __future__ import annotations

import errno
import os
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.jobs.project.workspaces import WorkspaceFailure, Workspaces, can_mount_images, make_image
from tests.jobs.attempts import USER
from tests.parts import lacking, need

SIZE = 16 << 20


@pytest.fixture(params=[True, False], ids=["image", "folder"])
def workspaces(request: pytest.FixtureRequest, tmp_path: Path) -> Workspaces:
    if os.geteuid():
        lacking("only root gives folders to others")
    if request.param:
        need("mkfs.ext4")
    return Workspaces(tmp_path / "work", images=request.param)


def test_a_workspace_is_empty_and_its_users_alone(workspaces: Workspaces) -> None:
    workspace = workspaces.create("j1", SIZE, USER)
    found = workspace.folder.stat()
    names = os.listdir(workspace.folder)
    workspaces.remove("j1")

    assert names == []
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (USER, USER, 0o700)


def test_a_workspace_is_gone_when_it_is_removed_with_all_that_is_in_it(workspaces: Workspaces) -> None:
    workspace = workspaces.create("j1", SIZE, USER)
    (workspace.folder / "a" / "b").mkdir(parents=True)
    (workspace.folder / "a" / "link").symlink_to("/etc")
    (workspace.folder / "a").chmod(0)

    workspaces.remove("j1")
    workspaces.remove("j1")

    assert workspaces.names() == []
    assert not (workspaces.root / "j1").exists()
    assert Path("/etc/passwd").exists()


def test_workspaces_that_were_left_are_found(workspaces: Workspaces) -> None:
    for name in ("j2", "j1"):
        workspaces.create(name, SIZE, USER)

    names = workspaces.names()
    for name in names:
        workspaces.remove(name)

    assert names == ["j1", "j2"]


def test_the_same_workspace_is_not_made_twice(workspaces: Workspaces) -> None:
    workspaces.create("j1", SIZE, USER)

    with pytest.raises(WorkspaceFailure, match="File exists"):
        workspaces.create("j1", SIZE, USER)

    workspaces.remove("j1")


def test_an_image_holds_a_workspace_to_its_size_and_gives_no_rights(tmp_path: Path) -> None:
    if os.geteuid() or not can_mount_images(tmp_path / "work"):
        lacking("this host lets us mount no images")
    workspaces = Workspaces(tmp_path / "work")
    workspace = workspaces.create("j1", SIZE, USER)
    options = subprocess.run(["findmnt", "-no", "OPTIONS", workspace.disk], capture_output=True, text=True, check=True).stdout

    with pytest.raises(OSError, match="No space") as full:
        (workspace.folder / "big").write_bytes(bytes(SIZE + 1))
    workspaces.remove("j1")

    assert full.value.errno == errno.ENOSPC
    assert {"nosuid", "nodev"} <= set(options.strip().split(","))
    assert workspaces.guard.enforced
    assert not workspace.watched


def test_a_plain_folder_is_said_to_be_watched_only(tmp_path: Path) -> None:
    workspaces = Workspaces(tmp_path, images=False)

    assert workspaces.create("j1", SIZE, None).watched
    assert not workspaces.guard.enforced


def test_an_empty_file_system_that_many_make_at_once_is_whole(tmp_path: Path) -> None:
    need("mkfs.ext4")
    template = tmp_path / "template"

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: make_image(template, 16 << 20), range(8)))

    check = subprocess.run([need("e2fsck"), "-n", "-f", str(template)], capture_output=True, check=False)
    assert check.returncode == 0, check.stdout
    assert list(tmp_path.iterdir()) == [template]
