"""What is a cluster's own among the sandboxes: its pods are real here, its server and its node are stand-ins.

What it has in common with the others is tried in test_sandbox.py and its neighbours.
"""
from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.domain.jobs.job import JobReason
from api.jobs.supervisor.start import start_supervisor
from api.sandbox.choice import SandboxOptions, choose
from api.sandbox.kinds import sandbox_of
from api.sandbox.kubernetes.sandbox import KubernetesJobs
from api.sandbox.probing import SELF_CHECK
from api.sandbox.sandbox import Mount, Plan, Sandbox, SandboxFailure
from tests.e2e.processes import eventually
from tests.jobs.attempts import PYTHON, Bench, await_true, python, shell
from tests.parts import need
from tests.sandbox.attempts import end_all_at_once, guard_of
from tests.sandbox.kubernetes.api_server import ApiServer, Fault
from tests.sandbox.kubernetes.podman_node import SECRET, PodmanNode
from tests.sandbox.machine_sandboxes import CLAIM, CLUSTER_IMAGE


@pytest.fixture
def bench(kubernetes: Sandbox, tmp_path: Path) -> Iterator[Bench]:
    need(PYTHON)
    made = Bench(kubernetes, tmp_path, images=False)
    yield made
    made.clear()


def options(folder: Path, config: str) -> SandboxOptions:
    return SandboxOptions("kubernetes", folder, image=CLUSTER_IMAGE, claim=CLAIM, cluster=config)


def test_a_cluster_is_chosen_after_a_trial(cluster: ApiServer, tmp_path: Path) -> None:
    choice = choose(options(tmp_path, cluster.write_config(tmp_path / "config")))

    assert choice.trouble is None
    assert choice.sandbox is not None and choice.sandbox.name == "kubernetes"
    assert [guard.name for guard in choice.missing()] == ["processes"]
    assert sandbox_of(choice.sandbox.description()) == choice.sandbox


def test_a_cluster_that_does_not_keep_its_pods_from_the_network_is_not_used(cluster: ApiServer, tmp_path: Path) -> None:
    node = cluster.cluster.node
    assert isinstance(node, PodmanNode)
    open_node = PodmanNode(node.folder, node.claims, [])
    server = ApiServer(open_node)
    open_node.server_port = server.port
    try:
        choice = choose(options(tmp_path, server.write_config(tmp_path / "config")))
    finally:
        server.close()

    assert choice.sandbox is None
    assert "the cluster lets attempts use the network" in (choice.trouble or "")


def test_a_cluster_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    choice = choose(options(tmp_path, str(tmp_path / "nothing")))

    assert choice.sandbox is None
    assert "there is no access to a cluster" in (choice.trouble or "")


def test_a_cluster_needs_a_claim_and_an_image(tmp_path: Path) -> None:
    for incomplete in (replace(options(tmp_path, ""), claim=""), replace(options(tmp_path, ""), image="")):
        assert "CI_KUBERNETES_CLAIM and CI_CONTAINER_IMAGE" in (choose(incomplete).trouble or "")


def test_without_its_client_a_cluster_cannot_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.sandbox.choice.CLIENT", "a_package_that_nobody_installed")

    assert "is not installed" in (choose(options(tmp_path, "")).trouble or "")


@pytest.mark.parametrize("plan", [{"separate_errors": True}, {"has_input": True}, {"mounts": (Mount(Path("/etc"), "/opt/etc"),)}])
def test_what_a_cluster_cannot_do_is_refused(tmp_path: Path, plan: dict[str, object]) -> None:
    sandbox = KubernetesJobs("image", "claim", str(tmp_path), str(tmp_path))

    with pytest.raises(SandboxFailure):
        sandbox.launch(replace(Plan("a", ("true",), SELF_CHECK), **plan))  # type: ignore[arg-type]


def test_a_pod_has_no_token_and_no_way_to_the_clusters_server(bench: Bench, cluster: ApiServer) -> None:
    _, log = bench.run(
        shell(f"test -e {SECRET} && echo a token; echo $KUBERNETES_SERVICE_PORT"),
        python(f"socket.create_connection(('127.0.0.1', {cluster.port}), 3)\nprint('reached')"))

    assert log.startswith(f"{cluster.port}\n")
    assert "Connection refused" in log or "unreachable" in log


def test_a_pod_runs_as_an_ordinary_user_without_capabilities(bench: Bench) -> None:
    _, log = bench.run(shell("id -u; grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status"))

    assert log.split() == [
        str(bench.last.user_id), "CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1", "Seccomp:", "2"]


def test_an_evicted_attempt_is_lost_and_nothing_of_it_is_left(bench: Bench, cluster: ApiServer) -> None:
    running = bench.start(shell("echo up; sleep 600"))
    running.await_log("up")
    [pod] = [each for each in cluster.cluster.pods.values() if running.workspace.parts[-3] in each["metadata"]["name"]]

    cluster.cluster.report(pod["metadata"]["name"], {
        "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."})
    record = running.ended()

    assert (record.reason, record.detail) == (JobReason.LOST, "Evicted: The node was low on resource: memory.")
    assert running.log == "up\n"
    eventually(lambda: pod["metadata"]["name"] not in cluster.cluster.pods, "the pod's end")


def test_no_line_is_lost_or_doubled_while_the_server_fails(bench: Bench, cluster: ApiServer) -> None:
    body = "for number in range(60):\n    print(number, flush=True)\n    time.sleep(0.05)"
    running = bench.start(python(body))
    running.await_log("0\n")

    cluster.cluster.faults[:] = [Fault("GET", kind, 500, times=3) for kind in ("jobs", "pods", "watch")]
    record = running.ended()

    assert (record.reason, record.exit_code) == (JobReason.EXIT_CODE, 0)
    assert running.log == "".join(f"{number}\n" for number in range(60))


def test_another_supervisor_goes_on_with_the_step_that_runs(bench: Bench, kubernetes: Sandbox) -> None:
    assert isinstance(kubernetes, KubernetesJobs)
    running = bench.start(
        shell("echo x >> ran; printf first"),
        shell("printf second; until test -e go; do echo waiting; sleep 0.1; done; cat ran"))
    running.await_log("waiting")
    end_all_at_once(running.supervisor, guard_of(Path(kubernetes.folder), running.workspace.parts[-3]))
    await_true(lambda: not running.files.is_supervised())

    start_supervisor(running.files)
    running.await_log("waiting\nwaiting\nwaiting\n")
    (running.workspace / "go").touch()
    record = running.ended()

    lines = running.log.splitlines()
    assert (record.reason, record.exit_code, record.step) == (JobReason.EXIT_CODE, 0, "step1")
    assert (lines[0], lines[-1]) == ("firstsecondwaiting", "x")
    assert set(lines[1:-1]) == {"waiting"}
    assert record.log_bytes == len(running.log)


def test_a_sweep_spares_the_jobs_of_others(kubernetes: Sandbox, cluster: ApiServer) -> None:
    of_another = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {
        "name": "another", "labels": {"app": "ci-attempt", "sample-platform-ci/claim": "another"}}}
    cluster.cluster.jobs["another"] = of_another

    kubernetes.sweep(time.time() + 60)

    assert cluster.cluster.jobs.pop("another") is of_another
