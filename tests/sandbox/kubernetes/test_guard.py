"""The conversation with a cluster about one Job, whatever the cluster answers."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from api.domain.jobs.job import JobReason
from api.sandbox.kubernetes import cluster, guard
from api.sandbox.kubernetes.cluster import Cluster, ClusterError
from api.sandbox.kubernetes.guard import Conversation
from api.sandbox.kubernetes.job import START_SECONDS, Standing, Volume, job_manifest
from api.sandbox.kubernetes.sandbox import ASKED, STARTED
from api.sandbox.limits import Limits
from api.sandbox.sandbox import ExitStatus, Plan
from api.supervision.daemon_call import call_in_daemon_thread
from tests.certificates import certify, listening
from tests.e2e.processes import TIMEOUT, eventually
from tests.sandbox.kubernetes.api_server import LOST_ANSWER, NAMESPACE, SILENCE, SILENT_SECONDS, TOKEN, ApiServer, Fault, Object
from tests.sandbox.kubernetes.test_job import RUNNING, ended

PULLING = {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating", "message": "pulling"}}}]}


@dataclass
class ScriptedNode:
    """A node on which happens what a test says."""

    report: Callable[[Object], None] = lambda status: None
    started: list[Object] = field(default_factory=list)
    last: Object = field(default_factory=lambda: ended(143))

    def start(self, pod: Object, report: Callable[[Object], None]) -> None:
        """See Node."""
        self.report = report
        self.started.append(pod)

    def stop(self, pod: Object) -> None:
        """See Node."""
        pod["status"] = self.last


@dataclass
class Talk:
    """A conversation that is under way."""

    conversation: Conversation
    server: ApiServer
    node: ScriptedNode
    started: Path
    result: Future[Standing]

    def begun(self) -> Talk:
        """Wait for the pod."""
        eventually(lambda: self.node.started, "the pod")
        return self

    def ending(self) -> ExitStatus:
        """Wait for the end; what was made of it."""
        found = self.result.result(TIMEOUT).ending
        assert found is not None
        return found


@pytest.fixture
def server() -> Iterator[ApiServer]:
    made = ApiServer(ScriptedNode())
    yield made
    made.close()


@pytest.fixture
def node(server: ApiServer) -> ScriptedNode:
    found = server.cluster.node
    assert isinstance(found, ScriptedNode)
    return found


@pytest.fixture
def begin(server: ApiServer, node: ScriptedNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Talk]:
    monkeypatch.setattr(guard, "PAUSE", 0.01)
    monkeypatch.setattr(guard, "WATCH_SECONDS", 1)

    def started(*faults: Fault, clock: Callable[[], float] = lambda: 0.0) -> Talk:
        server.cluster.faults[:] = faults
        conversation = Conversation(Cluster(server.write_config(tmp_path / "config")), manifest(), tmp_path, monotonic=clock)
        return Talk(conversation, server, node, tmp_path / STARTED, call_in_daemon_thread(conversation.run, "talk", lambda: None))

    return started


Begin = Callable[..., Talk]


def manifest(command: str = "pytest") -> Mapping[str, object]:
    return job_manifest("ci-a", Plan("a", (command,), Limits(), user_id=1), "image", Volume("claim", Path("/")), Path("/output"))


def test_a_command_is_run_and_its_exit_code_comes_back(begin: Begin) -> None:
    talk = begin().begun()

    talk.node.report(RUNNING)
    eventually(talk.started.exists, "the word that it was started")
    talk.node.report(ended(3))

    assert talk.ending() == ExitStatus(3)


def test_a_slow_pull_of_an_image_is_waited_for(begin: Begin) -> None:
    talk = begin().begun()

    talk.node.report(PULLING)
    eventually(lambda: ("GET", "watch") in talk.server.cluster.asked, "a question for changes")
    before = talk.started.exists()
    talk.node.report(RUNNING)
    eventually(talk.started.exists, "the word that it was started")
    talk.node.report(ended(0))

    assert not before
    assert talk.ending() == ExitStatus(0)


def test_a_pod_that_is_never_started_is_lost_and_why_is_known(begin: Begin) -> None:
    now = [0.0]
    talk = begin(clock=lambda: now[0]).begun()

    talk.node.report(PULLING)
    seen = talk.server.cluster.asked.count(("GET", "watch"))
    eventually(lambda: talk.server.cluster.asked.count(("GET", "watch")) > seen + 1, "another look")
    now[0] = START_SECONDS

    assert talk.ending() == ExitStatus(
        failure=f"not started within {START_SECONDS} seconds: ContainerCreating: pulling", reason=JobReason.LOST)


@pytest.mark.parametrize("what", [500, 503, 429, LOST_ANSWER, SILENCE])
def test_a_job_is_created_once_whatever_becomes_of_the_answer(begin: Begin, what: int | str) -> None:
    talk = begin(Fault("POST", "jobs", what, times=2), Fault("GET", "jobs", 500)).begun()

    talk.node.report(ended(0, "Completed"))

    assert talk.ending() == ExitStatus(0)
    assert len(talk.server.cluster.made) == 1


def test_a_cluster_that_does_not_answer_for_so_long_loses_the_job(begin: Begin) -> None:
    talk = begin(Fault("POST", "jobs", 500, times=1000), clock=iter([0.0, 1.0, float(START_SECONDS)]).__next__)

    assert talk.ending() == ExitStatus(failure="a fault of 500", reason=JobReason.LOST)


@pytest.mark.parametrize("status", [403, 422])
def test_a_cluster_that_refuses_a_job_is_not_asked_again(begin: Begin, status: int) -> None:
    talk = begin(Fault("POST", "jobs", status, times=1000))

    assert talk.ending() == ExitStatus(failure=f"a fault of {status}")
    assert talk.server.cluster.asked.count(("POST", "jobs")) == 1


def test_another_job_of_the_same_name_is_left_alone(begin: Begin, server: ApiServer) -> None:
    server.cluster.create(dict(manifest("another")))

    talk = begin()

    assert talk.ending() == ExitStatus(failure='jobs.batch "ci-a" already exists')
    assert len(server.cluster.made) == 1


def test_a_job_that_was_made_before_is_followed_and_not_made_again(begin: Begin, server: ApiServer, tmp_path: Path) -> None:
    server.cluster.create(dict(manifest()))
    (tmp_path / ASKED).touch()

    talk = begin().begun()
    talk.node.report(ended(3))

    assert talk.ending() == ExitStatus(3)
    assert len(server.cluster.made) == 1
    assert ("POST", "jobs") not in server.cluster.asked


def test_a_job_that_may_have_been_made_before_and_is_gone_is_lost(begin: Begin, server: ApiServer, tmp_path: Path) -> None:
    (tmp_path / ASKED).touch()

    talk = begin()

    assert talk.ending() == ExitStatus(failure="its Job is gone from the cluster", reason=JobReason.LOST)
    assert server.cluster.made == []


@pytest.mark.parametrize("kind", ["jobs", "pods", "watch"])
@pytest.mark.parametrize("what", [500, 410, 403, SILENCE])
def test_a_question_that_fails_is_asked_again(begin: Begin, kind: str, what: int | str) -> None:
    talk = begin(Fault("GET", kind, what, times=2)).begun()

    talk.node.report(RUNNING)
    eventually(talk.started.exists, "the word that it was started")
    talk.node.report(ended(4))

    assert talk.ending() == ExitStatus(4)
    assert talk.server.cluster.faults[0].times == 0


def test_a_server_that_is_slow_to_answer_is_asked_again(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "READ_TIMEOUT", SILENT_SECONDS / 3)
    talk = begin(Fault("GET", "pods", SILENCE, times=5)).begun()

    talk.node.report(ended(4))

    assert talk.ending() == ExitStatus(4)


def test_an_evicted_pod_is_lost(begin: Begin) -> None:
    talk = begin().begun()

    talk.node.report(RUNNING)
    talk.node.report({**ended(137), "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."})

    assert talk.ending() == ExitStatus(failure="Evicted: The node was low on resource: memory.", reason=JobReason.LOST)


def test_a_pod_that_somebody_deletes_is_lost_though_its_command_then_ends(begin: Begin) -> None:
    talk = begin().begun()

    talk.node.report(RUNNING)
    eventually(talk.started.exists, "the word that it was started")
    talk.server.cluster.remove_pod(talk.node.started[0])

    # Which is seen first, that the pod is gone or that its Job gives up over it, is a matter of chance.
    assert talk.ending().reason is JobReason.LOST


def test_a_job_that_somebody_deletes_is_lost(begin: Begin) -> None:
    talk = begin().begun()

    talk.node.report(RUNNING)
    talk.server.cluster.delete("ci-a")

    assert talk.ending().reason is JobReason.LOST


def test_a_pod_that_is_started_a_second_time_is_lost(begin: Begin) -> None:
    talk = begin().begun()

    talk.node.report(RUNNING)
    talk.server.cluster.make_pod("ci-a")

    assert talk.ending() == ExitStatus(failure="the cluster has started it twice", reason=JobReason.LOST)


def test_the_clusters_own_deadline_is_a_time_limit(begin: Begin) -> None:
    talk = begin().begun()

    talk.node.report(RUNNING)
    talk.server.cluster.expire("ci-a")

    assert talk.ending().reason is JobReason.TIMEOUT


@pytest.mark.parametrize("faults", [(), (Fault("DELETE", "jobs", 500, times=2),), (Fault("DELETE", "jobs", LOST_ANSWER),)])
def test_a_job_that_is_to_end_ends_with_the_exit_code_that_its_command_then_has(begin: Begin, faults: tuple[Fault, ...]) -> None:
    talk = begin(*faults).begun()
    talk.node.report(RUNNING)
    eventually(talk.started.exists, "the word that it was started")

    talk.conversation.delete(TIMEOUT)

    assert talk.ending() == ExitStatus(143)
    eventually(lambda: not talk.server.cluster.jobs and not talk.server.cluster.pods, "the end of all objects")


def test_a_job_may_be_deleted_before_anything_of_it_was_started(begin: Begin) -> None:
    talk = begin().begun()
    talk.node.last = PULLING

    talk.conversation.delete(TIMEOUT)

    assert talk.ending() == ExitStatus()


def test_a_job_that_is_deleted_while_it_is_being_created_is_not_left(begin: Begin) -> None:
    talk = begin(Fault("POST", "jobs", 500, times=1_000_000))
    eventually(lambda: talk.server.cluster.asked.count(("POST", "jobs")) > 1, "the second request")

    threading.Thread(target=talk.conversation.delete, args=(TIMEOUT,), daemon=True).start()

    assert talk.ending() == ExitStatus()
    assert talk.server.cluster.jobs == {}


def test_without_access_there_is_no_cluster(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="there is no access to a cluster"):
        Cluster(str(tmp_path / "nothing"))
    with pytest.raises(ClusterError, match="there is no access to a cluster"):
        Cluster("")


def test_a_pods_own_account_is_access_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certified = certify("localhost", tmp_path / "server.pem")
    server = ApiServer(ScriptedNode(), listening(certified))
    for name, content in (("token", TOKEN), ("namespace", NAMESPACE)):
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(cluster, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(cluster, "SERVICE_CERT_FILENAME", str(certified))
    monkeypatch.setattr(cluster, "INSIDE", {"KUBERNETES_SERVICE_HOST": "localhost", "KUBERNETES_SERVICE_PORT": str(server.port)})
    try:
        inside = Cluster("")
        inside.create_job(manifest())
        found = inside.read_job("ci-a")
    finally:
        server.close()

    assert found is not None and found["metadata"]["name"] == "ci-a"


def test_a_token_that_is_not_known_is_refused(server: ApiServer, tmp_path: Path) -> None:
    config = Path(server.write_config(tmp_path / "config"))
    config.write_text(config.read_text().replace("machines-token", "another"))

    with pytest.raises(ClusterError) as refused:
        Cluster(str(config)).read_job("ci-a")

    assert (refused.value.status, refused.value.is_refusal) == (401, True)
