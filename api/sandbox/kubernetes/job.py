"""A step as a Job of Kubernetes: its manifest, and what its status and its pod's say of the command."""
from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.domain.jobs.job import JobReason
from api.sandbox.sandbox import WORKSPACE, ExitStatus, Mount, Plan

# What selects attempts, for a NetworkPolicy and for whoever looks at them.
APP = "ci-attempt"
CLAIM, NETWORK, DIGEST = "sample-platform-ci/claim", "sample-platform-ci/network", "sample-platform-ci/digest"
ALLOWED, DENIED = "allowed", "denied"
OUTPUT = "output"
OUTPUT_INSIDE = "/run/ci/output"
MAX_NAME = 63
DIGEST_LENGTH = 12
# For so long, in seconds, a cluster may take to place a pod and to pull its image. The command's own time is not counted meanwhile.
START_SECONDS = 600
# Between SIGTERM and SIGKILL, in seconds.
GRACE_SECONDS = 5
# When the cluster itself ends a pod that nobody looks after, beyond all that the command may take.
DEADLINE_RESERVE = 60
# How long a Job stays that nobody deletes: whoever follows it next finds how it ended.
KEPT_SECONDS = 3600
# The unit of the shell's limits of files.
BLOCK = 512
# Nothing but memory and the volume is written to.
EPHEMERAL_STORAGE = "64Mi"
NEVER_STARTED = ("StartError", "ContainerCannotRun")
HOPELESS = ("InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError")
NODE_WAS_LOW = "The node was low"


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume claim, and where this host has its root folder."""

    claim: str
    root: Path

    def inner(self, path: Path) -> str:
        """The path in the volume. Raises ValueError for what is not in it."""
        root, found = self.root.resolve(), path.resolve()
        if not found.is_relative_to(root):
            raise ValueError(f"{path} is not on the volume of CI_WORK_DIR, which is all that attempts share with their machine")
        return str(found.relative_to(root))


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a command has come. `waiting` says why it has not been started."""

    is_started: bool = False
    waiting: str = ""
    ending: ExitStatus | None = None
    is_out_of_memory: bool = False


def job_name(prefix: str, name: str) -> str:
    """The name of a plan's Job: one label of a host's name."""
    wanted = f"{prefix}{name}".lower()
    if len(wanted) <= MAX_NAME:
        return wanted
    return f"{wanted[:MAX_NAME - DIGEST_LENGTH - 1]}-{hashlib.sha256(wanted.encode()).hexdigest()[:DIGEST_LENGTH]}"


def job_manifest(name: str, plan: Plan, image: str, volume: Volume, output: Path) -> dict[str, Any]:
    """The Job that runs a plan's command once, and appends what it prints to the file `output`.

    Its digest, an annotation, tells it from another one of the same name. Raises ValueError for a mount outside the volume.
    """
    labels = {"app": APP, CLAIM: volume.claim, NETWORK: ALLOWED if plan.limits.network else DENIED}
    made: dict[str, Any] = {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "labels": labels},
        "spec": {
            "completions": 1, "parallelism": 1, "backoffLimit": 0, "podReplacementPolicy": "Failed",
            "activeDeadlineSeconds": int(plan.limits.seconds) + START_SECONDS + GRACE_SECONDS + DEADLINE_RESERVE,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": {"labels": labels}, "spec": _pod(plan, image, volume, output)}}}
    made["metadata"]["annotations"] = {DIGEST: hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()}
    return made


def _pod(plan: Plan, image: str, volume: Volume, output: Path) -> dict[str, Any]:
    user = plan.user_id if plan.user_id is not None else os.geteuid()
    return {
        "restartPolicy": "Never", "automountServiceAccountToken": False, "enableServiceLinks": False, "hostname": "job",
        # The cluster's own first process reaps zombies; ours, were it the first, would not hear SIGTERM.
        "shareProcessNamespace": True, "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": user, "runAsGroup": user, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(plan, image, volume, output)],
        "volumes": [
            {"name": "work", "persistentVolumeClaim": {"claimName": volume.claim}},
            {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": str(plan.limits.memory_bytes // 2)}}]}


def _container(plan: Plan, image: str, volume: Volume, output: Path) -> dict[str, Any]:
    limits = plan.limits
    workspace = [Mount(plan.workspace, WORKSPACE, writable=True)] if plan.workspace is not None else []
    mounts = [*plan.mounts, *workspace, Mount(output, OUTPUT_INSIDE, writable=True)]
    script = (
        f"ulimit -c {plan.core_bytes // BLOCK}; ulimit -f {max(1, limits.file_bytes // BLOCK)}; "
        f'exec "$@" >>{OUTPUT_INSIDE} 2>&1 </dev/null')
    return {
        "name": "job", "image": image, "workingDir": plan.working_folder,
        "command": [_unexpanded(word) for word in ("/bin/sh", "-c", script, "job", *plan.command)],
        "env": [{"name": name, "value": _unexpanded(value)} for name, value in plan.variables.items()],
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
        "resources": {"limits": {
            "cpu": f"{round(limits.cpus * 1000)}m", "memory": str(limits.memory_bytes), "ephemeral-storage": EPHEMERAL_STORAGE}},
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            *({"name": "work", "mountPath": mount.target, "subPath": volume.inner(mount.source), "readOnly": not mount.writable}
              for mount in mounts)]}


def _unexpanded(word: str) -> str:
    """A word in which the cluster does not look for names of variables."""
    return word.replace("$", "$$")


def standing_of(job: Mapping[str, Any] | None, pods: Sequence[Mapping[str, Any]], *, is_deleted: bool) -> Standing:
    """How far the command of a Job has come, by the Job, None where it is gone, and its pods. `is_deleted`: by us."""
    pod = pods[0] if pods else {}
    if not is_deleted and (trouble := _trouble(job, pods)) is not None:
        return Standing(ending=trouble)
    state = _state(pod)
    if (terminated := state.get("terminated")) is not None:
        return _ended(terminated)
    if is_deleted and job is None and not pods:
        return Standing(ending=ExitStatus())
    is_started = "running" in state
    return Standing(is_started, "" if is_started else _waiting(pod, state), _hopeless(state))


def has_ended(pod: Mapping[str, Any]) -> bool:
    """Whether a pod's command has ended, however that came."""
    return "terminated" in _state(pod)


def _state(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    containers: Sequence[Mapping[str, Any]] = pod.get("status", {}).get("containerStatuses") or ()
    return next((each.get("state") or {} for each in containers), {})


def _ended(terminated: Mapping[str, Any]) -> Standing:
    reason = terminated.get("reason", "")
    if reason in NEVER_STARTED:
        return Standing(ending=ExitStatus(failure=_words(terminated)))
    return Standing(True, ending=ExitStatus(exit_code=terminated["exitCode"]), is_out_of_memory=reason == "OOMKilled")


def _trouble(job: Mapping[str, Any] | None, pods: Sequence[Mapping[str, Any]]) -> ExitStatus | None:
    """What became of a command that neither ended by itself nor was ended by us."""
    if job is None:
        return _lost("its Job is gone from the cluster")
    failed = _condition(job, "Failed") or _condition(job, "FailureTarget")
    if failed is not None and failed.get("reason") == "DeadlineExceeded":
        return ExitStatus(failure=_words(failed), reason=JobReason.TIMEOUT)
    if len(pods) > 1:
        return _lost("the cluster has started it twice")
    if not pods:
        return None if failed is None else _lost(f"its pod is gone: {_words(failed)}")
    return _disruption(pods[0])


def _disruption(pod: Mapping[str, Any]) -> ExitStatus | None:
    status = pod.get("status", {})
    words = _words(status)
    if status.get("reason") == "Evicted" and "exceed" in words and NODE_WAS_LOW not in words:
        return ExitStatus(failure=words, reason=JobReason.DISK_LIMIT)
    target = _condition(pod, "DisruptionTarget")
    if target is not None:
        return _lost(_words(target))
    if pod["metadata"].get("deletionTimestamp"):
        return _lost("its pod was deleted")
    # A node refuses a pod, evicts it, or is lost, and says so of the pod and not of the container.
    return _lost(words) if status.get("phase") == "Failed" and status.get("reason") else None


def _lost(words: str) -> ExitStatus:
    return ExitStatus(failure=words, reason=JobReason.LOST)


def _hopeless(state: Mapping[str, Any]) -> ExitStatus | None:
    waiting = state.get("waiting") or {}
    return ExitStatus(failure=_words(waiting)) if waiting.get("reason") in HOPELESS else None


def _waiting(pod: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    """Why a command has not been started."""
    if not pod:
        return "the cluster has made no pod"
    placed = _condition(pod, "PodScheduled", "False")
    return _words(state.get("waiting") or placed or {}) or "the pod has not been started"


def _condition(of: Mapping[str, Any], kind: str, status: str = "True") -> Mapping[str, Any] | None:
    found: Sequence[Mapping[str, Any]] = of.get("status", {}).get("conditions") or ()
    return next((each for each in found if (each["type"], each["status"]) == (kind, status)), None)


def _words(of: Mapping[str, Any]) -> str:
    return ": ".join(str(of[key]).strip() for key in ("reason", "message") if of.get(key))
