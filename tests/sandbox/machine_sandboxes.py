"""The sandboxes to be tested, each as this machine has it."""
from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.sandbox.containers.engine import Engine, EngineError
from api.sandbox.containers.sandbox import ContainerEngine
from api.sandbox.kubernetes.sandbox import KubernetesJobs
from api.sandbox.linux.bubblewrap import Bubblewrap
from api.sandbox.linux.cgroups import ROOT
from api.sandbox.sandbox import Sandbox
from tests.e2e.processes import CI_API, environment
from tests.parts import lacking, need
from tests.sandbox.kubernetes.api_server import MANIFESTS, ApiServer
from tests.sandbox.kubernetes.podman_node import PodmanNode, policies_of

IMAGE = "ci-job:tests"
# By its whole name, since a node asks no registry for that.
CLUSTER_IMAGE = f"docker.io/library/{IMAGE}"
CLAIM = "work-ci-job-machine-0"


@pytest.fixture(scope="session")
def bubblewrap() -> Iterator[Sandbox]:
    if os.geteuid():
        lacking("only root can give each slot a user of its own")
    # Groups of its own, so that several test runs on one machine do not sweep up each other's.
    made = Bubblewrap(need("bwrap"), cgroup_parent=f"ci-tests-{os.getpid()}")
    yield made
    made.sweep(time.time())
    for folder in (*ROOT.glob(f"*/{made.cgroup_parent}"), *ROOT.glob(made.cgroup_parent)):
        folder.rmdir()


@pytest.fixture(scope="session")
def container() -> Iterator[Sandbox]:
    if os.geteuid():
        lacking("only root can run this engine")
    for program in ("podman", "runc", "conmon", "catatonit", "ldd"):
        need(program)
    # Podman takes no long path for this.
    folder = Path(tempfile.mkdtemp(prefix="ci-engine-"))
    # Debian's packages leave this choice to their configuration files, which a test does not touch.
    command = [
        need("podman"), f"--root={folder}/root", f"--runroot={folder}/run", "--storage-driver=overlay", "--cgroup-manager=cgroupfs",
        "--runtime=runc", "--events-backend=file", "system", "service", "--time=0", f"unix://{folder}/engine.sock"]
    # It leaves images that it loaded in its temporary folder.
    (folder / "tmp").mkdir()
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env={**os.environ, "TMPDIR": f"{folder}/tmp"})
    try:
        yield _prepared(folder, service)
    finally:
        service.terminate()
        service.wait()
        subprocess.run(["umount", f"{folder}/root/overlay"], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster(container: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A cluster of one node, with the policies that are shipped; its claim is where all tests have their files."""
    assert isinstance(container, ContainerEngine)
    node = PodmanNode(Path(container.socket).parent, {CLAIM: volume_of(tmp_path_factory.getbasetemp())}, policies_of(MANIFESTS))
    server = ApiServer(node)
    node.server_port = server.port
    yield server
    server.close()
    node.clear()


@pytest.fixture(scope="session")
def kubernetes(cluster: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    config, folder = cluster.write_config(tmp_path_factory.mktemp("kubernetes") / "config"), tmp_path_factory.mktemp("sandboxes")
    return KubernetesJobs(CLUSTER_IMAGE, CLAIM, str(volume_of(folder)), str(folder), config)


def volume_of(folder: Path) -> Path:
    """The volume that a folder lies on."""
    return next(each for each in (folder, *folder.parents) if each.is_mount())


def _prepared(folder: Path, service: subprocess.Popen[bytes]) -> Sandbox:
    engine = Engine(f"{folder}/engine.sock")
    for _ in range(600):
        try:
            engine.get("/version")
            break
        except EngineError:
            assert service.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
    variables = environment({"CI_CONTAINER_SOCKET": engine.socket_path, "CI_CONTAINER_IMAGE": IMAGE})
    subprocess.run([*CI_API, "image"], env=variables, cwd=folder, stdout=subprocess.PIPE, check=True)
    (folder / "sandboxes").mkdir()
    return ContainerEngine(engine.socket_path, IMAGE, str(folder / "sandboxes"))


@pytest.fixture(params=["bubblewrap", "container"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    found: Sandbox = request.getfixturevalue(request.param)
    return found
