"""The manifest of a step, and what is made of what a cluster says of it."""
from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.domain.jobs.job import JobReason
from api.sandbox.kubernetes.job import MAX_NAME, Standing, Volume, job_manifest, job_name, standing_of
from api.sandbox.limits import Limits
from api.sandbox.sandbox import ExitStatus, Mount, Plan
from tests.sandbox.kubernetes.api_server import SCHEMAS, Object

LIMITS = Limits(seconds=90, memory_bytes=256 << 20, cpus=1.5, file_bytes=1 << 20)
PLAN = Plan("job-1-1-tests", ("pytest", "-k", "a b"), LIMITS, environment={"CI": "true"}, user_id=4321)
RUNNING = {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}


def manifest_of(plan: Plan, root: Path = Path("/volume")) -> Object:
    return job_manifest("ci-a", plan, "registry/image:1", Volume("claim-1", root), root / "sandboxes/ci-a/output")


def pod_of(plan: Plan, root: Path = Path("/volume")) -> Object:
    found: Object = manifest_of(plan, root)["spec"]["template"]["spec"]
    return found


def container_of(plan: Plan, root: Path = Path("/volume")) -> Object:
    [found] = pod_of(plan, root)["containers"]
    only: Object = found
    return only


def pod(status: Object, **metadata: object) -> Object:
    return {"metadata": {"name": "ci-a-x", **metadata}, "status": status}


def ended(code: int, reason: str = "Error", **terminated: object) -> Object:
    return {"phase": "Failed" if code else "Succeeded", "containerStatuses": [
        {"state": {"terminated": {"exitCode": code, "reason": reason, **terminated}}}]}


def job(*conditions: tuple[str, str, str]) -> Object:
    return {"metadata": {"name": "ci-a"}, "status": {"conditions": [
        {"type": kind, "status": "True", "reason": reason, "message": message} for kind, reason, message in conditions]}}


def lost(words: str) -> Standing:
    return Standing(ending=ExitStatus(failure=words, reason=JobReason.LOST))


def test_a_manifest_is_valid_by_the_schema_of_a_job(tmp_path: Path) -> None:
    plan = replace(PLAN, workspace=tmp_path / "work", mounts=(Mount(tmp_path / "kit", "/opt/ci/bin"),))

    schema = {**SCHEMAS["kinds"]["batch/v1/Job"], "$defs": SCHEMAS["$defs"]}

    assert list(Draft202012Validator(schema).iter_errors(manifest_of(plan, tmp_path))) == []


def test_a_pod_has_no_rights_no_token_and_nothing_of_the_namespaces_services() -> None:
    assert pod_of(PLAN)["automountServiceAccountToken"] is False
    assert pod_of(PLAN)["enableServiceLinks"] is False
    assert pod_of(PLAN)["securityContext"] == {
        "runAsNonRoot": True, "runAsUser": 4321, "runAsGroup": 4321, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container_of(PLAN)["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def test_a_machine_that_may_use_no_other_user_uses_its_own() -> None:
    assert pod_of(replace(PLAN, user_id=None))["securityContext"]["runAsUser"] == os.geteuid()


def test_a_pod_is_run_once_and_limited_by_the_cluster_too() -> None:
    spec = manifest_of(PLAN)["spec"]

    assert (spec["backoffLimit"], pod_of(PLAN)["restartPolicy"]) == (0, "Never")
    assert spec["activeDeadlineSeconds"] > LIMITS.seconds
    assert spec["ttlSecondsAfterFinished"] > 0
    assert container_of(PLAN)["resources"] == {
        "limits": {"cpu": "1500m", "memory": str(256 << 20), "ephemeral-storage": "64Mi"}}
    assert [each["emptyDir"] for each in pod_of(PLAN)["volumes"] if "emptyDir" in each] == [
        {"medium": "Memory", "sizeLimit": str(128 << 20)}]


def test_a_command_has_its_own_environment_alone_and_its_words_as_they_are() -> None:
    plan = replace(PLAN, command=("sh", "-c", "echo $(HOME) $$"), environment={"WHAT": "$(PATH)"})

    words, variables = container_of(plan)["command"], {each["name"]: each["value"] for each in container_of(plan)["env"]}

    assert words[3:] == ["job", "sh", "-c", "echo $$(HOME) $$$$"]
    assert variables == {
        "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "TZ": "UTC", "WHAT": "$$(PATH)"}


def test_a_pod_sees_its_own_folders_of_the_volume_alone(tmp_path: Path) -> None:
    plan = replace(PLAN, workspace=tmp_path / "work/a", mounts=(Mount(tmp_path / "kit", "/opt/ci/bin"),))

    mounts = {each["mountPath"]: each for each in container_of(plan, tmp_path)["volumeMounts"]}

    assert {place: (each.get("subPath"), each.get("readOnly")) for place, each in mounts.items()} == {
        "/tmp": (None, None), "/opt/ci/bin": ("kit", True), "/workspace": ("work/a", False),
        "/run/ci/output": ("sandboxes/ci-a/output", False)}


@pytest.mark.parametrize("outside", ["/etc", "link"])
def test_what_is_not_on_the_volume_cannot_be_shown(tmp_path: Path, outside: str) -> None:
    (tmp_path / "link").symlink_to("/etc")

    with pytest.raises(ValueError, match="is not on the volume of CI_WORK_DIR"):
        pod_of(replace(PLAN, mounts=(Mount(tmp_path / outside, "/opt/ci/bin"),)), tmp_path)


def test_labels_tell_policies_who_may_use_the_network() -> None:
    denied, allowed = (manifest_of(replace(PLAN, limits=replace(LIMITS, network=network))) for network in (False, True))

    assert denied["spec"]["template"]["metadata"]["labels"] == {
        "app": "ci-attempt", "sample-platform-ci/claim": "claim-1", "sample-platform-ci/network": "denied"}
    assert allowed["spec"]["template"]["metadata"]["labels"]["sample-platform-ci/network"] == "allowed"


def test_another_plan_of_the_same_name_has_another_digest() -> None:
    digests = {json.dumps(manifest_of(plan)["metadata"]["annotations"]) for plan in (PLAN, replace(PLAN, command=("other",)), PLAN)}

    assert len(digests) == 2


def test_the_name_of_a_job_is_a_label_of_a_hosts_name() -> None:
    long = f"{'a' * 60}-1-1-tests"

    assert job_name("CI-", "Job-1-2-tests") == "ci-job-1-2-tests"
    assert len(job_name("ci-", long)) == MAX_NAME
    assert job_name("ci-", long) != job_name("ci-", f"{long}-2")


@pytest.mark.parametrize(("pods", "words"), [
    ([], "the cluster has made no pod"),
    ([pod({"phase": "Pending"})], "the pod has not been started"),
    ([pod({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]})],
     "Unschedulable: 0/3 nodes are available"),
    ([pod({"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}}}]})],
     "ImagePullBackOff: no such tag"),
])
def test_a_command_that_was_not_started_waits_and_why_is_known(pods: list[Object], words: str) -> None:
    assert standing_of(job(), pods, is_deleted=False) == Standing(waiting=words)


def test_a_command_that_runs_has_been_started() -> None:
    assert standing_of(job(), [pod(RUNNING)], is_deleted=False).is_started


@pytest.mark.parametrize(("status", "standing"), [
    (ended(0, "Completed"), Standing(True, ending=ExitStatus(0))),
    (ended(3), Standing(True, ending=ExitStatus(3))),
    (ended(137, "OOMKilled"), Standing(True, ending=ExitStatus(137), is_out_of_memory=True)),
    (ended(128, "StartError", message="no /bin/sh"), Standing(ending=ExitStatus(failure="StartError: no /bin/sh"))),
])
def test_a_command_that_ended_by_itself_has_its_exit_code(status: Object, standing: Standing) -> None:
    failed = job(("Failed", "BackoffLimitExceeded", "")) if status["phase"] == "Failed" else job()

    assert standing_of(failed, [pod(status)], is_deleted=False) == standing


@pytest.mark.parametrize(("said", "pods", "words"), [
    (job(), [pod({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory.", **ended(137)})],
     "Evicted: The node was low on resource: memory."),
    (job(), [pod({**ended(143), "conditions": [
        {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "message": "a greater one"}]})],
     "PreemptionByScheduler: a greater one"),
    (job(), [pod({"phase": "Failed", "reason": "NodeAffinity", "message": "no"})], "NodeAffinity: no"),
    (job(), [pod(RUNNING, deletionTimestamp="2026-01-01T00:00:00Z")], "its pod was deleted"),
    (job(("Failed", "BackoffLimitExceeded", "one failure")), [], "its pod is gone: BackoffLimitExceeded: one failure"),
    (job(), [pod(RUNNING), pod(RUNNING)], "the cluster has started it twice"),
    (None, [], "its Job is gone from the cluster"),
])
def test_what_the_cluster_took_away_is_lost_and_did_not_fail(said: Object | None, pods: list[Object], words: str) -> None:
    assert standing_of(said, pods, is_deleted=False) == lost(words)


@pytest.mark.parametrize("words", [
    "Pod ephemeral local storage usage exceeds the total limit of containers 64Mi. ",
    'Usage of EmptyDir volume "tmp" exceeds the limit "128Mi". ',
])
def test_a_command_that_wrote_more_than_it_may_is_not_lost(words: str) -> None:
    found = standing_of(job(), [pod({"phase": "Failed", "reason": "Evicted", "message": words})], is_deleted=False).ending

    assert found == ExitStatus(failure=f"Evicted: {words.strip()}", reason=JobReason.DISK_LIMIT)


def test_a_node_that_is_low_is_not_the_commands_fault_though_it_used_the_most() -> None:
    words = "The node was low on resource: ephemeral-storage. Container job was using 1Gi, which exceeds its request of 0. "
    found = standing_of(job(), [pod({"phase": "Failed", "reason": "Evicted", "message": words})], is_deleted=False)

    assert found == lost(f"Evicted: {words.strip()}")


@pytest.mark.parametrize("kind", ["Failed", "FailureTarget"])
def test_a_job_past_its_deadline_has_met_its_time_limit(kind: str) -> None:
    found = standing_of(job((kind, "DeadlineExceeded", "too long")), [], is_deleted=False).ending

    assert found == ExitStatus(failure="DeadlineExceeded: too long", reason=JobReason.TIMEOUT)


def test_an_image_that_can_never_be_had_is_not_waited_for() -> None:
    state = {"waiting": {"reason": "InvalidImageName", "message": "couldn't parse"}}
    found = standing_of(job(), [pod({"phase": "Pending", "containerStatuses": [{"state": state}]})], is_deleted=False).ending

    assert found == ExitStatus(failure="InvalidImageName: couldn't parse")


@pytest.mark.parametrize(("said", "pods", "standing"), [
    (job(), [pod(RUNNING, deletionTimestamp="2026-01-01T00:00:00Z")], Standing(True)),
    (job(), [pod(ended(143), deletionTimestamp="2026-01-01T00:00:00Z")], Standing(True, ending=ExitStatus(143))),
    (None, [pod(ended(5), deletionTimestamp="2026-01-01T00:00:00Z")], Standing(True, ending=ExitStatus(5))),
    (job(), [], Standing(waiting="the cluster has made no pod")),
    (None, [], Standing(ending=ExitStatus())),
])
def test_a_command_that_we_have_ended_has_ended_once_nothing_of_it_is_left(
    said: Object | None, pods: list[dict[str, Any]], standing: Standing,
) -> None:
    assert standing_of(said, pods, is_deleted=True) == standing
