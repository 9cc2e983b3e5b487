"""A server that speaks as GitHub's documented API does of workflows' artifacts, and the storage that it sends downloads to."""
from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

API_TOKEN = "ghp_of_the_worker"
SIGNATURE = "sig=signed-by-the-storage"


@dataclass(frozen=True)
class Answer:
    """What is answered, whatever was asked."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class GitHubStandIn:
    """The API on one address, and the storage on another; `script` may answer a path of the API in its own way.

    `artifacts` are by the run that made them, `zips` by the artifact's id. Pages hold `per_page` items, at most as many as are asked for.
    """

    runs: list[dict[str, Any]] = field(default_factory=list)
    artifacts: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    zips: dict[int, bytes] = field(default_factory=dict)
    per_page: int = 100
    script: Callable[[str], Answer | None] = lambda path: None
    storage_script: Callable[[str], Answer | None] = lambda path: None
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    api_url: str = ""
    storage_url: str = ""

    def add(
        self, repository: str, commit: str, *, run_id: int = 1, name: str = "linux", content: bytes = b"", expired: bool = False,
        conclusion: str | None = "success", head_repository: str | None = None,
    ) -> None:
        """A workflow's run on a commit, with an artifact."""
        self.runs.append({
            "id": run_id, "head_sha": commit, "status": "completed" if conclusion else "in_progress", "conclusion": conclusion,
            "event": "push", "head_repository": {"full_name": head_repository or repository}})
        artifact_id = run_id * 100
        self.artifacts.setdefault(run_id, []).append({
            "id": artifact_id, "name": name, "size_in_bytes": len(content), "expired": expired,
            "archive_download_url": f"{self.api_url}/repos/{repository}/actions/artifacts/{artifact_id}/zip"})
        self.zips[artifact_id] = content

    def answer_api(self, path: str, headers: dict[str, str]) -> Answer:
        """What the API says."""
        if (scripted := self.script(path)) is not None:
            return scripted
        if headers.get("authorization") != f"Bearer {API_TOKEN}":
            return Answer(401, b'{"message": "Bad credentials"}')
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        words = parts.path.strip("/").split("/")
        match words[3:]:
            case ["actions", "runs"]:
                return self._page("workflow_runs", [run for run in self.runs if run["head_sha"] == query["head_sha"]], query)
            case ["actions", "runs", run_id, "artifacts"]:
                return self._page("artifacts", [each for each in self.artifacts[int(run_id)] if each["name"] == query["name"]], query)
            case ["actions", "artifacts", artifact_id, "zip"]:
                return Answer(302, headers={"Location": f"{self.storage_url}/{artifact_id}.zip?{SIGNATURE}"})
        return Answer(404, b'{"message": "Not Found"}')

    def answer_storage(self, path: str) -> Answer:
        """What the storage gives to whoever has a signed address."""
        if (scripted := self.storage_script(path)) is not None:
            return scripted
        parts = urlsplit(path)
        if parts.query != SIGNATURE:
            return Answer(403)
        return Answer(200, self.zips[int(parts.path.strip("/").removesuffix(".zip"))], {"Content-Type": "application/zip"})

    def _page(self, name: str, items: list[dict[str, Any]], query: Mapping[str, str]) -> Answer:
        size = min(self.per_page, int(query.get("per_page", "30")))
        begin = (int(query.get("page", "1")) - 1) * size
        return Answer(200, json.dumps({"total_count": len(items), name: items[begin:begin + size]}).encode())


def a_zip(files: Mapping[str, str | bytes], *, as_stream: bool = False) -> bytes:
    """A zip of files; `as_stream` as one is made that is sent while it is written, the way GitHub's uploads are."""
    written = _Unseekable() if as_stream else io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()


class _Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, *_: Any) -> int:
        raise io.UnsupportedOperation


@contextmanager
def serving(github: GitHubStandIn) -> Iterator[GitHubStandIn]:
    """The stand-in, listening on two addresses, for as long as the context lasts."""
    def handler(who: str) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                github.asked.append((who, self.path, headers))
                answer = github.answer_api(self.path, headers) if who == "api" else github.answer_storage(self.path)
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(answer.body)
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                return

        return Handler

    # Two addresses of loopback are two hosts to a client.
    servers = [ThreadingHTTPServer((address, 0), handler(who)) for who, address in (("api", "127.0.0.1"), ("storage", "127.0.0.2"))]
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    github.api_url, github.storage_url = (f"http://{server.server_address[0]!s}:{server.server_port}" for server in servers)
    try:
        yield github
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
