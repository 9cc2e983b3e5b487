"""The Python client, all that a program imports: submit a project, follow, list, get, cancel and rerun jobs, download artifacts."""
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from ci_client.artifacts import download_artifacts
from ci_client.connection import Connection, Notice
from ci_client.environment import DEFAULT_SERVER
from ci_client.errors import CiError, Refused, Unreachable
from ci_client.events import Event
from ci_client.following import Follower
from ci_client.identity import Identity, find_identity
from ci_client.job_id import checked_id
from ci_client.retry_delay import RetryPolicy
from ci_client.uploading import Progress, submit

__all__ = [
    "CiError", "Identity", "Refused", "RetryPolicy", "Unreachable", "cancel_job", "download_artifacts", "follow", "get_job", "list_jobs",
    "rerun_job", "submit_tests_async", "submit_tests_streaming",
]


def submit_tests_streaming(
    path: str | os.PathLike[str], server_url: str = DEFAULT_SERVER, *, token: str | None = None, priority: int | None = None,
    web_hook: str | None = None, identity: Identity | None = None, orders: Mapping[str, str] | None = None,
    progress: Progress | None = None, notice: Notice | None = None,
    retries: RetryPolicy | None = None,
) -> Iterator[Event]:
    """Submit the project in a folder, and follow its log; an interrupted stream is taken up where it broke off.

    `orders` has further fields of the form, such as `command`, `python` and `install`, lists with one item a line.
    The events are dictionaries: `job_id` first, then `log` with its `data`, and last, once, `complete` with its `success`. The token
    is CI_TOKEN where none is given, else that of `ci login`; the identity is what git knows.
    `progress` is told the bytes sent and their total, `notice` what a person may want to know.
    Raises CiError, which is a RuntimeError.
    """
    with Connection(server_url, token, retries=retries, notice=notice) as connection:
        response = submit(
            connection, "/submit-stream", Path(path), progress=progress,
            fields={"priority": priority, "web_hook": web_hook, **_told(identity, path), **(orders or {})})
        yield from Follower(connection, None, from_beginning=True).events(response)


def submit_tests_async(
    path: str | os.PathLike[str], server_url: str = DEFAULT_SERVER, *, token: str | None = None, priority: int | None = None,
    web_hook: str | None = None, identity: Identity | None = None, orders: Mapping[str, str] | None = None,
    progress: Progress | None = None, notice: Notice | None = None,
    retries: RetryPolicy | None = None,
) -> str:
    """Submit the project in a folder; returns the job's id without waiting for the job. Raises CiError."""
    with Connection(server_url, token, retries=retries, notice=notice) as connection:
        response = submit(
            connection, "/submit-async", Path(path), progress=progress,
            fields={"priority": priority, "web_hook": web_hook, **_told(identity, path), **(orders or {})})
        answer = connection.read_json(response)
    return checked_id(str(answer.get("job_id")) if isinstance(answer, dict) else "")


def follow(
    job_id: str, server_url: str = DEFAULT_SERVER, from_beginning: bool = False, *, last_event_id: str | None = None,
    token: str | None = None, notice: Notice | None = None, retries: RetryPolicy | None = None,
) -> Iterator[Event]:
    """A job's events from now on, from its log's beginning, or from behind an event, until the job is over.

    After a broken connection it comes back, and goes on with the byte behind the last one; `retries.give_up_after` says for how
    many seconds it tries. Raises CiError.
    """
    with Connection(server_url, token, retries=retries, notice=notice) as connection:
        yield from Follower(connection, checked_id(job_id), place=last_event_id, from_beginning=from_beginning).events()


def list_jobs(
    server_url: str = DEFAULT_SERVER, *, status: str | None = None, limit: int | None = None, identity: Identity | None = None,
    token: str | None = None, notice: Notice | None = None, retries: RetryPolicy | None = None,
) -> list[dict[str, Any]]:
    """The jobs, newest first: all of them, or those that stand so or are of this identity, or the first ones. Raises CiError."""
    asked = {"status": status, "limit": limit, **(identity or Identity()).fields()}
    wanted = {name: value for name, value in asked.items() if value is not None}
    with Connection(server_url, token, retries=retries, notice=notice) as connection:
        jobs = connection.ask("GET", "/jobs", params=wanted or None)
    if not isinstance(jobs, list) or not all(isinstance(job, dict) for job in jobs):
        raise Unreachable(f"{connection.server_url} does not answer like a job service: there is no list of jobs.")
    return jobs


def get_job(
    job_id: str, server_url: str = DEFAULT_SERVER, *, token: str | None = None, notice: Notice | None = None,
    retries: RetryPolicy | None = None,
) -> dict[str, Any]:
    """Where a job stands, and how it ended. Raises CiError."""
    with Connection(server_url, token, retries=retries, notice=notice) as connection:
        return cast(dict[str, Any], connection.ask("GET", f"/jobs/{checked_id(job_id)}"))


def cancel_job(
    job_id: str, server_url: str = DEFAULT_SERVER, *, token: str | None = None, notice: Notice | None = None,
    retries: RetryPolicy | None = None,
) -> dict[str, Any]:
    """Cancel a job, which may be done again; returns the job as it is then. Raises CiError."""
    with Connection(server_url, token, retries=retries, notice=notice) as connection:
        return cast(dict[str, Any], connection.ask("DELETE", f"/jobs/{checked_id(job_id)}"))


def rerun_job(
    job_id: str, server_url: str = DEFAULT_SERVER, *, token: str | None = None, notice: Notice | None = None,
    retries: RetryPolicy | None = None,
) -> dict[str, Any]:
    """Run a job's project once more; returns the new job. Raises CiError."""
    with Connection(server_url, token, retries=retries, notice=notice) as connection:
        return cast(dict[str, Any], connection.ask("POST", f"/jobs/{checked_id(job_id)}/rerun"))


def _told(identity: Identity | None, path: str | os.PathLike[str]) -> dict[str, str]:
    return (find_identity(Path(path)) if identity is None else identity).fields()
