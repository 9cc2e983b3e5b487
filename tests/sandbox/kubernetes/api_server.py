"""A stand-in for a cluster: of its server the few requests that are used, of its controllers what becomes of a Job and its pod.

What runs pods is somebody else's: a node, which gets a pod and reports its status. Manifests must be valid by the schema of Kubernetes.
"""
from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import yaml
from jsonschema import Draft202012Validator

NAMESPACE, TOKEN = "ci", "machines-token"
MANIFESTS = Path(__file__).parents[3] / "deploy/kubernetes/jobs.yaml"
SCHEMAS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "deploy/kubernetes.json").read_text())
JOBS = re.compile(rf"/apis/batch/v1/namespaces/{NAMESPACE}/jobs(?:/([a-z0-9-]+))?")
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
# What a fault does instead of answering, or after what was asked was done.
LOST_ANSWER, SILENCE = "lost answer", "silence"
SILENT_SECONDS = 0.3
Object = dict[str, Any]


class Node(Protocol):
    """What runs pods."""

    def start(self, pod: Object, report: Callable[[Object], None]) -> None:
        """Begin to run a pod; each change of its status is reported."""

    def stop(self, pod: Object) -> None:
        """End a pod: SIGTERM, then SIGKILL after its grace period; return once nothing of it runs, which is reported."""


@dataclass
class Fault:
    """What becomes of the next requests of this method to this kind: an HTTP status, or no answer."""

    method: str
    kind: str
    what: int | str
    times: int = 1


@dataclass
class Cluster:
    """The objects of a cluster, and those who watch them."""

    node: Node
    # What the machine's role allows: resources and verbs.
    allowed: set[tuple[str, str]]
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    jobs: dict[str, Object] = field(default_factory=dict)
    pods: dict[str, Object] = field(default_factory=dict)
    # The pods of all Jobs that there ever were, as they were made.
    made: list[Object] = field(default_factory=list)
    events: list[tuple[int, str, Object]] = field(default_factory=list)
    version: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def create(self, job: Object) -> tuple[int, Object]:
        """Take a Job, and make its pod."""
        name = job["metadata"]["name"]
        wrong = [f"{error.json_path}: {error.message}" for error in _schema().iter_errors(job)]
        if wrong:
            return 422, _failure(422, "; ".join(wrong))
        with self.changed:
            if name in self.jobs:
                return 409, _failure(409, f'jobs.batch "{name}" already exists')
            self.jobs[name] = {**job, "status": {"active": 1}, "metadata": {**job["metadata"], "uid": str(uuid4())}}
        self.make_pod(name)
        return 201, self.jobs[name]

    def make_pod(self, job: str) -> Object:
        """What the Job's controller does; once, unless a test wants more."""
        template = self.jobs[job]["spec"]["template"]
        labels = {**template["metadata"]["labels"], "job-name": job}
        name = f"{job}-{uuid4().hex[:5]}"
        pod: Object = {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": template["spec"],
            "status": {"phase": "Pending"}}
        with self.changed:
            self.pods[name] = pod
            self.made.append(pod)
            self._note("ADDED", pod)
        self.node.start(pod, lambda status: self.report(name, status))
        return pod

    def report(self, name: str, status: Object) -> None:
        """What a node says of a pod, and what the Job's controller makes of it."""
        with self.changed:
            pod = self.pods.get(name)
            if pod is None:
                return
            pod["status"] = status
            self._note("MODIFIED", pod)
            job = self.jobs.get(pod["metadata"]["labels"]["job-name"])
            if job is not None and status["phase"] == "Failed":
                _condition(job, "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
            if job is not None and status["phase"] == "Succeeded":
                _condition(job, "Complete", "CompletionsReached", "")

    def delete(self, name: str) -> tuple[int, Object]:
        """Delete a Job: with its pods in the foreground, which goes on after the answer."""
        with self.changed:
            if name not in self.jobs:
                return 404, _failure(404, f'jobs.batch "{name}" not found')
            job = self.jobs[name]
            is_first = "deletionTimestamp" not in job["metadata"]
            job["metadata"]["deletionTimestamp"] = datetime.now(UTC).isoformat()
        if is_first:
            threading.Thread(target=self._remove, args=(name,), daemon=True).start()
        return 200, job

    def _remove(self, name: str) -> None:
        for pod in self.of_job(name):
            self.remove_pod(pod)
        with self.changed:
            self.jobs.pop(name)
            self.changed.notify_all()

    def remove_pod(self, pod: Object) -> None:
        """End a pod and forget it, as the cluster does with one that was deleted."""
        with self.changed:
            pod["metadata"]["deletionTimestamp"] = datetime.now(UTC).isoformat()
            self._note("MODIFIED", pod)
        self.node.stop(pod)
        with self.changed:
            if self.pods.pop(pod["metadata"]["name"], None) is not None:
                self._note("DELETED", pod)
            job = self.jobs.get(pod["metadata"]["labels"]["job-name"])
            if job is not None and "conditions" not in job["status"]:
                _condition(job, "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")

    def expire(self, name: str) -> None:
        """What becomes of a Job that runs past its deadline."""
        with self.changed:
            _condition(self.jobs[name], "Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
        for pod in self.of_job(name):
            self.remove_pod(pod)

    def of_job(self, name: str) -> list[Object]:
        """The pods of a Job."""
        return [pod for pod in list(self.pods.values()) if pod["metadata"]["labels"]["job-name"] == name]

    def fault(self, method: str, kind: str) -> Fault | None:
        """The fault that this request meets."""
        for fault in self.faults:
            if (fault.method, fault.kind) == (method, kind) and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def watch(self, selector: Mapping[str, str], version: int, seconds: float) -> Iterator[Object]:
        """The events of pods after a version."""
        until, seen = time.monotonic() + seconds, version
        while (left := until - time.monotonic()) > 0:
            with self.changed:
                news = [each for each in self.events if each[0] > seen]
                if not news:
                    self.changed.wait(left)
                    continue
            seen = news[-1][0]
            for _, kind, pod in news:
                if selector.items() <= pod["metadata"]["labels"].items():
                    yield {"type": kind, "object": pod}

    def _note(self, kind: str, pod: Object) -> None:
        self.version += 1
        pod["metadata"]["resourceVersion"] = str(self.version)
        self.events.append((self.version, kind, json.loads(json.dumps(pod))))
        self.changed.notify_all()


class ApiServer:
    """The cluster's server, on a port of this host."""

    def __init__(self, node: Node, tls: ssl.SSLContext | None = None) -> None:
        self.cluster = Cluster(node, allowed_by(MANIFESTS))
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Requests", (_Requests,), {"cluster": self.cluster}))
        self._http.daemon_threads = True
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def write_config(self, file: Path) -> str:
        """Write the access to this cluster into a file, as kubectl has it; its path."""
        file.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "tests",
            "clusters": [{"name": "tests", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "machine", "user": {"token": TOKEN}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "machine", "namespace": NAMESPACE}}]}))
        return str(file)

    def close(self) -> None:
        """Stop answering."""
        self._http.shutdown()
        self._http.server_close()


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cluster: Cluster

    def do_GET(self) -> None:
        self._handle(self._get)

    def do_POST(self) -> None:
        body = self._body()
        self._handle(lambda _path, _query: self._answer(*self.cluster.create(body)))

    def do_DELETE(self) -> None:
        body = self._body()
        assert body["propagationPolicy"] == "Foreground"
        self._handle(lambda path, _query: self._answer(*self.cluster.delete(_job_of(path))))

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

    def _handle(self, carry_out: Callable[[str, Mapping[str, str]], None]) -> None:
        asked = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        kind = ("watch" if "watch" in query else "pods") if asked.path == PODS else "jobs"
        self.cluster.asked.append((self.command, kind))
        scheme, _, token = self.headers["Authorization"].partition(" ")
        if (scheme.lower(), token) != ("bearer", TOKEN):
            self._answer(401, _failure(401, "Unauthorized"))
            return
        resource = "jobs" if kind == "jobs" else "pods"
        verb = {"POST": "create", "DELETE": "delete"}.get(self.command) or (
            "watch" if kind == "watch" else "get" if kind == "jobs" and _job_of(asked.path) else "list")
        if (resource, verb) not in self.cluster.allowed:
            self._answer(403, _failure(403, f"the role does not allow to {verb} {resource}"))
            return
        fault = self.cluster.fault(self.command, kind)
        if fault is None:
            carry_out(asked.path, query)
        elif isinstance(fault.what, int):
            self._answer(fault.what, _failure(fault.what, f"a fault of {fault.what}"))
        else:
            if fault.what == LOST_ANSWER:
                self.wfile = BytesIO()
                carry_out(asked.path, query)
            time.sleep(SILENT_SECONDS)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _get(self, path: str, query: Mapping[str, str]) -> None:
        selector = dict(each.split("=") for each in query.get("labelSelector", "").split(",") if each)
        if path == PODS and "watch" in query:
            self._stream(self.cluster.watch(selector, int(query["resourceVersion"]), float(query["timeoutSeconds"])))
        elif path == PODS:
            with self.cluster.changed:
                self._answer(200, self._list(list(self.cluster.pods.values()), selector))
        elif name := _job_of(path):
            found = self.cluster.jobs.get(name)
            self._answer(*((200, found) if found is not None else (404, _failure(404, f'jobs.batch "{name}" not found'))))
        else:
            self._answer(200, self._list(list(self.cluster.jobs.values()), selector))

    def _list(self, objects: Sequence[Object], selector: Mapping[str, str]) -> Object:
        items = [each for each in objects if selector.items() <= each["metadata"]["labels"].items()]
        return {"items": items, "metadata": {"resourceVersion": str(self.cluster.version)}}

    def _stream(self, events: Iterator[Object]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for event in events:
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.write(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self, status: int, body: Object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> Object:
        found: Object = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return found


def allowed_by(file: Path) -> set[tuple[str, str]]:
    """What the one role of a file of manifests allows."""
    [role] = [each for each in yaml.safe_load_all(file.read_text()) if each["kind"] == "Role"]
    return {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}


def _job_of(path: str) -> str:
    found = JOBS.fullmatch(path)
    assert found is not None, f"nobody asks a cluster for {path}"
    return found.group(1) or ""


def _failure(status: int, message: str) -> Object:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": status}


def _condition(job: Object, kind: str, reason: str, message: str) -> None:
    job["status"] = {"conditions": [{"type": kind, "status": "True", "reason": reason, "message": message}]}


def _schema() -> Draft202012Validator:
    return Draft202012Validator({**SCHEMAS["kinds"]["batch/v1/Job"], "$defs": SCHEMAS["$defs"]})
