"""GitHub's build artifacts: found by commit and name, and downloaded, through its REST API."""
from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

log = logging.getLogger(__name__)

PER_PAGE, MAX_PAGES = 100, 20
MAX_ANSWER = 16 << 20
LIMITED = (httpx.codes.FORBIDDEN, httpx.codes.TOO_MANY_REQUESTS)
WHOLE_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class NoBuild(Exception):
    """GitHub has no such artifact to give; the message says why, and holds nothing that GitHub said."""


class GitHubFailed(Exception):
    """GitHub did not answer as it should, so nobody knows; the message is for people."""


@dataclass(frozen=True, slots=True)
class BuildArtifact:
    """An artifact of a workflow's run; its zip has `size` bytes, as GitHub says."""

    repository: str
    artifact_id: int
    size: int


class GitHubBuilds:
    """The artifacts of workflows at GitHub's API, or one that speaks like it. `timeout` in seconds bounds each silence."""

    def __init__(
        self, base_url: str, token: str, *, timeout: float = 5, transport: httpx.BaseTransport | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base_url, self._token, self._timeout = base_url, token, timeout
        self._transport, self._monotonic = transport, monotonic

    def find(self, repository: str, commit: str, name: str, *, from_forks: bool) -> BuildArtifact:
        """The newest artifact of this name of a successful workflow's run on the commit.

        Such a run may be a stranger's, for a pull request of theirs: it counts only `from_forks`. Raises NoBuild, GitHubFailed.
        """
        if WHOLE_HASH.fullmatch(commit) is None:
            raise NoBuild("GitHub finds builds by whole hashes of commits only")
        found = self._workflow_runs(repository, commit)
        mine = [run for run in found if from_forks or _comes_from(run, repository)]
        built = [run for run in mine if run.get("conclusion") == "success"]
        if not built:
            raise NoBuild(_why_none(mine))
        expired = False
        for run in sorted(built, key=lambda run: run["id"], reverse=True):
            path = f"/repos/{repository}/actions/runs/{run['id']}/artifacts?name={quote(name, safe='')}"
            for artifact in self._items(path, "artifacts"):
                if artifact.get("name") == name and artifact.get("expired") is False:
                    return BuildArtifact(repository, artifact["id"], _size(artifact))
                expired = expired or artifact.get("name") == name
        raise NoBuild("the build's artifact has expired" if expired else "the commit's builds have no artifact of the configured name")

    def download(
        self, artifact: BuildArtifact, path: Path, *, limit: int, seconds: float, check: Callable[[], None] = lambda: None,
    ) -> None:
        """Write the artifact's zip into a new file; `check` is called now and then and may raise. Raises NoBuild, GitHubFailed.

        GitHub sends us on to a signed address on another host; our token is not for that one, nor is a second such answer followed.
        """
        if artifact.size > limit:
            raise NoBuild(f"the artifact has more than {limit} bytes")
        address = f"{self._base_url}/repos/{artifact.repository}/actions/artifacts/{artifact.artifact_id}/zip"
        deadline = self._monotonic() + seconds
        try:
            with self._client(self._token) as client, client.stream("GET", address) as answer:
                if not answer.is_redirect:
                    _require(answer)
                    self._write(answer, path, limit, deadline, check)
                    return
                signed = self._signed(answer)
            with self._client() as client, client.stream("GET", signed) as answer:
                _require(answer)
                self._write(answer, path, limit, deadline, check)
        except httpx.HTTPError as failed:
            raise GitHubFailed(_silence(failed)) from None

    def _write(
        self, answer: httpx.Response, path: Path, limit: int, deadline: float, check: Callable[[], None],
    ) -> None:
        size = 0
        with path.open("xb") as file:
            for chunk in answer.iter_bytes(1 << 16):
                size += len(chunk)
                if size > limit:
                    raise NoBuild(f"the artifact has more than {limit} bytes")
                if self._monotonic() > deadline:
                    raise GitHubFailed("the download took too long")
                check()
                file.write(chunk)

    def _signed(self, answer: httpx.Response) -> httpx.URL:
        try:
            signed = httpx.URL(answer.headers.get("Location", ""))
        except httpx.InvalidURL:
            signed = httpx.URL("")
        if not signed.host or signed.scheme not in ("https", urlsplit(self._base_url).scheme):
            raise GitHubFailed("GitHub sends downloads to an address that is none")
        return signed

    def _workflow_runs(self, repository: str, commit: str) -> list[dict[str, Any]]:
        runs = self._items(f"/repos/{repository}/actions/runs?head_sha={commit}", "workflow_runs")
        return [run for run in runs if run.get("head_sha") == commit]

    def _items(self, path: str, name: str) -> Iterator[dict[str, Any]]:
        """The items of all pages of a list; each has a number as its id."""
        seen = 0
        for page in range(1, MAX_PAGES + 1):
            answer = self._ask(f"{path}&per_page={PER_PAGE}&page={page}")
            total, items = answer.get("total_count"), answer.get(name)
            if not isinstance(total, int) or not isinstance(items, list):
                raise GitHubFailed("GitHub's answer is not what its API promises")
            yield from (item for item in items if isinstance(item, dict) and isinstance(item.get("id"), int))
            seen += len(items)
            if not items or seen >= total:
                return

    def _ask(self, path: str) -> dict[str, Any]:
        try:
            with self._client(self._token) as client, client.stream("GET", f"{self._base_url}{path}") as answer:
                _require(answer)
                content = b""
                for chunk in answer.iter_bytes():
                    content += chunk
                    if len(content) > MAX_ANSWER:
                        raise GitHubFailed("GitHub's answer is longer than is read")
        except httpx.HTTPError as failed:
            raise GitHubFailed(_silence(failed)) from None
        return _object(content)

    def _client(self, token: str = "") -> httpx.Client:
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return httpx.Client(headers=headers, timeout=self._timeout, transport=self._transport, trust_env=False, follow_redirects=False)


def _require(answer: httpx.Response) -> None:
    """Raise for an answer that is none: what is not there, what is limited, what is refused, what failed."""
    status = answer.status_code
    if status == httpx.codes.OK:
        return
    log.warning("GitHub answered %d", status)
    if status == httpx.codes.GONE:
        raise NoBuild("the build's artifact has expired")
    if status == httpx.codes.NOT_FOUND:
        raise NoBuild("GitHub knows no such repository or artifact, or the token may not see it")
    if status in LIMITED and (answer.headers.get("X-RateLimit-Remaining") == "0" or "Retry-After" in answer.headers):
        raise GitHubFailed("GitHub's rate limit is used up")
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise GitHubFailed("GitHub refuses the token")
    raise GitHubFailed(f"GitHub answered with status {status}")


def _object(content: bytes) -> dict[str, Any]:
    try:
        answer = httpx.Response(200, content=content).json()
    except (ValueError, RecursionError):
        raise GitHubFailed("GitHub's answer is no JSON") from None
    if not isinstance(answer, dict):
        raise GitHubFailed("GitHub's answer is not what its API promises")
    return answer


def _comes_from(run: dict[str, Any], repository: str) -> bool:
    head = run.get("head_repository")
    return isinstance(head, dict) and str(head.get("full_name")).lower() == repository.lower()


def _why_none(runs: list[dict[str, Any]]) -> str:
    if any(run.get("status") != "completed" for run in runs):
        return "the commit's build has not ended yet"
    return "the commit's builds have failed" if runs else "no workflow has built the commit"


def _size(artifact: dict[str, Any]) -> int:
    size = artifact.get("size_in_bytes")
    return size if isinstance(size, int) else 0


def _silence(failed: httpx.HTTPError) -> str:
    return f"GitHub did not answer as a server does ({type(failed).__name__})"
