"""Fetches over HTTP, as from a public server: git's own program behind a small web server that can misbehave."""
from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from api.worker.run_error import RunError
from tests.worker.inputs import REPOSITORY
from tests.worker.sources.origin import NOBODYS, Origin
from tests.worker.sources.test_checkout import FILES, Desk, changed

Reply = tuple[int, dict[str, str]]


@dataclass
class GitServer:
    """Serves the repositories below a folder; `script` may answer a path in its own way, or return None for git's."""

    root: Path
    script: Callable[[str], Reply | None] = lambda path: None
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a request."""
        self.asked.append(handler.path)
        scripted = self.script(handler.path)
        status, headers, body = (*scripted, b"") if scripted is not None else self._backend(handler)
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def _backend(self, handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        path, _, query = handler.path.partition("?")
        length = handler.headers.get("Content-Length", "0")
        variables = {
            **NOBODYS, "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1", "REQUEST_METHOD": handler.command, "PATH_INFO": path,
            "QUERY_STRING": query, "CONTENT_TYPE": handler.headers.get("Content-Type", ""), "CONTENT_LENGTH": length,
            "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""), "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1"}
        done = subprocess.run(
            ["git", "http-backend"], input=handler.rfile.read(int(length)), env=variables, capture_output=True, check=False)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        return int(headers.pop("Status", "200").split()[0]), headers, body


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    serving = GitServer(tmp_path / "origins")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            serving.answer(self)

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            return

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving.url = f"http://127.0.0.1:{listening.server_port}"
    threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield serving
    listening.shutdown()
    listening.server_close()


@pytest.fixture
def desk(tmp_path: Path, server: GitServer) -> Desk:
    made = Desk(tmp_path)
    made.options = replace(made.options, base=server.url, pauses=(0, 0))
    return made


@pytest.fixture
def origin(desk: Desk) -> Origin:
    return Origin.make(desk.origins, REPOSITORY)


def test_a_commit_and_the_merge_of_a_pull_request_are_fetched(desk: Desk, origin: Origin) -> None:
    first = origin.commit("refs/heads/master", FILES)
    tip = origin.commit("refs/heads/master", changed(c_txt="c\n"), first)
    proposed = origin.commit("refs/pull/7/head", changed(d_txt="d\n"), first)

    newest = desk.check_out(tip)
    assert desk.is_shallow()
    merged = desk.check_out(proposed, pull_request=7)

    assert sorted(path.name for path in newest.iterdir()) == ["a.txt", "c.txt", "sub"]
    assert sorted(path.name for path in merged.iterdir()) == ["a.txt", "c.txt", "d.txt", "sub"]


def test_a_server_that_fails_for_a_moment_is_asked_again(desk: Desk, origin: Origin, server: GitServer) -> None:
    commit = origin.commit("refs/heads/master", FILES)
    failures: Iterator[Reply] = iter([(503, {}), (502, {})])
    server.script = lambda path: next(failures, None)

    assert (desk.check_out(commit) / "a.txt").exists()
    assert desk.log.count("was not reached; trying again") == 2


def test_a_server_that_fails_for_good_is_given_up(desk: Desk, origin: Origin, server: GitServer) -> None:
    commit = origin.commit("refs/heads/master", FILES)
    server.script = lambda path: (503, {})

    with pytest.raises(RunError, match=r"^\[checkout\] The repository could not be fetched"):
        desk.check_out(commit)

    assert len(server.asked) == 3


def test_a_server_that_asks_for_a_password_gets_none_and_nobody_is_asked(
    desk: Desk, origin: Origin, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    commit = origin.commit("refs/heads/master", FILES)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".netrc").write_text("default login ada password secret\n")
    (home / ".gitconfig").write_text(f"[credential]\n\thelper = \"!touch {home}/asked\"\n")
    monkeypatch.setenv("HOME", str(home))
    server.script = lambda path: (401, {"WWW-Authenticate": 'Basic realm="git"'})

    with pytest.raises(RunError, match=r"^\[checkout\] The repository could not be fetched"):
        desk.check_out(commit)

    assert len(server.asked) == 1
    assert not (home / "asked").exists()


def test_no_redirect_is_followed(desk: Desk, origin: Origin, server: GitServer) -> None:
    commit = origin.commit("refs/heads/master", FILES)
    server.script = lambda path: None if "elsewhere" in path else (302, {"Location": f"{server.url}/elsewhere{path}"})

    with pytest.raises(RunError, match=r"^\[checkout\] The repository could not be fetched"):
        desk.check_out(commit)

    assert not any("elsewhere" in path for path in server.asked)


def test_proxies_of_the_environment_are_not_used(desk: Desk, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = origin.commit("refs/heads/master", FILES)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setitem(os.environ, name, "http://127.0.0.1:1")

    assert (desk.check_out(commit) / "a.txt").exists()
