"""Reports a run over HTTP in the workers' protocol, with retries."""
from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path

import httpx

from api.domain.errors import StoreFull
from api.domain.runs.infrastructure import InfrastructureType
from api.worker.run_error import RunError, WorkerLost

log = logging.getLogger(__name__)

MAX_MESSAGE_LENGTH = 500


class Answer(StrEnum):
    """The server's answer to a report."""

    OK = "OK"
    FAIL = "FAIL"
    EMPTY = "EMPTY"
    REFUSED = "REFUSED"


class Artifact(StrEnum):
    """The files of a run as a whole."""

    BINARY = "binary"
    COMBINED_STDOUT = "combined_stdout"
    COREDUMP = "coredump"


class RunClosed(Exception):
    """The server takes no reports of this run any more: it is over, or its token is not valid."""


class ServerUnreachable(WorkerLost):
    """The server accepted no report until the timeout."""

    def __init__(self) -> None:
        super().__init__(InfrastructureType.WEB_SERVER, "The server took no reports of the worker for too long.")


class ServerDiskFull(RunError):
    """The server's disk is full, and stayed full until the timeout."""

    def __init__(self) -> None:
        super().__init__(InfrastructureType.STORAGE, f"{StoreFull.MESSAGE} What the worker sent could not be stored.")


@dataclass(frozen=True)
class Retries:
    """How a report is repeated: for `timeout` seconds in all, after pauses that double from `first_pause` to `max_pause` seconds.

    A server that sends Retry-After is available: the wait that it asks for counts against `deferral` seconds in all instead, and is
    cut to `timeout` seconds.
    """

    timeout: float = 600
    first_pause: float = 0.5
    max_pause: float = 30
    deferral: float = 3600


class Reporter:
    """Sends the reports of one run. Every call retries transient failures, returns the server's answer, and raises RunClosed on a 403.

    `pause` waits between repeats and may raise to stop them. The run's token stands in the URL, so URLs are never logged.
    """

    def __init__(
        self, client: httpx.Client, server: str, run_id: int, token: str, *, retries: Retries, pause: Callable[[float], None],
        monotonic: Callable[[], float] = time.monotonic, random_fraction: Callable[[], float] = random.random,
    ) -> None:
        self._client, self._run_id = client, run_id
        self._url = f"{server}/ci/progress-reporter/{run_id}/{token}"
        self._retries, self._pause = retries, pause
        self._monotonic, self._random = monotonic, random_fraction

    def progress(self, status: str, message: str, **own: str) -> None:
        """Report preparation, testing, completed or canceled; raise RunClosed where the run cannot get there any more.

        `own` are fields of our own, unknown to other servers.
        """
        self._require({"type": "progress", "status": status, "message": message[:MAX_MESSAGE_LENGTH], **own})

    def equality(self, regression_id: int, output_id: int) -> None:
        """Report that an output is its baseline."""
        self._require({"type": "equality", "test_id": str(regression_id), "test_file_id": str(output_id)})

    def upload(self, regression_id: int, output_id: int, path: Path) -> Answer:
        """Send an output that differs from its baseline."""
        return self._send({"type": "upload", "test_id": str(regression_id), "test_file_id": str(output_id)}, path)

    def finish(self, regression_id: int, exit_code: int, runtime_ms: int) -> None:
        """Report the end of a regression test."""
        self._require({"type": "finish", "test_id": str(regression_id), "exitCode": str(exit_code), "runTime": str(runtime_ms)})

    def send_log(self, path: Path, regression_id: int | None = None) -> Answer:
        """Send the run's log, or, with its id (a field of our own, unknown to other servers), one regression test's."""
        own = {} if regression_id is None else {"test_id": str(regression_id)}
        return self._send({"type": "logupload", **own}, path)

    def send_artifact(self, kind: Artifact, path: Path) -> Answer:
        """Send the executable, the combined output or a core dump."""
        return self._send({"type": "artifactupload", "artifact_type": str(kind)}, path)

    def _require(self, fields: Mapping[str, str]) -> None:
        if self._send(fields, None) is Answer.FAIL:
            raise RunClosed

    def _send(self, fields: Mapping[str, str], path: Path | None) -> Answer:
        begun, pause, deferred = self._monotonic(), self._retries.first_pause, 0.0
        while True:
            response = self._attempt(fields, path)
            if response is not None and not _is_transient(response.status_code):
                return self._answer(fields, response)
            asked = None if response is None else retry_after(response.headers)
            wait = self._jittered(pause) if asked is None else min(max(asked, self._retries.first_pause), self._retries.timeout)
            is_full = response is not None and StoreFull.MESSAGE in response.text
            if asked is not None and not is_full and deferred + wait <= self._retries.deferral:
                deferred += wait
            if self._monotonic() - begun + wait - deferred > self._retries.timeout:
                raise ServerDiskFull if is_full else ServerUnreachable
            log.warning("run %d: %s not taken (%s); again in %.1f s", self._run_id, fields["type"], _describe(response), wait)
            self._pause(wait)
            pause = min(pause * 2, self._retries.max_pause)

    def _attempt(self, fields: Mapping[str, str], path: Path | None) -> httpx.Response | None:
        try:
            if path is None:
                return self._client.post(self._url, data=dict(fields))
            with path.open("rb") as content:
                part = (path.name, content, "application/octet-stream")
                return self._client.post(self._url, data=dict(fields), files={"file": part})
        except httpx.TransportError:
            return None

    def _jittered(self, pause: float) -> float:
        # Workers that lost the server at the same moment must not all retry at the same moment.
        return pause * (0.5 + self._random() / 2)

    def _answer(self, fields: Mapping[str, str], response: httpx.Response) -> Answer:
        if response.status_code == httpx.codes.FORBIDDEN:
            raise RunClosed
        if not response.is_success:
            log.error("run %d: %s refused with status %d", self._run_id, fields["type"], response.status_code)
            return Answer.REFUSED
        text = response.text.strip()
        return Answer(text) if text in list(Answer) else Answer.OK


def _is_transient(status: int) -> bool:
    return status >= 500 or status == httpx.codes.TOO_MANY_REQUESTS


def _describe(response: httpx.Response | None) -> str:
    return "no connection" if response is None else f"status {response.status_code}"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After header; None where it is missing or malformed.

    A date is compared with the server's own clock (`Date`) where that is sent.
    """
    asked = headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked)
    try:
        now = parsedate_to_datetime(headers["Date"]) if "Date" in headers else datetime.now(UTC)
        return max(0.0, (parsedate_to_datetime(asked) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
