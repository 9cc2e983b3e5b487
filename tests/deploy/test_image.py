"""The image, built and run by Podman: server and machine come from it, and nothing of how it was built is left."""
from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.e2e.installation import Installation
from tests.e2e.processes import TIMEOUT, eventually
from tests.parts import lacking, need

# A base that this machine has, where Docker's registry is out of reach, such as one that debootstrap made.
BASE = "CI_TEST_IMAGE_BASE"
DEFAULT_BASE = re.compile(r"^ARG BASE=(\S+)$", re.MULTILINE)
USER = 10001
# Podman's own limits may be higher than this host's.
LIMITS = ("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")
# What the sandbox of a machine needs of the engine, as deploy/compose.yaml says.
FOR_THE_SANDBOX = ("--security-opt=seccomp=unconfined", "--security-opt=unmask=ALL", "--cap-drop=ALL")
LEFT_OVER = "command -v gcc cc make pip pip3; find / -xdev '(' -name pip -o -name setuptools -o -name '*.deb' ')' -path '*/*' -print"


def podman(*words: str, timeout: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
    """What Podman says; no service manager is needed."""
    command = (need("podman"), "--cgroup-manager=cgroupfs", "--events-backend=file", *words)
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout, cwd=ROOT)


def done(*words: str) -> str:
    """The same, where it must succeed."""
    said = podman(*words, timeout=10 * TIMEOUT)
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """The image, for as long as these tests last."""
    if os.geteuid():
        lacking("only root can run this engine")
    [usual] = DEFAULT_BASE.findall((ROOT / "deploy/Dockerfile").read_text())
    base = os.environ.get(BASE, usual)
    if podman("image", "exists", base).returncode and podman("pull", "--quiet", base).returncode:
        lacking(f"the base image {base} cannot be fetched; {BASE} may name another")
    name = f"localhost/ci-api-tests:{os.getpid()}"
    done("build", "--format=docker", "--network=host", f"--build-arg=BASE={base}", f"--tag={name}", "--file=deploy/Dockerfile", ".")
    yield name
    podman("rmi", "--force", name)


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """Files and a database for the image's own user."""
    (tmp_path / "files").mkdir()
    (tmp_path / "token").mkdir()
    return Installation(tmp_path, f"sqlite:///{tmp_path}/files/ci.db")


def hand_over(folder: Path) -> None:
    """Make everything the image's own user's."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER)


@contextmanager
def running(image: str, name: str, *options: str, command: tuple[str, ...] = ()) -> Iterator[str]:
    """A container for as long as the context lasts; its name."""
    done("run", "--detach", f"--name={name}", *LIMITS, "--health-interval=disable", *options, image, *command)
    try:
        yield name
    finally:
        podman("rm", "--force", "--time=5", name)


def places(folder: Path) -> tuple[str, ...]:
    """What the server's containers see: the file store with the database, executables, the machine's token."""
    binds = {"files": "/srv/ci/files", "executables": "/srv/ci/executables", "token": "/run/ci-machine"}
    return (*(f"--volume={folder / name}:{place}" for name, place in binds.items()), "--env=CI_DATABASE_URL=sqlite:////srv/ci/files/ci.db")


@pytest.mark.verify
def test_the_image_has_a_user_of_its_own_and_nothing_that_built_it(image: str) -> None:
    inside = ("run", "--rm", *LIMITS, "--network=none", "--no-healthcheck", "--entrypoint=sh", image, "-c")

    assert done(*inside, "id -u").strip() == str(USER)
    assert podman(*inside, LEFT_OVER).stdout == ""
    assert done("image", "inspect", "--format={{.Config.Entrypoint}} {{.Config.User}}", image).strip() == "[ci-api] 10001:10001"


@pytest.mark.verify
def test_a_run_is_executed_by_server_and_machine_of_the_image(image: str, installation: Installation) -> None:
    folder, port, name = installation.folder, installation.port, f"ci-tests-{os.getpid()}"
    shared = places(folder)
    once = ("run", "--rm", *LIMITS, "--no-healthcheck")
    add = ("machines", "add", "machine-1", "--token-file", "/run/ci-machine/token")
    (folder / "executables").mkdir()
    hand_over(folder)
    migrated = done(*once, *shared, image, "migrate")
    done(*once, *shared, image, *add)
    token = (folder / "token/token").read_text()
    done(*once, *shared, image, *add)
    (folder / "executables").rmdir()
    installation.fill()
    hand_over(folder)

    with running(image, f"{name}-server", *shared, "--env=CI_JOBS=off", f"--publish=127.0.0.1:{port}:8000"):
        eventually(lambda: podman("healthcheck", "run", f"{name}-server").returncode == 0, "a healthy server")
        run_id = installation.api.trigger()
        machine = ("--network", f"container:{name}-server", f"--volume={folder}/token:/run/ci-machine:ro", *FOR_THE_SANDBOX)
        order = ("machine", "--server", "http://127.0.0.1:8000", "--token-file", "/run/ci-machine/token")
        with running(image, f"{name}-machine", *machine, command=order):
            run = installation.api.ended(run_id)
            said = podman("logs", f"{name}-machine")

    assert "The database is ready." in migrated
    assert (folder / "token/token").read_text() == token
    assert run["status"] == "pass", said.stderr
    assert "sandbox: bubblewrap" in said.stderr
