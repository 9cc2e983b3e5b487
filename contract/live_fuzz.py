"""Fuzzes a live server with the schemathesis command line: `python -m contract.live_fuzz [options of schemathesis run]`."""
from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from contract.application import UNLIMITED, prepare, settings_for

HERE = Path(__file__).parent
CONFIGURATION = HERE / "schemathesis.toml"
DOCUMENTS = ("/api/v1/openapi.json", "/openapi-worker.json", "/openapi-jobs.json", "/openapi-platform-api.json")
START_SECONDS = 120


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
        if failed:
            print(_complaints((Path(folder) / "server.log").read_text(errors="replace")), file=sys.stderr)
    return failed


def _complaints(log: str) -> str:
    """The log without its ordinary lines."""
    ordinary = " INFO ", " WARNING api.services.runs.worker_reports ", '"logger": "api.audit"'
    return "\n".join(line for line in log.splitlines() if not any(words in line for words in ordinary))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
