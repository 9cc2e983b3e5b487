"""Fuzzes a live server with the schemathesis command line: `python -m contract.live_fuzz [options of schemathesis run]`.

Without options it also fails if an operation was never answered with a success: nothing is known of what was only refused.
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
from contract.documents import load_documents

HERE = Path(__file__).parent
CONFIGURATION = HERE / "schemathesis.toml"
DOCUMENTS = ("/api/v1/openapi.json", "/openapi-worker.json", "/openapi-jobs.json", "/openapi-platform-api.json")
START_SECONDS = 120
SUCCESS = re.compile("operation=([a-z_]+) status=2")


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a server on a filled database in this folder, in a process of its own."""
    prepare(settings_for(folder))
    port = _free_port()
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "api.asgi:app", "--port", str(port), "--timeout-graceful-shutdown", "3"],
            env=os.environ | _environment(folder, port), stdout=log, stderr=log, cwd=HERE.parent)
        try:
            _wait_until_it_answers(f"http://127.0.0.1:{port}/api/v1/system/health", server, folder / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(START_SECONDS)


def _environment(folder: Path, port: int) -> dict[str, str]:
    limits = {f"CI_RATE_{name}": str(UNLIMITED) for name in ("READS", "WRITES", "LOGINS", "ANONYMOUS", "WORKER")}
    settings = settings_for(folder)
    return limits | {
        "CI_DATABASE_URL": settings.database_url, "SAMPLE_REPOSITORY": str(settings.storage_root),
        "CI_TOKENS_PER_USER": str(settings.tokens_per_user), "CI_JOBS": settings.jobs, "CI_MAX_WAIT": str(settings.max_wait),
        "CI_PUBLIC_URL": f"http://127.0.0.1:{port}"}


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


def fuzz(address: str, options: Sequence[str]) -> int:
    """Run the command line over each document in turn. Returns how many of the runs failed."""
    # The hooks are imported by their module's name.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])}
    program = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIGURATION), "run"]
    runs = [[*program, f"{address}{document}", *options] for document in DOCUMENTS]
    return sum(subprocess.run(run, env=environment, check=False).returncode != 0 for run in runs)


def main(options: Sequence[str]) -> int:
    """Serve, fuzz, and say whether all was well; if not, also what the server's log has to say."""
    with tempfile.TemporaryDirectory(prefix="ci-fuzz-") as folder:
        with serving(Path(folder)) as address:
            failed = fuzz(address, options)
        log = (Path(folder) / "server.log").read_text(errors="replace")
    if failed:
        print(_complaints(log), file=sys.stderr)
    unreached = [] if options else never_successful(log)
    if unreached:
        print(f"never answered with a success: {', '.join(unreached)}", file=sys.stderr)
    return failed + len(unreached)


def never_successful(log: str) -> list[str]:
    """The operations that the server never answered with a success, but for those that the configuration says it always refuses."""
    projects = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))["project"]
    refused = {
        name for project in projects for each in project.get("operations", ()) if not each.get("enabled", True)
        for name in each["include-operation-id"]}
    operations = (operation.operation_id for document in load_documents() for operation in document.operations)
    return sorted(set(operations) - refused - set(SUCCESS.findall(log)))


def _complaints(log: str) -> str:
    """The log without its ordinary lines."""
    ordinary = " INFO ", " WARNING api.services.runs.worker_reports ", '"logger": "api.audit"'
    return "\n".join(line for line in log.splitlines() if not any(words in line for words in ordinary))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
