"""What is asked of a cluster, through the official client; loaded only where jobs are run in one.

By the client's generic call: its classes for Jobs and pods take three times the memory, and each running step has a guard of its own.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kubernetes import config as access
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config.incluster_config import SERVICE_CERT_FILENAME, SERVICE_TOKEN_FILENAME, InClusterConfigLoader
from urllib3.exceptions import HTTPError

# Every cluster has this name in its server's certificate. Guards have no environment that would tell the address.
INSIDE = {"KUBERNETES_SERVICE_HOST": "kubernetes.default.svc", "KUBERNETES_SERVICE_PORT": "443"}
CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 30.0
NOT_FOUND = 404


class ClusterError(Exception):
    """The cluster refused, or does not answer; `status` is its HTTP status, 0 where there was none."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_refusal(self) -> bool:
        """Whether asking again would not help."""
        return 400 <= self.status < 500 and self.status not in (408, 429)


class Cluster:
    """A cluster, and the namespace in it that is ours. `config` is a file as kubectl has it; empty: by the pod's service account."""

    def __init__(self, config: str) -> None:
        settings = Configuration()
        try:
            if config:
                access.load_kube_config(config_file=config, client_configuration=settings)
                _, used = access.list_kube_config_contexts(config_file=config)
                self._namespace = str(used["context"].get("namespace", "default"))
            else:
                InClusterConfigLoader(SERVICE_TOKEN_FILENAME, SERVICE_CERT_FILENAME, environ=INSIDE).load_and_set(settings)
                self._namespace = Path(SERVICE_TOKEN_FILENAME).with_name("namespace").read_text().strip()
        except (access.ConfigException, OSError) as fault:
            raise ClusterError(0, f"there is no access to a cluster: {fault}") from fault
        self._client = ApiClient(settings)

    def create_job(self, manifest: Mapping[str, Any]) -> None:
        """Create a Job. Raises ClusterError."""
        self._ask("POST", self._jobs(), body=manifest)

    def read_job(self, name: str) -> dict[str, Any] | None:
        """A Job; None where there is none. Raises ClusterError."""
        try:
            return self._ask("GET", self._jobs(name))
        except ClusterError as fault:
            if fault.status != NOT_FOUND:
                raise
            return None

    def delete_job(self, name: str) -> None:
        """Delete a Job, which goes once its pods have; they get SIGTERM. One that is gone is fine. Raises ClusterError."""
        try:
            self._ask("DELETE", self._jobs(name), body={"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"})
        except ClusterError as fault:
            if fault.status != NOT_FOUND:
                raise

    def list_jobs(self, selector: str) -> list[dict[str, Any]]:
        """The Jobs with these labels. Raises ClusterError."""
        found: list[dict[str, Any]] = self._ask("GET", self._jobs(), query={"labelSelector": selector})["items"]
        return found

    def list_pods(self, job: str) -> tuple[list[dict[str, Any]], str]:
        """The pods of a Job, and the version of this list. Raises ClusterError."""
        found = self._ask("GET", self._pods(), query={"labelSelector": f"job-name={job}"})
        return found["items"], found["metadata"]["resourceVersion"]

    def await_change(self, job: str, version: str, seconds: int) -> dict[str, Any] | None:
        """The first event of a Job's pods after a version; None where there is none within so many seconds. Raises ClusterError."""
        query = {"labelSelector": f"job-name={job}", "watch": "true", "resourceVersion": version, "timeoutSeconds": str(seconds)}
        try:
            answer = self._request("GET", self._pods(), query, None, seconds + READ_TIMEOUT).response
            with closing(answer):
                said: dict[str, Any] | None = json.loads(next(iter(answer), "null"))
            return None if said is None or said["type"] == "ERROR" else said
        except (ApiException, HTTPError, OSError, ValueError) as fault:
            raise _error(fault) from fault

    def _ask(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        try:
            answer = self._request(method, path, query, body, READ_TIMEOUT)
            said: dict[str, Any] = json.loads(answer.read())
            return said
        except (ApiException, HTTPError, OSError, ValueError) as fault:
            raise _error(fault) from fault

    def _request(self, method: str, path: str, query: Mapping[str, str] | None, body: Mapping[str, Any] | None, timeout: float) -> Any:
        headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if body is not None else {})}
        request = self._client.param_serialize(
            method, path, query_params=list((query or {}).items()), header_params=headers, body=body, auth_settings=["BearerToken"])
        answer = self._client.call_api(*request, _request_timeout=(CONNECT_TIMEOUT, timeout))
        if not 200 <= answer.status < 300:
            answer.read()
            raise ApiException(http_resp=answer)
        return answer

    def _jobs(self, name: str = "") -> str:
        return f"/apis/batch/v1/namespaces/{self._namespace}/jobs" + (f"/{quote(name)}" if name else "")

    def _pods(self) -> str:
        return f"/api/v1/namespaces/{self._namespace}/pods"


def _error(fault: Exception) -> ClusterError:
    if not isinstance(fault, ApiException):
        return ClusterError(0, f"the cluster does not answer: {fault}")
    message = f"the cluster answered {fault.status}"
    with suppress(ValueError, KeyError, TypeError):
        message = str(json.loads(fault.body or "")["message"])
    return ClusterError(fault.status or 0, message)
