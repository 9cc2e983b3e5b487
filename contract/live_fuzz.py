"""Fuzzes a live server with the schemathesis command line: `python -m contract.live_fuzz [--own] [options of schemathesis run]`.

`--own` leaves out the Sample Platform's API and the pages, which take half of the time.
Without further options it also fails if an operation was never answered with a success: nothing is known of what was only refused.
"""
from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from contract.application import UNLIMITED, prepare, settings_for
from contract.documents import FOLDER, PAGES, Operation, load_documents, load_pages
from contract.github_stand_in import github

HERE = Path(__file__).parent
CONFIGURATION = HERE / "schemathesis.toml"
# Where the server publishes each document. It does not publish that of the pages.
OWN = {
    "openapi-ci-api.yaml": "/api/v1/openapi.json", "openapi-worker.yaml": "/openapi-worker.json",
    "openapi-machines.yaml": "/openapi-machines.json", "openapi-jobs.yaml": "/openapi-jobs.json"}
PUBLISHED = {**OWN, "openapi-platform-api.yaml": "/openapi-platform-api.json"}
ALL = (*PUBLISHED, PAGES)
OWN_ONLY = "--own"
START_SECONDS = 120
ANSWERED = re.compile("operation=([a-z_]+) status=([0-9]{3})")


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a server on a filled database in this folder, in a process of its own."""
    prepare(settings_for(folder))
    port = _free_port()
    with github() as github_url, (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "api.asgi:app", "--port", str(port), "--timeout-graceful-shutdown", "3"],
            env=os.environ | _environment(folder, port, github_url), stdout=log, stderr=log, cwd=HERE.parent)
        try:
            _wait_until_it_answers(f"http://127.0.0.1:{port}/api/v1/system/health", server, folder / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(START_SECONDS)


def _environment(folder: Path, port: int, github_url: str) -> dict[str, str]:
    limits = {f"CI_RATE_{name}": str(UNLIMITED) for name in ("READS", "WRITES", "LOGINS", "ANONYMOUS", "WORKER")}
    settings = settings_for(folder)
    return limits | {
        "CI_DATABASE_URL": settings.database_url, "SAMPLE_REPOSITORY": str(settings.storage_root),
        "CI_TOKENS_PER_USER": str(settings.tokens_per_user), "CI_JOBS": settings.jobs, "CI_MAX_WAIT": str(settings.max_wait),
        "CI_PUBLIC_URL": f"http://127.0.0.1:{port}", "CI_GITHUB_URL": github_url, "CI_GITHUB_API_URL": github_url,
        "CI_GITHUB_CLIENT_ID": "fuzzer"}


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait_until_it_answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')}")


def fuzz(address: str, document: str, options: Sequence[str]) -> int:
    """Run the command line over a document, of which it returns the exit status."""
    # The hooks are imported by their module's name.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])}
    program = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIGURATION), "run"]
    return subprocess.run([*program, *_location(address, document), *options], env=environment, check=False).returncode


def _location(address: str, document: str) -> tuple[str, ...]:
    """Where the fuzzer finds a document: on the server, but for the one that the server does not publish."""
    return (f"{address}{PUBLISHED[document]}",) if document in PUBLISHED else (str(FOLDER / document), "--url", address)


def main(arguments: Sequence[str]) -> int:
    """Fuzz each document on a server of its own, and say whether all was well; if not, also what the servers' logs have to say.

    What one document's requests decide about and end is there again for the next one's.
    """
    documents, options = (tuple(OWN), arguments[1:]) if arguments[:1] == [OWN_ONLY] else (ALL, arguments)
    failed, log = 0, ""
    for document in documents:
        with tempfile.TemporaryDirectory(prefix="ci-fuzz-") as folder:
            with serving(Path(folder)) as address:
                failed += fuzz(address, document, options) != 0
            log += (Path(folder) / "server.log").read_text(errors="replace")
    if failed:
        print(_complaints(log), file=sys.stderr)
    unreached = [] if options else never_successful(log, documents)
    if unreached:
        print(f"never answered with a success: {', '.join(unreached)}", file=sys.stderr)
    return failed + len(unreached)


def never_successful(log: str, documents: Sequence[str] = ALL) -> list[str]:
    """The operations of these documents that never had a success, but for those that are configured as always refused."""
    projects = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))["project"]
    refused = {
        name for project in projects for each in project.get("operations", ()) if not each.get("enabled", True)
        for name in each["include-operation-id"]}
    answered = set(ANSWERED.findall(log))
    operations = (
        operation for document in (*load_documents(), load_pages()) if document.name in documents for operation in document.operations)
    reached = {each.operation_id: any((each.operation_id, status) in answered for status in _successes(each)) for each in operations}
    return sorted(name for name, is_reached in reached.items() if not is_reached and name not in refused)


def _successes(operation: Operation) -> list[str]:
    """What an operation answers where it succeeds: a form that leads on has nothing else to say."""
    return [status for status in operation.responses if status.startswith("2")] or ["303"]


def _complaints(log: str) -> str:
    """The log without its ordinary lines."""
    ordinary = " INFO ", " WARNING api.services.runs.worker_reports ", '"logger": "api.audit"'
    return "\n".join(line for line in log.splitlines() if not any(words in line for words in ordinary))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
