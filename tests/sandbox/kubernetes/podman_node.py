"""A node of the stand-in's cluster, which runs pods by `podman kube play`.

What a node does of a pod before any engine hears of it is done here, since this Podman does not: it shows a claim's folder by its path,
expands names of variables, adds the token of the service account and the address of the cluster's server, and keeps the policies
of the network: a pod that may reach nothing has no network, any other has the host's.
"""
from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.e2e.processes import eventually
from tests.parts import need
from tests.sandbox.kubernetes.api_server import Object

POLL_SECONDS = 0.1
# A container that hangs makes Podman hang, too.
PODMAN_SECONDS = 60
# Podman's own may be higher than this host's.
ULIMITS = ["nofile=4096:4096", "nproc=4096:4096"]
REFERENCE = re.compile(r"\$(?:\$|\(([A-Za-z0-9_.-]+)\))")
SECRET = "/var/run/secrets/kubernetes.io/serviceaccount"


class PodmanNode:
    """A node. `claims` are the folders of volume claims, `policies` the cluster's NetworkPolicies; `folder` is Podman's."""

    def __init__(self, folder: Path, claims: Mapping[str, Path], policies: list[Object]) -> None:
        self.claims, self.policies, self.server_port = claims, policies, 0
        self.folder = folder
        self._is_over, self._asking = False, 0
        self._counting = threading.Lock()
        for name in ("pods", "account"):
            (folder / name).mkdir(exist_ok=True)
        (folder / "account/token").write_text("a service account's token")
        (folder / "containers.conf").write_text(f"[containers]\ndefault_ulimits = {json.dumps(ULIMITS)}\n")

    def start(self, pod: Object, report: Callable[[Object], None]) -> None:
        """Play the pod, and report how it goes."""
        threading.Thread(target=self._run, args=(pod, report), daemon=True).start()

    def stop(self, pod: Object) -> None:
        """Stop the pod and remove it."""
        name = pod["metadata"]["name"]
        # Not by its pod, which would end the first process of all at the same time.
        self._podman("stop", "--time", str(pod["spec"]["terminationGracePeriodSeconds"]), f"{name}-job")
        if (status := self._status(name)) is not None:
            pod["status"] = status
        self._podman("pod", "rm", "--force", "--time=0", name)

    def clear(self) -> None:
        """Remove what a test that failed has left, and ask Podman nothing more, which would make its folder again."""
        self._podman("pod", "rm", "--all", "--force", "--time=0")
        self._is_over = True
        eventually(lambda: self._asking == 0, "the last answers")

    def _run(self, pod: Object, report: Callable[[Object], None]) -> None:
        name = pod["metadata"]["name"]
        file = self.folder / "pods" / f"{name}.yaml"
        file.write_text(json.dumps(self._played(pod)))
        network = "none" if self.is_cut_off(pod["metadata"]["labels"]) else "host"
        played = self._podman("kube", "play", f"--network={network}", str(file))
        if played.returncode:
            report({"phase": "Failed", "reason": "Unplayable", "message": played.stderr})
            return
        reported: Object | None = None
        while (status := self._status(name)) is not None:
            if status != reported:
                report(status)
                reported = status
            if status["phase"] in ("Succeeded", "Failed"):
                return
            time.sleep(POLL_SECONDS)

    def is_cut_off(self, labels: Mapping[str, str]) -> bool:
        """Whether the policies let a pod with these labels reach nothing."""
        chosen = [each["spec"] for each in self.policies if each["spec"]["podSelector"].get("matchLabels", {}).items() <= labels.items()]
        leaving = [each for each in chosen if "Egress" in each["policyTypes"]]
        return bool(leaving) and not any(each.get("egress") for each in leaving)

    def _status(self, name: str) -> Object | None:
        said = self._podman("inspect", "--type=container", f"{name}-job")
        if said.returncode:
            return None
        state = json.loads(said.stdout)[0]["State"]
        if state["Status"] not in ("exited", "stopped"):
            return {"phase": "Running", "containerStatuses": [{"name": "job", "state": {"running": {}}}]}
        code = state["ExitCode"]
        reason = "OOMKilled" if state["OOMKilled"] else "Error" if code else "Completed"
        terminated = {"exitCode": code, "reason": reason}
        return {"phase": "Failed" if code else "Succeeded", "containerStatuses": [{"name": "job", "state": {"terminated": terminated}}]}

    def _played(self, pod: Object) -> Object:
        """The pod as this Podman understands it."""
        made = copy.deepcopy(pod)
        made.pop("status")
        spec = made["spec"]
        [container] = spec["containers"]
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        spec["volumes"] = []
        for number, mount in enumerate(container["volumeMounts"]):
            volume = volumes[mount["name"]]
            # Podman's volumes are known by their names alone, in all pods.
            mount["name"] = f"{made['metadata']['name']}-{number}"
            source = {"emptyDir": {}} if "emptyDir" in volume else self._shown(volume, mount.pop("subPath"))
            spec["volumes"].append({"name": mount["name"], **source})
        if spec.get("automountServiceAccountToken") is not False:
            container["volumeMounts"].append({"name": "account", "mountPath": SECRET})
            spec["volumes"].append({"name": "account", **_host_path(self.folder / "account")})
        expanded = {each["name"]: each["value"] for each in container["env"]}
        container["env"] = [{"name": name, "value": _expanded(value, {})} for name, value in expanded.items()]
        container["env"] += [
            {"name": "KUBERNETES_SERVICE_HOST", "value": "127.0.0.1"}, {"name": "KUBERNETES_SERVICE_PORT", "value": str(self.server_port)}]
        # This Podman cannot read a word that begins with the end of a line, which no program of these tests looks at.
        container["command"] = [_expanded(word, expanded).lstrip("\n") for word in container["command"]]
        return made

    def _shown(self, volume: Object, inner: str) -> Object:
        root = self.claims[volume["persistentVolumeClaim"]["claimName"]].resolve()
        found = (root / inner).resolve()
        assert found.is_relative_to(root), f"{inner} leads out of the claim"
        return _host_path(found)

    def _podman(self, *words: str) -> subprocess.CompletedProcess[str]:
        if self._is_over:
            return subprocess.CompletedProcess(words, 1, "", "")
        command = (
            need("podman"), f"--root={self.folder}/root", f"--runroot={self.folder}/run", "--storage-driver=overlay",
            "--cgroup-manager=cgroupfs", "--runtime=runc", "--events-backend=file", *words)
        variables = {**os.environ, "TMPDIR": f"{self.folder}/tmp", "CONTAINERS_CONF": f"{self.folder}/containers.conf"}
        with self._counted():
            try:
                return subprocess.run(
                    command, capture_output=True, text=True, check=False, cwd=self.folder, env=variables, timeout=PODMAN_SECONDS)
            except subprocess.TimeoutExpired:
                return subprocess.CompletedProcess(words, 1, "", "Podman does not answer.")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._counting:
            self._asking += 1
        try:
            yield
        finally:
            with self._counting:
                self._asking -= 1


def policies_of(file: Path) -> list[Object]:
    """The NetworkPolicies of a file of manifests."""
    return [each for each in yaml.safe_load_all(file.read_text()) if each is not None and each["kind"] == "NetworkPolicy"]


def _host_path(path: Path) -> Object:
    return {"hostPath": {"path": str(path), "type": "Directory" if path.is_dir() else "File"}}


def _expanded(word: str, variables: Mapping[str, str]) -> str:
    """A word as a container gets it: two dollar signs are one, and $(NAME) is a variable's value, where there is one."""
    return REFERENCE.sub(lambda found: "$" if found[0] == "$$" else variables.get(found[1], found[0]), word)
