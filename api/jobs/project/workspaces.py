"""Workspaces of jobs: each on a file system of its own with a fixed size, where the host allows it."""
from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from api.host.permissions import PRIVATE
from api.host.temporary_folder import remove
from api.sandbox.sandbox import Guard

log = logging.getLogger(__name__)

IMAGE = "workspace.img"
DISK, FOLDER, ENVIRONMENT = "disk", "workspace", "environment"
BYTES_PER_INODE = 8192
TIMEOUT = 60
MOUNT_OPTIONS = "loop,nosuid,nodev,noatime,noinit_itable,noauto_da_alloc,nobarrier"
FEATURES = "^has_journal,^resize_inode"
POLLED = Guard("workspace", False, "no file system of its own; the supervisor looks every second, so a job may for a moment use more")
ENFORCED = Guard("workspace", True, "a file system of its own size")


class WorkspaceFailure(Exception):
    """A workspace could not be made or removed; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace. `folder` is for the project, `environment` for what is installed for it; both are on `disk`.

    `watched`: the disk's size is only polled by the supervisor.
    """

    disk: Path
    watched: bool

    @property
    def folder(self) -> Path:
        """Where the project is unpacked."""
        return self.disk / FOLDER

    @property
    def environment(self) -> Path:
        """A place beside the project."""
        return self.disk / ENVIRONMENT


class Workspaces:
    """The workspaces of one host, each in a folder of its own below `root`, which is on the host's own disk.

    Without root's rights, or without loop devices, a workspace is a plain folder.
    """

    def __init__(self, root: Path, *, images: bool | None = None) -> None:
        self.root = root.absolute()
        self._images = can_mount_images(self.root) if images is None else images

    @property
    def guard(self) -> Guard:
        """How the size of a workspace is limited on this host."""
        return ENFORCED if self._images else POLLED

    def create(self, name: str, size: int, user_id: int | None) -> Workspace:
        """Make an empty workspace of `size` bytes that belongs to the user. Raises WorkspaceFailure."""
        place = self.root / name
        made = Workspace(place / DISK, watched=not self._images)
        try:
            PRIVATE.make_folder(self.root)
            made.disk.mkdir(parents=True)
            # No other user may enter; a sandbox mounts the folder itself.
            place.chmod(0o700)
            if self._images:
                self._mount(place / IMAGE, made.disk, size)
            for folder in (made.folder, made.environment):
                folder.mkdir()
                folder.chmod(0o700)
            if user_id is not None:
                for folder in (made.disk, made.folder, made.environment):
                    os.chown(folder, user_id, user_id)
        except WorkspaceFailure:
            self.remove(name)
            raise
        except OSError as fault:
            raise WorkspaceFailure(f"The workspace cannot be made: {fault.strerror}.") from fault
        return made

    def remove(self, name: str) -> None:
        """Remove a workspace with all that is in it; one that is not there is fine. Raises WorkspaceFailure while something uses it."""
        place = self.root / name
        while os.path.ismount(place / DISK):
            _run(["umount", str(place / DISK)])
        if place.exists():
            remove(place)

    def folder(self, name: str) -> Path:
        """Where the project is, whether or not it exists."""
        return Workspace(self.root / name / DISK, watched=False).folder

    def names(self) -> list[str]:
        """The workspaces that exist."""
        return sorted(place.name for place in self.root.glob("*") if (place / DISK).is_dir())

    def _mount(self, image: Path, folder: Path, size: int) -> None:
        make_image(self._template(size), size)
        # A sparse copy takes only as much disk as is written to it.
        _run(["cp", "--sparse=always", str(self._template(size)), str(image)])
        _run(["mount", "-t", "ext4", "-o", MOUNT_OPTIONS, str(image), str(folder)])
        shutil.rmtree(folder / "lost+found", ignore_errors=True)

    def _template(self, size: int) -> Path:
        return self.root / f".template-{size}.img"


def make_image(path: Path, size: int) -> None:
    """Make an empty file system in a file, in one step; nothing happens where it is there already."""
    if path.exists():
        return
    # Jobs are prepared in parallel, so each makes a file of its own and renames it.
    fresh = path.with_name(f"{path.name}.{uuid4().hex}")
    with os.fdopen(PRIVATE.open(fresh, os.O_WRONLY | os.O_EXCL), "wb") as file:
        file.truncate(size)
    _run([
        "mkfs.ext4", "-q", "-F", "-m", "0", "-i", str(BYTES_PER_INODE), "-O", FEATURES, "-E", "nodiscard,lazy_itable_init=1", str(fresh)])
    fresh.rename(path)


def can_mount_images(root: Path) -> bool:
    """Whether this host lets us mount an image, by trying."""
    if os.geteuid() or shutil.which("mkfs.ext4", path=_PATH) is None:
        return False
    self_check = Workspaces(root, images=True)
    name = f"trial-{os.getpid()}"
    try:
        self_check.create(name, 16 << 20, None)
        return True
    except WorkspaceFailure as failure:
        log.info("workspaces are plain folders here: %s", failure)
        return False
    finally:
        self_check.remove(name)


_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def _run(command: Sequence[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT, env={"PATH": _PATH, "LC_ALL": "C"})
    except subprocess.CalledProcessError as fault:
        words = fault.stderr.decode(errors="replace").strip().splitlines()
        raise WorkspaceFailure(f"{command[0]}: {words[-1] if words else fault.returncode}") from fault
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise WorkspaceFailure(f"{command[0]}: {fault}") from fault
