"""A server that speaks the workers' protocol, records all posts exactly, and can be told to misbehave."""
from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

Reply = tuple[int, str, dict[str, str]]


@dataclass(frozen=True)
class Post:
    """One report as it arrived."""

    path: str
    fields: dict[str, str]
    file: bytes | None = None
    file_name: str | None = None

    @property
    def kind(self) -> str:
        """The report's type."""
        return self.fields["type"]

    def brief(self) -> str:
        """The report in a few words, to compare whole conversations with."""
        names = ("status", "artifact_type", "test_id", "test_file_id", "exitCode")
        return " ".join([self.kind, *(self.fields[name] for name in names if name in self.fields)])


@dataclass
class StandIn:
    """The server; `script` may answer a post in its own way, or return None for OK."""

    posts: list[Post] = field(default_factory=list)
    maintenance: str = "False"
    script: Callable[[Post], Reply | None] = lambda post: None
    seen: threading.Condition = field(default_factory=threading.Condition)
    _server: ThreadingHTTPServer | None = None
    _port: int = 0

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self._port}"

    def briefs(self) -> list[str]:
        """All reports in a few words each."""
        with self.seen:
            return [post.brief() for post in self.posts]

    def of(self, kind: str) -> list[Post]:
        """The reports of one type."""
        with self.seen:
            return [post for post in self.posts if post.kind == kind]

    def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._reply((200, stand_in.maintenance, {}))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                post = _post(self.path, self.headers["Content-Type"], body)
                reply = stand_in.script(post)
                with stand_in.seen:
                    if reply is None:
                        stand_in.posts.append(post)
                        stand_in.seen.notify_all()
                self._reply(reply or (200, "OK", {}))

            def _reply(self, reply: Reply) -> None:
                status, text, headers = reply
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Stop listening; connections are refused until the next start."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def _post(path: str, content_type: str, body: bytes) -> Post:
    mimetype, options = parse_options_header(content_type)
    _, form, files = FormDataParser().parse(BytesIO(body), mimetype, len(body), options)
    file = files.get("file")
    if file is None:
        return Post(path, form.to_dict())
    with closing(file):
        return Post(path, form.to_dict(), file.read(), file.filename)
