"""The sandbox of a cluster: each command is a Job of Kubernetes, on whatever node the cluster places it.

What the command prints is appended to a file on a volume that the command shares with us. Neither a log that the cluster rotates nor a
connection to its server stands between, so that every byte comes once.
"""
from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from api.domain.jobs.job import JobReason
from api.sandbox.guard_process import GuardProcess, is_guarded, remove_place
from api.sandbox.kubernetes.job import APP, CLAIM, GRACE_SECONDS, OUTPUT, START_SECONDS, Volume, job_manifest, job_name
from api.sandbox.probing import guards, try_sandbox
from api.sandbox.sandbox import Capabilities, ExitStatus, Guard, Plan, SandboxFailure

# The Job, and marks: it was asked for, and its command runs.
MANIFEST, ASKED, STARTED = "job.json", "asked", "started"
# How long, in seconds, a cluster may take to confirm that nothing of a command runs any more.
KILL_SECONDS = GRACE_SECONDS + 55
PROCESSES = Guard("processes", False, "by the nodes' own limit for each pod (podPidsLimit), where the cluster has set one")
# The cluster tells each pod the address of its own server, which the policy shuts out with all the others.
TRIAL = """
import os, socket
try:
    socket.create_connection((os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])), 5)
except OSError:
    pass
else:
    raise SystemExit("the cluster lets attempts use the network: it needs the policies of jobs.yaml, and a network that enforces them")
"""


@dataclass(frozen=True)
class KubernetesJobs:
    """The sandbox. `image` is what is run, `prefix` what Jobs' names begin with, `config` a file with the access to the cluster.

    `root` is where this host has the root folder of the volume claim `claim`, `folder` one in it where outputs lie. Without `config`, a
    pod's own service account is used.
    """

    image: str
    claim: str
    root: str
    folder: str
    config: str = ""
    prefix: str = "ci-"

    name = "kubernetes"
    can_resume = True

    def description(self) -> dict[str, Any]:
        """See Sandbox.description."""
        return {"name": self.name, **asdict(self)}

    def launch(self, plan: Plan) -> KubernetesProcess:
        """Have the command started by a Job of its own, or follow that which was made for this plan before."""
        if plan.separate_errors or plan.has_input:
            raise SandboxFailure("kubernetes: a command has one output and no input there")
        name = job_name(self.prefix, plan.name)
        place = Path(self.folder, name)
        try:
            manifest = job_manifest(name, plan, self.image, Volume(self.claim, Path(self.root)), place / OUTPUT)
            return KubernetesProcess(place, manifest, plan.user_id, self.config)
        except (OSError, ValueError) as fault:
            raise SandboxFailure(f"kubernetes: {fault}") from fault

    def probe(self) -> Capabilities:
        """Run a trial command, which the cluster must keep from the network, and report the restrictions."""
        trouble = try_sandbox(self, ("python3", "-ISc", TRIAL), seconds=START_SECONDS)
        held = guards(memory=True, processes=False, cpus=True, own_users=os.geteuid() == 0, by="by the cluster")
        known = [PROCESSES if guard.name == PROCESSES.name else guard for guard in held]
        return Capabilities(self.name, (*known, Guard("system_calls", True, "by the container runtime's default profile")), trouble)

    def sweep(self, created_before: float, in_use: Collection[str] = ()) -> int:
        """Delete Jobs, and remove their folders, without a living guard that are not about to get one."""
        spared = tuple(f"{self.prefix}{name}-".lower() for name in in_use)
        api, folder, removed = import_module("api.sandbox.kubernetes.cluster"), Path(self.folder), 0
        with suppress(api.ClusterError):
            cluster = api.Cluster(self.config)
            for job in cluster.list_jobs(f"app={APP},{CLAIM}={self.claim}"):
                name = job["metadata"]["name"]
                if not name.startswith(spared) and not is_guarded(folder / name) and not job["metadata"].get("deletionTimestamp"):
                    cluster.delete_job(name)
                    removed += 1
        for place in folder.glob(f"{self.prefix}*".lower()):
            if place.stat().st_mtime < created_before and not place.name.startswith(spared) and not is_guarded(place):
                remove_place(place)
        return removed


class KubernetesProcess:
    """A command in a cluster, the file that it appends its output to, and the guard process that talks with the cluster."""

    errors: int | None = None
    input: int | None = None

    def __init__(self, place: Path, manifest: dict[str, Any], user_id: int | None, config: str) -> None:
        self._place = place
        self._exit_status: ExitStatus | None = None
        self._was_out_of_memory = False
        place.mkdir(mode=0o700, exist_ok=True)
        self.output = os.open(place / OUTPUT, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if user_id is not None:
            os.fchown(self.output, user_id, user_id)
        (place / MANIFEST).write_text(json.dumps(manifest))
        # Not as other modules are started: the client of the cluster is a package.
        self._guard = GuardProcess(place, [sys.executable, "-P", "-m", "api.sandbox.kubernetes.guard", config, str(place)])
        self.ended = self._guard.ended

    @property
    def age(self) -> float | None:
        """For how many seconds the command has run; None before the cluster has placed it, and has its image."""
        try:
            return max(0.0, time.time() - (self._place / STARTED).stat().st_mtime)
        except FileNotFoundError:
            return None

    def poll(self, seconds: float = 0) -> ExitStatus | None:
        """How the command ended; None while it runs."""
        if self._exit_status is None:
            if (said := self._guard.report(seconds)) is not None:
                self._was_out_of_memory = bool(said.get("out_of_memory"))
                reason = said.get("reason")
                self._exit_status = ExitStatus(said.get("exit_code"), said.get("failure"), reason and JobReason(reason))
            self._reopen()
        return self._exit_status

    def terminate(self) -> None:
        """Have the cluster send SIGTERM to the command, and SIGKILL a little later."""
        self._guard.tell(b"t")

    def kill(self) -> None:
        """Have the command killed, and wait for that."""
        if self._exit_status is None and self._guard.is_open:
            self.terminate()
            self._exit_status = self.poll(KILL_SECONDS) or ExitStatus(
                failure=f"the cluster has not confirmed within {KILL_SECONDS} seconds that the command has ended")

    def is_out_of_memory(self) -> bool:
        """Whether the kernel killed the command for the memory limit."""
        return self._was_out_of_memory

    def is_out_of_processes(self) -> bool:
        """No cluster tells this."""
        return False

    def close(self) -> None:
        """Delete the Job, and remove its folder."""
        if self._guard.is_open:
            self._guard.close()
            os.close(self.output)
            remove_place(self._place)

    def _reopen(self) -> None:
        """Have a network's file system look again at how long the output is, which it need not do for a file that stays open."""
        fresh = os.open(self._place / OUTPUT, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        os.lseek(fresh, os.lseek(self.output, 0, os.SEEK_CUR), os.SEEK_SET)
        os.dup2(fresh, self.output, inheritable=False)
        os.close(fresh)
