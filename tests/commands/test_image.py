"""`ci-api image`: the image that a container engine runs jobs in."""
from __future__ import annotations

import socketserver
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from api.jobs.project import host_image
from tests.commands.conftest import Call
from tests.parts import need

OK = b"HTTP/1.0 200 OK\r\n\r\n"


class Engine(socketserver.ThreadingUnixStreamServer):
    """An engine that notes what it is sent, and answers as it is told to."""

    def __init__(self, path: Path, answer: bytes) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.taken = 0
        super().__init__(str(path), Conversation)


class Conversation(socketserver.StreamRequestHandler):
    """A request and its answer."""

    server: Engine

    def handle(self) -> None:
        path = self.rfile.readline().split()[1].decode()
        headers = dict(line.split(b": ") for line in iter(lambda: self.rfile.readline().strip(), b""))
        self.server.asked.append(path)
        left = int(headers.get(b"Content-Length", b"0"))
        while left and (chunk := self.rfile.read(min(left, 1 << 20))):
            left -= len(chunk)
            self.server.taken += len(chunk)
        self.wfile.write(OK + b"{}" if path == "/version" else self.server.answer)


@contextmanager
def engine(folder: Path, answer: bytes) -> Iterator[Engine]:
    with Engine(folder / "engine.sock", answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image of few packages, which is made quickly."""
    need("dpkg-query")
    need("ldd")
    monkeypatch.setattr(host_image, "PACKAGES", ("python3-minimal",))
    monkeypatch.setattr(host_image, "_python_packages", lambda: ["dash"])


def test_the_image_goes_to_the_engine_under_its_name(small: None, bare_call: Call, tmp_path: Path) -> None:
    with engine(tmp_path, OK + b'{"status":"sha256:1"}\n') as server:
        said = bare_call("image", CI_CONTAINER_SOCKET=str(tmp_path / "engine.sock"), CI_CONTAINER_IMAGE="localhost:5000/jobs:1.2")

    query = parse_qs(urlsplit(server.asked[-1]).query)
    assert (said.status, said.output) == (0, "The engine has the image localhost:5000/jobs:1.2.\n")
    assert (query["fromSrc"], query["repo"]) == (["-"], ["localhost:5000/jobs:1.2"])
    assert server.taken > 1 << 20


def test_a_file_gets_the_image_with_what_the_installer_is_linked_with(small: None, bare_call: Call, tmp_path: Path) -> None:
    said = bare_call("image", "--out", str(tmp_path / "image.tar"))

    with tarfile.open(tmp_path / "image.tar") as image:
        names = set(image.getnames())
        owners = {(each.uid, each.gid) for each in image}
    assert (said.status, said.output) == (0, f"Wrote {tmp_path / 'image.tar'}.\n")
    assert {"tmp", "workspace", "usr/bin/dash"} <= names
    assert any(name.endswith("/libgcc_s.so.1") for name in names)
    assert owners == {(0, 0)}
    assert [each.name for each in tmp_path.iterdir()] == ["image.tar"]


@pytest.mark.parametrize("answer", [
    b'HTTP/1.0 500 Internal Server Error\r\n\r\n{"message": "the disk is full"}', OK + b'{"status": "1"}\n{"error": "the disk is full"}\n'])
def test_what_the_engine_refuses_is_said(small: None, bare_call: Call, tmp_path: Path, answer: bytes) -> None:
    with engine(tmp_path, answer):
        said = bare_call("image", CI_CONTAINER_SOCKET=str(tmp_path / "engine.sock"), CI_CONTAINER_IMAGE="jobs")

    assert (said.status, said.errors) == (1, "ci-api: The image was not imported: the disk is full.\n")


def test_an_engine_that_is_away_is_said_before_the_work_begins(bare_call: Call, tmp_path: Path) -> None:
    said = bare_call("image", CI_CONTAINER_SOCKET=str(tmp_path / "engine.sock"), CI_CONTAINER_IMAGE="jobs")

    assert said.status == 1
    assert said.errors.startswith(f"ci-api: There is no engine for the image: the engine at {tmp_path / 'engine.sock'} does not answer")


@pytest.mark.parametrize("variables", [{}, {"CI_CONTAINER_SOCKET": "/run/a.sock"}, {"CI_CONTAINER_IMAGE": "jobs"}], ids=str)
def test_engine_and_image_must_be_named(bare_call: Call, variables: dict[str, str]) -> None:
    said = bare_call("image", **variables)

    assert said.status == 1
    assert said.errors.startswith("ci-api: CI_CONTAINER_SOCKET and CI_CONTAINER_IMAGE must say")


def test_a_host_without_debian_packages_is_told_so(bare_call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_image, "ENVIRONMENT", {"PATH": str(tmp_path)})

    said = bare_call("image", "--out", str(tmp_path / "image.tar"))

    assert (said.status, list(tmp_path.iterdir())) == (1, [])
    assert said.errors == "ci-api: This host has no Debian packages to make an image of: there is no dpkg-query.\n"


def test_a_place_that_cannot_be_written_to_is_said(small: None, bare_call: Call, tmp_path: Path) -> None:
    said = bare_call("image", "--out", str(tmp_path / "absent" / "image.tar"))

    assert said.status == 1
    assert said.errors == f"ci-api: The image could not be written to {tmp_path / 'absent'}: No such file or directory.\n"
