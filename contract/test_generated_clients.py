"""Clients that are generated from the documents as a server serves them, at work on that server; and what linters say of the documents.

The generators of TypeScript and the linters are Node's, installed by `npm ci` in `contract/generated_clients`.
"""
from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from contract.application import ADMIN, KNOWN_JOB, PASSWORD
from contract.documents import FOLDER, Document, load_documents
from contract.fixtures import KNOWN
from contract.live_fuzz import serving
from tests.parts import lacking, need
from tests.submitted_jobs import zip_of

HERE = Path(__file__).parent / "generated_clients"
MODULES = HERE / "node_modules"
DOCUMENTS = load_documents()
SERVED = {
    "ci_api": "/api/v1/openapi.json", "jobs": "/openapi-jobs.json", "workers": "/openapi-worker.json",
    "sample_platform": "/openapi-platform-api.json", "machines": "/openapi-machines.json"}
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)


def installed(name: str) -> list[str]:
    """How a program of the folder is started; the test is skipped where it is not installed."""
    program = MODULES / ".bin" / name
    if not program.exists():
        lacking(f"{name} is not installed: run `npm ci` in contract/generated_clients")
    return [need("node"), str(program)]


def run(command: Sequence[str], folder: Path, **environment: str) -> str:
    """What a program printed; it fails the test where the program says that something is wrong."""
    ended = subprocess.run(command, cwd=folder, env=os.environ | QUIET | environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{command} ended with {ended.returncode}:\n{ended.stdout[-5000:]}\n{ended.stderr[-5000:]}"
    return ended.stdout


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that has something to show."""
    with serving(tmp_path_factory.mktemp("served")) as address:
        yield address


@pytest.fixture(scope="module")
def documents(address: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The documents as that server serves them, by the names of their clients."""
    folder = tmp_path_factory.mktemp("documents")
    for name, path in SERVED.items():
        with urlopen(f"{address}{path}") as served:
            (folder / f"{name}.json").write_bytes(served.read())
    return {name: folder / f"{name}.json" for name in SERVED}


def arguments(address: str) -> list[str]:
    """What the programs are told: the server, an account of it, a project, and a job that is over."""
    return [address, ADMIN, PASSWORD, base64.b64encode(zip_of()).decode(), KNOWN_JOB["job_id"]]


def check(found: dict[str, Any], address: str) -> None:
    """What a program found is what the server has."""
    link, text = found.pop("link"), found.pop("finished_text")

    assert link.startswith(f"<{address}/api/v1/runs?") and 'rel="next"' in link
    assert text.startswith("Installing dependencies...\n") and text.count("test_sums.py::test_two FAILED\n") == 100
    assert found == {
        "run_id": KNOWN["run_id"], "failing_since": KNOWN["run_id"], "code": "OUTPUT_DIFF", "removed": ["Hello"], "log_bytes": 6000,
        "refusal": "not_found", "job_status": "queued", "canceled_end": {"type": "complete", "success": False},
        "finished_end": {"type": "complete", "success": False}, "artifact": ["report.xml", 13]}


@pytest.mark.verify
def test_a_python_client_works(address: str, documents: dict[str, Path], tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("openapi-python-client")
    if not program.exists():
        lacking(f"{program.name} is not installed: it belongs to the extra `test`")
    options = ["--config", str(HERE / "openapi-python-client.yaml"), "--meta", "none", "--fail-on-warning"]
    for name, document in documents.items():
        run([str(program), "generate", "--path", str(document), "--output-path", str(tmp_path / name), *options], tmp_path)

    found = run([sys.executable, str(HERE / "program.py"), *arguments(address)], tmp_path, PYTHONPATH=str(tmp_path))

    check(json.loads(found), address)


@pytest.mark.verify
def test_a_typescript_client_is_strictly_typed_and_works(address: str, documents: dict[str, Path], tmp_path: Path) -> None:
    for name, document in documents.items():
        options = ["--client", "@hey-api/client-fetch", "--no-log-file", "--silent"]
        run([*installed("openapi-ts"), "--input", str(document), "--output", str(tmp_path / name), *options], HERE)
    for name in ("program.ts", "tsconfig.json"):
        shutil.copy(HERE / name, tmp_path)

    run([*installed("tsc"), "--project", str(tmp_path)], tmp_path)
    found = run([need("node"), str(tmp_path / "compiled" / "program.js"), *arguments(address)], tmp_path)

    check(json.loads(found), address)


@each_document
@pytest.mark.verify
def test_spectral_finds_nothing(document: Document) -> None:
    options = ["--ruleset", str(HERE / "spectral.yaml"), "--fail-severity", "hint"]

    run([*installed("spectral"), "lint", *options, str(FOLDER / document.name)], HERE)


def test_redocly_finds_nothing() -> None:
    paths = [str(FOLDER / document.name) for document in DOCUMENTS]

    run([*installed("redocly"), "lint", "--config", str(HERE / "redocly.yaml"), *paths], HERE)


@pytest.mark.verify
def test_linters_are_heard_when_they_find_something(tmp_path: Path) -> None:
    flawed = tmp_path / "flawed.yaml"
    flawed.write_text(DOCUMENTS[0].text.replace("operationId: list_runs\n", "operationId: listRuns!\n"), "utf-8")

    with pytest.raises(AssertionError, match="operation-id-plain"):
        run([*installed("spectral"), "lint", "--ruleset", str(HERE / "spectral.yaml"), "--fail-severity", "hint", str(flawed)], HERE)


def test_the_lock_names_no_registry_but_the_public_one() -> None:
    packages = json.loads((HERE / "package-lock.json").read_text("utf-8"))["packages"]

    places = {package["resolved"] for package in packages.values() if "resolved" in package}

    assert [place for place in places if not place.startswith("https://registry.npmjs.org/")] == []
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []
