"""The manifests for Kubernetes: valid by its own schemas, and each part finds what it needs of the others.

kubernetes.json has the schemas of Kubernetes 1.37 for these kinds, and what they refer to, without descriptions. They are from its
OpenAPI document (Apache License 2.0), as the package kubernetes-validate 1.37.0 has it, in its strict form, which allows no unknown fields.
"""
from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from api.cli import make_parser
from api.config import Settings, file_variables
from api.domain.metrics import QueueMetrics
from api.domain.runs.run import Platform, RunStatus
from api.specfirst.responses.metrics import RequestMetrics
from api.specfirst.responses.probes import LIVENESS, READINESS
from tests.builders import NOW
from tests.docs.pages import ROOT, text_of

FOLDER = ROOT / "deploy/kubernetes"
SCHEMAS: dict[str, Any] = json.loads(Path(__file__).with_name("kubernetes.json").read_text())
FILES = sorted(path.name for path in FOLDER.iterdir())
NOTHING = QueueMetrics(
    at=NOW, waiting={}, running={}, ended={}, refused=0, oldest_waiting=None, claim_seconds=(), agents=(), hooks=0, runs={})


def manifests(file: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all((FOLDER / file).read_text()) if each is not None]


def every(kind: str) -> dict[str, dict[str, Any]]:
    """All manifests of a kind, by name."""
    return {each["metadata"]["name"]: each for file in FILES for each in manifests(file) if each["kind"] == kind}


def faults(manifest: dict[str, Any]) -> Iterator[str]:
    """What the schema of a manifest's kind says against it."""
    schema = SCHEMAS["kinds"][f"{manifest['apiVersion']}/{manifest['kind']}"]
    for error in Draft202012Validator({**schema, "$defs": SCHEMAS["$defs"]}).iter_errors(manifest):
        yield f"{error.json_path}: {error.message}"


def pods() -> dict[str, dict[str, Any]]:
    """The specifications of all pods, by the name of what makes them."""
    return {name: each["spec"]["template"]["spec"] for kind in ("Deployment", "StatefulSet", "Job") for name, each in every(kind).items()}


def own_claims(pod: str) -> list[str]:
    """The names of the claims that each pod of a StatefulSet has of its own."""
    return [each["metadata"]["name"] for each in every("StatefulSet").get(pod, {}).get("spec", {}).get("volumeClaimTemplates", ())]


PODS = sorted(pods())


def container(pod: str) -> dict[str, Any]:
    [only] = pods()[pod]["containers"]
    found: dict[str, Any] = only
    return found


@pytest.mark.parametrize("file", FILES)
def test_each_manifest_is_valid_by_the_schema_of_its_kind(file: str) -> None:
    for manifest in manifests(file):
        assert list(faults(manifest)) == []


def test_the_schemas_know_no_unknown_fields_and_miss_none_that_must_be_there() -> None:
    [deployment] = every("Deployment").values()
    spec = deployment["spec"]

    misspelt = deployment | {"spec": spec | {"replica": 2}}
    without = deployment | {"spec": {key: value for key, value in spec.items() if key != "selector"}}

    assert len(list(faults(misspelt))) == 1
    assert len(list(faults(without))) == 1


@pytest.mark.parametrize("pod", PODS)
def test_each_pod_calls_a_command_with_settings_that_there_are(pod: str) -> None:
    known = {each.metadata["variable"] for each in fields(Settings)} | file_variables()
    configured = [source["configMapRef"]["name"] for source in container(pod)["envFrom"]]
    own = {each["name"] for each in container(pod).get("env", ()) if each["name"] != "POD_NAME"}

    make_parser().parse_args(container(pod)["args"])

    assert own <= known
    for name in configured:
        given = every("ConfigMap")[name]["data"]
        assert set(given) <= known
        Settings.from_environment({key: value for key, value in given.items() if key not in file_variables()})


@pytest.mark.parametrize("pod", PODS)
def test_each_pod_has_the_volumes_that_it_mounts(pod: str) -> None:
    volumes = {volume["name"]: volume for volume in pods()[pod]["volumes"]}
    claims = {each["persistentVolumeClaim"]["claimName"] for each in volumes.values() if "persistentVolumeClaim" in each}

    assert {mount["name"] for mount in container(pod)["volumeMounts"]} == {*volumes, *own_claims(pod)}
    assert claims <= set(every("PersistentVolumeClaim"))


@pytest.mark.parametrize("pod", PODS)
def test_each_pod_is_an_ordinary_user_without_capabilities_and_without_a_token_of_the_clusters_but_one(pod: str) -> None:
    confined = container(pod)["securityContext"]

    assert pods()[pod]["automountServiceAccountToken"] is (pod == "ci-job-machine")
    assert pods()[pod]["securityContext"]["runAsNonRoot"] is True
    assert (confined["allowPrivilegeEscalation"], confined["capabilities"]) == (False, {"drop": ["ALL"]})


def test_the_secrets_files_are_those_that_the_settings_name() -> None:
    [secret] = every("Secret").values()
    named = [path for key, path in every("ConfigMap")["ci-api"]["data"].items() if key in file_variables()]

    assert sorted(named) == [f"/run/secrets/ci/{key}" for key in sorted(secret["stringData"])]
    for pod in ("ci-api", "ci-migrate"):
        assert {"name": "secrets", "mountPath": "/run/secrets/ci", "readOnly": True} in container(pod)["volumeMounts"]
    assert "ci-api" not in json.dumps([container("ci-machine")["envFrom"], pods()["ci-machine"]["volumes"]])


@pytest.mark.parametrize("pod", ["ci-machine", "ci-job-machine"])
def test_a_machine_sees_one_token_where_its_command_looks_for_it(pod: str) -> None:
    [mount] = [each for each in container(pod)["volumeMounts"] if each["name"] == "tokens"]
    command = container(pod)["args"]

    assert mount["mountPath"] == command[command.index("--token-file") + 1]
    assert mount["subPathExpr"] == "$(POD_NAME)"
    assert container(pod)["env"][0] == {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}


def test_the_machine_that_makes_jobs_may_do_no_more_than_it_asks_of_the_cluster() -> None:
    [role], [binding], [account] = (list(every(kind).values()) for kind in ("Role", "RoleBinding", "ServiceAccount"))
    allowed = {resource: set(rule["verbs"]) for rule in role["rules"] for resource in rule["resources"]}

    assert allowed == {"jobs": {"create", "get", "list", "delete"}, "pods": {"list", "watch"}}
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account["metadata"]["name"]}]
    assert pods()["ci-job-machine"]["serviceAccountName"] == account["metadata"]["name"]


def test_the_machine_that_makes_jobs_works_on_the_claim_that_it_names() -> None:
    [claim] = own_claims("ci-job-machine")
    [mount] = [each for each in container("ci-job-machine")["volumeMounts"] if each["name"] == claim]
    given = every("ConfigMap")["ci-job-machine"]["data"]

    # A StatefulSet names the claims of its pods so.
    assert {"name": "CI_KUBERNETES_CLAIM", "value": f"{claim}-$(POD_NAME)"} in container("ci-job-machine")["env"]
    assert "subPath" not in mount
    assert Path(given["CI_WORK_DIR"]).parent == Path(mount["mountPath"])
    assert given["CI_SANDBOX"] == "kubernetes"


def test_services_select_pods_that_there_are_and_machines_find_the_server() -> None:
    labels = [each["spec"]["template"]["metadata"]["labels"] for kind in ("Deployment", "StatefulSet") for each in every(kind).values()]
    commands = [container(pod)["args"] for pod in ("ci-machine", "ci-job-machine")]

    for service in every("Service").values():
        assert service["spec"]["selector"] in labels
    [port] = every("Service")["ci-api"]["spec"]["ports"]
    for command in commands:
        assert command[command.index("--server") + 1] == f"http://ci-api:{port['port']}"


@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_probes_ask_what_the_server_answers(probe: str) -> None:
    assert container("ci-api")[probe]["httpGet"]["path"] == (READINESS if probe == "readinessProbe" else LIVENESS)


def test_machines_are_scaled_by_a_metric_that_the_server_shows() -> None:
    [scaler] = every("HorizontalPodAutoscaler").values()
    [metric] = [each["external"]["metric"] for each in scaler["spec"]["metrics"]]
    [rule] = yaml.safe_load(every("ConfigMap")["ci-adapter-rule"]["data"]["config.yaml"])["externalRules"]
    measured = replace(NOTHING, runs={(Platform.LINUX, RunStatus.QUEUED): 3, (Platform.LINUX, RunStatus.RUNNING): 2})

    text = RequestMetrics("1").text(measured).decode()
    shown = [
        sample.value for family in text_string_to_metric_families(text) for sample in family.samples
        if sample.name == metric["name"] == rule["seriesQuery"] and metric["selector"]["matchLabels"].items() <= sample.labels.items()]

    assert sum(shown) == 5
    assert scaler["spec"]["scaleTargetRef"]["name"] in every(scaler["spec"]["scaleTargetRef"]["kind"])


def test_the_page_names_every_manifest_and_gives_every_machine_a_token() -> None:
    page = text_of("docs/deployment.md")
    [scaler] = every("HorizontalPodAutoscaler").values()
    [block] = [each for each in page.split("```") if "machines add ci-machine" in each and "kubectl" in each]

    assert [name for name in FILES if f"`{name}`" not in page] == []
    assert f"for number in {' '.join(map(str, range(scaler['spec']['maxReplicas'])))}; do" in block
    assert pods()["ci-machine"]["volumes"][0]["secret"]["secretName"] in block
    make_parser().parse_args(["machines", "add", "ci-machine-0"])


def test_the_page_gives_the_machine_that_makes_jobs_a_token() -> None:
    [block] = [each for each in text_of("docs/deployment.md").split("```") if "machines add ci-job-machine" in each]
    machine = every("StatefulSet")["ci-job-machine"]
    [added] = [line.partition(" -- ci-api ")[2].split(" >") for line in block.splitlines() if "machines add" in line]

    make_parser().parse_args(added[0].split())

    # The first pod of a StatefulSet has this name; there is one unless the manifest says more.
    assert machine["spec"].get("replicas", 1) == 1
    assert added[1] == f"{machine['metadata']['name']}-0"
    assert f"--from-file={added[1]}" in block
    assert pods()["ci-job-machine"]["volumes"][0]["secret"]["secretName"] in block
