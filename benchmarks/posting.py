"""A worker as the server sees one: form posts, one after the other, on a connection that is kept."""
from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.builders import BuiltTest

_BOUNDARY = "b" * 24


@dataclass(frozen=True)
class Post:
    """One message of a worker."""

    content_type: str
    body: bytes


def form(**fields: str | int) -> Post:
    """A urlencoded message."""
    return Post("application/x-www-form-urlencoded", urlencode(fields).encode())


def upload(test: BuiltTest, content: bytes) -> Post:
    """A multipart message with the file that a regression test produced."""
    fields = {"type": "upload", "test_id": test.regression_id, "test_file_id": test.output_id}
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()]
    file = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="out.srt"\r\n\r\n'.encode()
    return Post(
        f"multipart/form-data; boundary={_BOUNDARY}", b"".join([*parts, file, content, f"\r\n--{_BOUNDARY}--".encode()]))


def results(tests: Iterable[BuiltTest], *, uploads: bool = False) -> list[Post]:
    """Two messages for each test: its output, which matched or is sent, and its end."""
    posts = []
    for test in tests:
        posts.append(
            upload(test, f"1\n00:00:01,000 --> 00:00:02,000\n{test.regression_id}\n".encode() * 40) if uploads
            else form(type="equality", test_id=test.regression_id, test_file_id=test.output_id))
        posts.append(form(type="finish", test_id=test.regression_id, exitCode=0, runTime=1234))
    return posts


def whole_run(tests: Iterable[BuiltTest], *, uploads: bool = False) -> list[Post]:
    """A run from its first word to its last."""
    return [
        form(type="progress", status="preparation", message="Preparing"),
        form(type="progress", status="testing", message="Running tests"),
        *results(tests, uploads=uploads),
        form(type="progress", status="completed", message="Ran all tests")]


async def send(port: int, path: str, posts: Sequence[Post]) -> None:
    """Send the messages one after the other; SystemExit for an answer that is not `OK`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for post in posts:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {post.content_type}\r\n"
            f"Content-Length: {len(post.body)}\r\n\r\n")
        writer.write(head.encode() + post.body)
        answer = await reader.readuntil(b"\r\n\r\n")
        word = await reader.readexactly(_length(answer))
        if not answer.startswith(b"HTTP/1.1 200") or word != b"OK":
            raise SystemExit(f"{post.body[:100]!r} is answered {answer[:40]!r} {word!r}")
    writer.close()


def _length(head: bytes) -> int:
    line = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(line.partition(b":")[2])


def path_of(run_id: int, token: str) -> str:
    """Where a run's worker reports."""
    return f"/ci/progress-reporter/{run_id}/{token}"
